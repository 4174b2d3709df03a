//! Counters, bus and cache on real Redis servers: running, killed, flushed and silent. Each node is
//! a handle of its own in this process.

mod bus;
mod cache;
mod each;
mod kinds;
mod outages;
mod property;

use std::time::Duration;

use cluster::Redis;

/// The timeout of every wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls a state that sends no notification.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(5));
    let watched = async {
        while !is_so() {
            poll.tick().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, watched).await;
    assert!(seen.is_ok(), "timed out waiting for {what}");
}

/// A handle to the Redis at `url`, connected.
async fn connect(url: &str) -> Redis {
    let redis = Redis::open(url, None).expect("a valid url");
    until("a connection", || redis.is_up()).await;
    redis
}
