//! The circuit breaker: while Redis does not reply, and when it is available again.

use std::time::Duration;

use cluster::{Counters, Quota, Redis};
use domain::Clock as _;
use testkit::{FaultProxy, ManualClock};
use tokio::time::Instant;

use crate::{connect, until};

const QUOTA: Quota = Quota { burst: 1_000_000, per_s: 60 };

/// The timeout of 50 ms and what a busy machine adds.
const ONE_REPLY: Duration = Duration::from_millis(400);

async fn time_of_one_take(counters: &Counters) -> Duration {
    let began = Instant::now();
    assert!(counters.take("test", "any", QUOTA, ManualClock::new().now()).await.allowed);
    began.elapsed()
}

#[tokio::test]
async fn one_request_waits_for_a_silent_redis_and_the_others_do_not() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    assert!(redis.is_up() && redis.outages() == 0);
    server.pause(Duration::from_secs(1));
    assert!(time_of_one_take(&counters).await < ONE_REPLY);
    assert!(!redis.is_up() && redis.outages() == 1);
    let began = Instant::now();
    for _ in 0..1_000 {
        time_of_one_take(&counters).await;
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 1, "a failed reconnection is not a new outage");
    assert!(time_of_one_take(&counters).await < ONE_REPLY && redis.is_up());
}

#[tokio::test]
async fn no_request_waits_for_a_dead_connection() {
    let server = testkit::RedisServer::start();
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let redis = connect(&proxy.url_through(&server.url())).await;
    let counters = Counters::over(redis.clone());
    proxy.black_hole();
    assert!(time_of_one_take(&counters).await < ONE_REPLY);
    // The reconnect task tries to connect from here on.
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
async fn an_outage_is_detected_without_requests() {
    let mut server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    server.kill();
    until("an outage", || redis.outages() == 1).await;
    server.restart();
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 1);
}

#[tokio::test]
async fn a_redis_that_starts_later_is_connected() {
    let mut server = testkit::RedisServer::start();
    server.kill();
    let redis = Redis::open(&server.url(), None).unwrap();
    redis.first_attempt().await;
    assert!(!redis.is_up());
    server.restart();
    until("an answer", || redis.is_up()).await;
    assert_eq!(redis.outages(), 0, "a connection that never existed is not lost");
}

#[tokio::test]
async fn a_flush_is_not_an_outage() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    time_of_one_take(&counters).await;
    server.flush();
    server.command(&["SCRIPT", "FLUSH"]);
    time_of_one_take(&counters).await;
    assert!(redis.is_up() && redis.outages() == 0);
}

#[tokio::test]
async fn a_rejected_command_is_not_an_outage() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let counters = Counters::over(redis.clone());
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    time_of_one_take(&counters).await;
    assert!(redis.is_up() && redis.outages() == 0);
}
