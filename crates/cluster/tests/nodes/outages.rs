//! The breaker: what happens while Redis does not answer, and when it does again.

use std::time::Duration;

use cluster::{Counters, Quota, Redis};
use domain::Clock as _;
use testkit::{FaultProxy, ManualClock};
use tokio::time::Instant;

use crate::{connect, until};

const QUOTA: Quota = Quota { burst: 1_000_000, per_s: 60 };

/// Longer than 50 ms by what a busy machine adds.
const ONE_ANSWER: Duration = Duration::from_millis(400);

async fn time_of_one_take(counters: &Counters) -> Duration {
    let began = Instant::now();
    assert!(counters.take("test", "any", QUOTA, ManualClock::new().now()).await.allowed);
    began.elapsed()
}

#[tokio::test]
async fn one_request_waits_for_a_silent_redis_and_the_others_do_not() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    assert!(redis.is_up() && redis.outages() == 0);
    server.pause(Duration::from_secs(1));
    assert!(time_of_one_take(&counters).await < ONE_ANSWER);
    assert!(!redis.is_up() && redis.outages() == 1);
    let began = Instant::now();
    for _ in 0..1_000 {
        time_of_one_take(&counters).await;
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 1, "a new connection that fails is no new outage");
    assert!(time_of_one_take(&counters).await < ONE_ANSWER && redis.is_up());
}

#[tokio::test]
async fn nobody_waits_for_a_connection_that_leads_nowhere() {
    let server = testkit::Redis::start();
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let redis = connect(&proxy.url_through(&server.url())).await;
    let counters = Counters::over(redis.clone());
    proxy.black_hole();
    assert!(time_of_one_take(&counters).await < ONE_ANSWER);
    // The keeper is connecting all the time from here on.
    let began = Instant::now();
    for _ in 0..100 {
        time_of_one_take(&counters).await;
        tokio::task::yield_now().await;
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    proxy.pass();
    proxy.reset_all();
    until("an answer", || redis.is_up()).await;
}

#[tokio::test]
async fn an_outage_is_seen_while_nobody_asks() {
    let mut server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    server.kill();
    until("an outage", || redis.outages() == 1).await;
    server.restart();
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 1);
}

#[tokio::test]
async fn a_redis_that_comes_later_is_found() {
    let mut server = testkit::Redis::start();
    server.kill();
    let redis = Redis::open(&server.url(), None).unwrap();
    redis.tried().await;
    assert!(!redis.is_up());
    server.restart();
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 0, "what never was is not lost");
}

#[tokio::test]
async fn a_flushed_redis_is_no_outage() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    time_of_one_take(&counters).await;
    server.flush();
    server.command(&["SCRIPT", "FLUSH"]);
    time_of_one_take(&counters).await;
    assert!(redis.is_up() && redis.outages() == 0);
}

#[tokio::test]
async fn a_refused_command_is_no_outage() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    time_of_one_take(&counters).await;
    assert!(redis.is_up() && redis.outages() == 0);
}
