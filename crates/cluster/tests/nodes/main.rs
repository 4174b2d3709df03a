//! What nodes share, on real Redis of every kind: running, killed, emptied and silent. Each node is
//! a handle of its own in this process.

mod bus;
mod cache;
mod each;
mod kinds;
mod outages;
mod property;

use std::time::Duration;

use cluster::Redis;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something has come to be that gives no sign of it.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    let watch = async {
        while !is_so() {
            look.tick().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, watch).await;
    assert!(seen.is_ok(), "it never came to this: {what}");
}

/// A handle to the Redis at `url`, connected.
async fn connect(url: &str) -> Redis {
    let redis = Redis::open(url, None).expect("a good url");
    until("a connection", || redis.is_up()).await;
    redis
}
