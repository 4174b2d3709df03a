//! Rate-limit counters on a real Redis: the same decisions as in memory, shared by nodes, and
//! counted locally without it.

use cluster::{Counters, Quota};
use domain::Clock;
use domain::UnixMicros;
use testkit::{ManualClock, RedisServer, SeededEntropy, redis_url};

const QUOTA: Quota = Quota { burst: 5, per_s: 60 };

async fn granted(counters: &Counters, key: &str, now: UnixMicros) -> u32 {
    let mut granted = 0;
    for _ in 0..20 {
        granted += u32::from(counters.take("test", key, QUOTA, now).await.allowed);
    }
    granted
}

#[tokio::test]
async fn redis_decides_exactly_as_memory_does() {
    let shared = Counters::connect(&redis_url()).await.unwrap();
    let alone = Counters::in_memory();
    let (clock, chance) = (ManualClock::new(), SeededEntropy::new(7));
    for step in 0..300 {
        let now = UnixMicros(clock.now().0 + i64::try_from(chance.next_u64() % 999_999).unwrap());
        clock.set(now);
        clock.advance_seconds(i64::try_from(chance.next_u64() % 20).unwrap());
        let expected = alone.take("test", "same", QUOTA, now).await;
        assert_eq!(shared.take("test", "same", QUOTA, now).await, expected, "step {step}");
    }
}

#[tokio::test]
async fn two_nodes_share_one_quota() {
    let one = Counters::connect(&redis_url()).await.unwrap();
    let other = Counters::connect(&redis_url()).await.unwrap();
    let now = ManualClock::new().now();
    assert_eq!(granted(&one, "shared", now).await, 5);
    assert_eq!(granted(&other, "shared", now).await, 0);
    assert_eq!(granted(&other, "another", now).await, 5);
}

#[tokio::test]
async fn a_node_counts_locally_when_redis_dies() {
    let redis = RedisServer::start();
    let counters = Counters::connect(&redis.url()).await.unwrap();
    let now = ManualClock::new().now();
    assert_eq!(granted(&counters, "spent", now).await, 5);
    drop(redis);
    assert_eq!(granted(&counters, "spent", now).await, 0, "the last count of Redis is kept");
    assert_eq!(granted(&counters, "fresh", now).await, 5, "every permit is counted");
}

#[tokio::test]
async fn a_dead_redis_does_not_slow_down_every_request() {
    let redis = RedisServer::start();
    let url = redis.url();
    drop(redis);
    let counters = Counters::connect(&url).await.unwrap();
    let started = tokio::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(granted(&counters, "spent", ManualClock::new().now()).await % 5, 0);
    }
    assert!(started.elapsed().as_millis() < 1_000, "1000 requests waited for a dead Redis");
}

#[tokio::test]
async fn a_node_starts_without_redis_but_not_with_a_malformed_url() {
    let counters = Counters::connect("redis://127.0.0.1:1/").await.unwrap();
    assert_eq!(granted(&counters, "ada", ManualClock::new().now()).await, 5);
    let Err(error) = Counters::connect("http://:secret@127.0.0.1/").await else {
        panic!("expected an error");
    };
    assert!(!format!("{error} {error:?}").contains("secret"));
}
