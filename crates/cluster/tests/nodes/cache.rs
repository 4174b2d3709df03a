//! The cache on one node and on two: who loads, what is served, and what is never served again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::{Bus, CacheConfig, CacheError, Family, Heard, Message, Redis, TagCache};
use testkit::{ManualClock, SeededEntropy};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::{connect, until};

const BOARD: Family = Family::Leaderboard;

/// What is loaded from: one number, and how often it was.
#[derive(Clone, Default)]
pub(crate) struct Source(Arc<(AtomicU64, AtomicU64)>);

impl Source {
    pub(crate) fn set(&self, value: u64) {
        self.0.0.store(value, Ordering::SeqCst);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.0.load(Ordering::SeqCst)
    }

    fn loads(&self) -> u64 {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) async fn load(self) -> Result<u64, String> {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.value())
    }
}

/// A node with all it has to share.
pub(crate) struct Node {
    pub(crate) cache: TagCache,
    pub(crate) redis: Redis,
    pub(crate) heard: watch::Receiver<HeardSoFar>,
    hears: JoinHandle<()>,
}

/// What a node has heard.
#[derive(Default)]
pub(crate) struct HeardSoFar {
    pub(crate) tags: HashSet<String>,
    pub(crate) gaps: u64,
}

impl Node {
    pub(crate) async fn start(url: &str, clock: &ManualClock, seed: u64) -> Self {
        let redis = connect(url).await;
        let chance = Arc::new(SeededEntropy::new(seed));
        let bus = Bus::over(&redis, "node", &*chance);
        let mut hearing = bus.subscribe();
        let config = CacheConfig { invalidate_interval_ms: 20, ..CacheConfig::default() };
        let clock = Arc::new(clock.clone());
        let cache = TagCache::over(config, clock, chance, redis.clone(), bus.clone());
        let (sender, heard) = watch::channel(HeardSoFar::default());
        let hearer = cache.clone();
        let hears = tokio::spawn(async move {
            while let Some(heard) = hearing.next().await {
                hearer.hear(&heard);
                sender.send_modify(|so_far| match heard {
                    Heard::Message(Message::Tags(tags)) => so_far.tags.extend(tags),
                    Heard::Message(_) => {}
                    Heard::Gap => so_far.gaps += 1,
                });
            }
        });
        let node = Self { cache, redis, heard, hears };
        until("a subscription", || node.heard.borrow().gaps > 0 && bus.hears()).await;
        node
    }

    async fn get(&self, source: &Source) -> u64 {
        get(&self.cache, source).await
    }

    async fn hears_of(&self, tag: &str) {
        until(tag, || self.heard.borrow().tags.contains(tag)).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.hears.abort();
    }
}

async fn get(cache: &TagCache, source: &Source) -> u64 {
    let source = source.clone();
    *cache.get_or_load(BOARD, "top", &["board"], || source.load()).await.expect("it loads")
}

fn alone(clock: &ManualClock) -> TagCache {
    TagCache::in_memory(CacheConfig::default(), Arc::new(clock.clone()))
}

#[tokio::test]
async fn a_value_is_loaded_once_until_its_tag_is_invalidated() {
    let (cache, source) = (alone(&ManualClock::new()), Source::default());
    source.set(1);
    assert_eq!((get(&cache, &source).await, get(&cache, &source).await), (1, 1));
    source.set(2);
    cache.invalidate("another");
    assert_eq!((get(&cache, &source).await, source.loads()), (1, 1));
    cache.invalidate("board");
    assert_eq!((get(&cache, &source).await, source.loads()), (2, 2));
    source.set(3);
    cache.invalidate_all();
    assert_eq!((get(&cache, &source).await, source.loads()), (3, 3));
}

#[tokio::test]
async fn a_value_past_its_time_is_served_while_one_task_loads_it() {
    let clock = ManualClock::new();
    let (cache, source) = (alone(&clock), Source::default());
    source.set(1);
    get(&cache, &source).await;
    clock.advance_seconds(300);
    assert_eq!((get(&cache, &source).await, source.loads()), (1, 1), "it is just fresh");
    source.set(2);
    clock.advance_seconds(1);
    assert_eq!((get(&cache, &source).await, get(&cache, &source).await), (1, 1));
    until("a load in the background", || source.loads() == 2).await;
    assert_eq!((get(&cache, &source).await, source.loads()), (2, 2));
    clock.advance_seconds(601);
    source.set(3);
    assert_eq!(get(&cache, &source).await, 3, "twice its time is too old for anybody");
    clock.advance_seconds(-10_000);
    source.set(4);
    assert_eq!(get(&cache, &source).await, 4, "a clock that was set back keeps nothing young");
}

#[tokio::test]
async fn an_invalidated_value_is_not_served_while_it_is_loaded() {
    let clock = ManualClock::new();
    let (cache, source) = (alone(&clock), Source::default());
    get(&cache, &source).await;
    clock.advance_seconds(301);
    source.set(2);
    cache.invalidate("board");
    assert_eq!(get(&cache, &source).await, 2);
}

#[tokio::test]
async fn all_who_ask_at_once_share_one_load_and_its_failure() {
    let cache = alone(&ManualClock::new());
    let (loads, go) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let ask = || {
        let (cache, loads, go) = (cache.clone(), Arc::clone(&loads), Arc::clone(&go));
        tokio::spawn(async move {
            let load = async move || {
                loads.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                Err::<u64, _>("no".to_owned())
            };
            cache.get_or_load(BOARD, "top", &["board"], load).await
        })
    };
    let first = ask();
    let others: Vec<_> = (0..50).map(|_| ask()).collect();
    until("a load", || loads.load(Ordering::SeqCst) == 1).await;
    first.abort();
    go.notify_one();
    for asked in others {
        let failed = asked.await.unwrap();
        assert!(matches!(failed, Err(CacheError::Load(error)) if *error == "no"));
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let source = Source::default();
    source.set(7);
    assert_eq!(get(&cache, &source).await, 7, "a failure is not kept");
}

#[tokio::test]
async fn a_load_that_panics_is_lost_and_frees_the_place() {
    let cache = alone(&ManualClock::new());
    let load = async || if cfg!(test) { panic!("asked to") } else { Ok::<u64, String>(1) };
    let lost = cache.get_or_load(BOARD, "top", &["board"], load).await;
    assert!(matches!(lost, Err(CacheError::Lost)));
    let source = Source::default();
    source.set(7);
    assert_eq!(get(&cache, &source).await, 7);
}

#[tokio::test]
async fn a_load_that_began_before_an_invalidation_is_neither_joined_nor_kept() {
    let server = testkit::Redis::start();
    let shared = Node::start(&server.url(), &ManualClock::new(), 1).await;
    for cache in [alone(&ManualClock::new()), shared.cache.clone()] {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let old = tokio::spawn({
            let (cache, began, go) = (cache.clone(), Arc::clone(&began), Arc::clone(&go));
            let load = async move || {
                began.notify_one();
                go.notified().await;
                Ok::<u64, String>(1)
            };
            async move { cache.get_or_load(BOARD, "top", &["board"], load).await }
        });
        began.notified().await;
        cache.invalidate("board");
        cache.settled().await;
        let source = Source::default();
        source.set(2);
        let new = tokio::spawn({
            let (cache, source) = (cache.clone(), source.clone());
            async move { get(&cache, &source).await }
        });
        tokio::task::yield_now().await;
        go.notify_one();
        assert_eq!(*old.await.unwrap().unwrap(), 1);
        assert_eq!(new.await.unwrap(), 2);
        assert_eq!((get(&cache, &source).await, source.loads()), (2, 1));
    }
}

#[tokio::test]
async fn a_value_that_is_too_large_is_served_and_not_kept() {
    let config = CacheConfig { value_bytes_max: 10, ..CacheConfig::default() };
    let cache = TagCache::in_memory(config, Arc::new(ManualClock::new()));
    let loads = Arc::new(AtomicU64::new(0));
    for _ in 0..2 {
        let loads = Arc::clone(&loads);
        let load = async move || {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, String>("x".repeat(10))
        };
        let value = cache.get_or_load(BOARD, "top", &["board"], load).await.unwrap();
        assert_eq!(value.len(), 10);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn two_nodes_load_once_and_both_hear_of_an_invalidation() {
    for server in [testkit::Redis::start(), testkit::Redis::start_cluster()] {
        let (clock, source) = (ManualClock::new(), Source::default());
        let one = Node::start(&server.url(), &clock, 1).await;
        let other = Node::start(&server.url(), &clock, 2).await;
        source.set(1);
        assert_eq!(one.get(&source).await, 1);
        until("it is in Redis", || server.command(&["DBSIZE"]) == ":3").await;
        assert_eq!((other.get(&source).await, source.loads()), (1, 1));
        source.set(2);
        one.cache.invalidate("board");
        assert_eq!(one.get(&source).await, 2, "here it is old at once");
        other.hears_of("board").await;
        assert_eq!(other.get(&source).await, 2);
    }
}

#[tokio::test]
async fn a_value_past_its_time_in_redis_is_served_once_more_and_loaded() {
    let (server, clock, source) = (testkit::Redis::start(), ManualClock::new(), Source::default());
    let one = Node::start(&server.url(), &clock, 1).await;
    source.set(1);
    one.get(&source).await;
    until("it is in Redis", || server.command(&["DBSIZE"]) == ":3").await;
    clock.advance_seconds(301);
    let other = Node::start(&server.url(), &clock, 2).await;
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let load = async move || {
        gate.notified().await;
        Ok::<u64, String>(2)
    };
    let stale = other.cache.get_or_load(BOARD, "top", &["board"], load).await.unwrap();
    assert_eq!(*stale, 1);
    assert_eq!((other.get(&source).await, source.loads()), (1, 1), "one load is under way");
    go.notify_one();
    let key = "openbell:cache:leaderboard:top";
    until("it is kept", || server.command(&["GET", key]).contains(":2}")).await;
    assert_eq!((other.get(&source).await, source.loads()), (2, 1));
}

#[tokio::test]
async fn a_flush_makes_old_what_is_in_redis_and_nothing_comes_back() {
    let (server, clock, source) = (testkit::Redis::start(), ManualClock::new(), Source::default());
    let one = Node::start(&server.url(), &clock, 1).await;
    source.set(1);
    one.get(&source).await;
    until("it is in Redis", || server.command(&["DBSIZE"]) == ":3").await;
    let entry = server.command(&["GET", "openbell:cache:leaderboard:top"]);
    server.flush();
    // As if the write had come after the flush.
    server.command(&["SET", "openbell:cache:leaderboard:top", entry.trim_start_matches('$')]);
    source.set(2);
    let other = Node::start(&server.url(), &clock, 2).await;
    assert_eq!(other.get(&source).await, 2);
}

#[tokio::test]
async fn what_is_invalidated_while_redis_is_away_is_old_when_it_is_back() {
    let (server, clock, source) = (testkit::Redis::start(), ManualClock::new(), Source::default());
    let proxy = testkit::FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let cut_off = Node::start(&proxy.url_through(&server.url()), &clock, 1).await;
    let well = Node::start(&server.url(), &clock, 2).await;
    source.set(1);
    assert_eq!(well.get(&source).await, 1);
    assert_eq!(cut_off.get(&source).await, 1);
    proxy.refuse();
    proxy.reset_all();
    source.set(2);
    cut_off.cache.invalidate("board");
    assert_eq!(cut_off.get(&source).await, 2);
    assert_eq!(well.get(&source).await, 1, "nobody could tell it");
    proxy.pass();
    well.hears_of("board").await;
    cut_off.cache.settled().await;
    assert_eq!((well.get(&source).await, cut_off.get(&source).await), (2, 2));
}

#[tokio::test]
async fn after_an_outage_all_that_redis_holds_is_old() {
    let (server, clock, source) = (testkit::Redis::start(), ManualClock::new(), Source::default());
    let proxy = testkit::FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let node = Node::start(&proxy.url_through(&server.url()), &clock, 1).await;
    source.set(1);
    node.get(&source).await;
    until("it is in Redis", || server.command(&["DBSIZE"]) == ":3").await;
    proxy.reset_all();
    until("an outage", || node.redis.outages() > 0).await;
    source.set(2);
    node.cache.settled().await;
    let other = Node::start(&server.url(), &clock, 2).await;
    assert_eq!(other.get(&source).await, 2);
}

#[tokio::test]
async fn a_node_that_hears_nothing_trusts_its_memory_for_seconds_only() {
    let (mut server, clock) = (testkit::Redis::start(), ManualClock::new());
    let (node, source) = (Node::start(&server.url(), &clock, 1).await, Source::default());
    source.set(1);
    node.get(&source).await;
    server.kill();
    until("an outage", || !node.redis.is_up()).await;
    source.set(2);
    assert_eq!(node.get(&source).await, 1);
    clock.advance_seconds(6);
    assert_eq!(node.get(&source).await, 2);
    assert_eq!((node.get(&source).await, source.loads()), (2, 2));
}

#[tokio::test]
async fn a_silent_redis_costs_one_wait_and_no_value() {
    let (server, clock, source) = (testkit::Redis::start(), ManualClock::new(), Source::default());
    let node = Node::start(&server.url(), &clock, 1).await;
    server.pause(Duration::from_millis(1_500));
    let began = tokio::time::Instant::now();
    for round in 0..50 {
        source.set(round);
        node.cache.invalidate("board");
        assert_eq!(node.get(&source).await, round);
    }
    assert!(began.elapsed() < Duration::from_millis(1_000), "{:?}", began.elapsed());
    node.cache.settled().await;
    assert_eq!(node.get(&source).await, 49);
}

#[tokio::test]
async fn many_invalidations_are_few_messages() {
    let (server, clock) = (testkit::Redis::start(), ManualClock::new());
    let one = Node::start(&server.url(), &clock, 1).await;
    let redis = connect(&server.url()).await;
    let bus = Bus::over(&redis, "witness", &SeededEntropy::new(3));
    let mut hearing = bus.subscribe();
    assert_eq!(hearing.next().await, Some(Heard::Gap));
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let counting = tokio::spawn(async move {
        while let Some(Heard::Message(Message::Tags(_))) = hearing.next().await {
            *count.lock().unwrap() += 1;
        }
    });
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_millis(200) {
        one.cache.invalidate("board");
        tokio::task::yield_now().await;
    }
    one.cache.settled().await;
    let intervals = began.elapsed().as_millis() / 20;
    until("the last", || *heard.lock().unwrap() > 1).await;
    assert!(*heard.lock().unwrap() <= intervals + 2);
    counting.abort();
}
