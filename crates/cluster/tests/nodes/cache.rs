//! The cache on one node and on two: which callers load, and that an invalidated value is not
//! served.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cluster::{Bus, BusEvent, BusMessage, CacheConfig, CacheError, Family, Redis, TagCache};
use testkit::{ManualClock, SeededEntropy};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::{connect, until};

const BOARD: Family = Family::Leaderboard;

/// A source of one number that counts its loads.
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

/// A node with its cache, fed by the bus.
pub(crate) struct Node {
    pub(crate) cache: TagCache,
    pub(crate) redis: Redis,
    pub(crate) received: watch::Receiver<Received>,
    receiver: JoinHandle<()>,
}

/// What the cache of a node has received from the bus.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) tags: HashSet<String>,
    pub(crate) gaps: u64,
}

impl Node {
    pub(crate) async fn start(url: &str, clock: &ManualClock, seed: u64) -> Self {
        let redis = connect(url).await;
        let bus = Bus::over(&redis, "node", &SeededEntropy::new(seed));
        until("a subscription", || bus.is_subscribed()).await;
        let mut subscription = bus.subscribe();
        let clock = Arc::new(clock.clone());
        let cache = TagCache::new(CacheConfig::default(), clock, bus.clone());
        let (sender, received) = watch::channel(Received::default());
        let receiving = cache.clone();
        let receiver = tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                receiving.on_event(&event);
                sender.send_modify(|received| match event {
                    BusEvent::Message(BusMessage::Tags(tags)) => received.tags.extend(tags),
                    BusEvent::Message(_) => {}
                    BusEvent::Gap => received.gaps += 1,
                });
            }
        });
        let node = Self { cache, redis, received, receiver };
        until("the first gap", || node.received.borrow().gaps > 0).await;
        node
    }

    async fn get(&self, source: &Source) -> u64 {
        get(&self.cache, source).await
    }

    async fn receives(&self, tag: &str) {
        until(tag, || self.received.borrow().tags.contains(tag)).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

async fn get(cache: &TagCache, source: &Source) -> u64 {
    let source = source.clone();
    *cache.get_or_load(BOARD, "top", &["board"], || source.load()).await.expect("it loads")
}

fn single_node(clock: &ManualClock) -> TagCache {
    TagCache::new(CacheConfig::default(), Arc::new(clock.clone()), Bus::alone())
}

#[tokio::test]
async fn a_value_is_loaded_once_until_its_tag_is_invalidated() {
    let (cache, source) = (single_node(&ManualClock::new()), Source::default());
    source.set(1);
    assert_eq!((get(&cache, &source).await, get(&cache, &source).await), (1, 1));
    source.set(2);
    cache.invalidate("another");
    assert_eq!((get(&cache, &source).await, source.loads()), (1, 1));
    cache.invalidate("board");
    assert_eq!((get(&cache, &source).await, source.loads()), (2, 2));
    source.set(3);
    cache.clear();
    assert_eq!((get(&cache, &source).await, source.loads()), (3, 3));
}

#[tokio::test]
async fn an_expired_value_is_served_while_one_task_reloads_it() {
    let clock = ManualClock::new();
    let (cache, source) = (single_node(&clock), Source::default());
    source.set(1);
    get(&cache, &source).await;
    clock.advance_seconds(300);
    assert_eq!((get(&cache, &source).await, source.loads()), (1, 1), "it is still fresh");
    source.set(2);
    clock.advance_seconds(1);
    assert_eq!((get(&cache, &source).await, get(&cache, &source).await), (1, 1));
    until("a load in the background", || source.loads() == 2).await;
    assert_eq!((get(&cache, &source).await, source.loads()), (2, 2));
    clock.advance_seconds(601);
    source.set(3);
    assert_eq!(get(&cache, &source).await, 3, "after twice its lifetime it is not served");
    clock.advance_seconds(-10_000);
    source.set(4);
    assert_eq!(get(&cache, &source).await, 4, "a clock that was set back extends no lifetime");
}

#[tokio::test]
async fn an_invalidated_value_is_not_served_while_it_is_loaded() {
    let clock = ManualClock::new();
    let (cache, source) = (single_node(&clock), Source::default());
    get(&cache, &source).await;
    clock.advance_seconds(301);
    source.set(2);
    cache.invalidate("board");
    assert_eq!(get(&cache, &source).await, 2);
}

#[tokio::test]
async fn concurrent_callers_share_one_load_and_its_error() {
    let cache = single_node(&ManualClock::new());
    let (loads, go) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let spawn_get = || {
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
    let first = spawn_get();
    let others: Vec<_> = (0..50).map(|_| spawn_get()).collect();
    until("a load", || loads.load(Ordering::SeqCst) == 1).await;
    first.abort();
    go.notify_one();
    for task in others {
        let failed = task.await.unwrap();
        assert!(matches!(failed, Err(CacheError::Load(error)) if *error == "no"));
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let source = Source::default();
    source.set(7);
    assert_eq!(get(&cache, &source).await, 7, "an error is not cached");
}

#[tokio::test]
async fn a_load_that_panics_is_lost_and_the_key_can_be_loaded_again() {
    let cache = single_node(&ManualClock::new());
    let load = async || if cfg!(test) { panic!("planted") } else { Ok::<u64, String>(1) };
    let lost = cache.get_or_load(BOARD, "top", &["board"], load).await;
    assert!(matches!(lost, Err(CacheError::Lost)));
    let source = Source::default();
    source.set(7);
    assert_eq!(get(&cache, &source).await, 7);
}

#[tokio::test]
async fn a_value_that_is_too_large_is_served_and_not_stored() {
    let config = CacheConfig { value_bytes_max: 10, ..CacheConfig::default() };
    let cache = TagCache::new(config, Arc::new(ManualClock::new()), Bus::alone());
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
async fn a_disconnected_node_serves_its_cache_for_seconds_only() {
    let (mut server, clock) = (testkit::RedisServer::start(), ManualClock::new());
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
async fn a_load_that_started_before_an_invalidation_is_neither_joined_nor_stored() {
    let cache = single_node(&ManualClock::new());
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

#[tokio::test]
async fn an_invalidation_reaches_the_other_node() {
    for server in [testkit::RedisServer::start(), testkit::RedisServer::start_cluster()] {
        let (clock, source) = (ManualClock::new(), Source::default());
        let one = Node::start(&server.url(), &clock, 1).await;
        let other = Node::start(&server.url(), &clock, 2).await;
        source.set(1);
        assert_eq!((one.get(&source).await, other.get(&source).await), (1, 1));
        source.set(2);
        one.cache.invalidate("board");
        assert_eq!(one.get(&source).await, 2, "on this node it is invalid at once");
        other.receives("board").await;
        assert_eq!(other.get(&source).await, 2);
        source.set(3);
        one.cache.invalidate_local("board");
        // Messages arrive in order: after "mark", nothing about "board" is on its way.
        one.cache.invalidate("mark");
        other.receives("mark").await;
        assert_eq!((one.get(&source).await, other.get(&source).await), (3, 2));
        assert_eq!(server.command(&["DBSIZE"]), ":0", "no values are in Redis");
    }
}

#[tokio::test]
async fn a_tag_invalidated_without_redis_clears_the_other_node_when_redis_is_back() {
    let (server, clock, source) =
        (testkit::RedisServer::start(), ManualClock::new(), Source::default());
    let proxy = testkit::FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let cut_off = Node::start(&proxy.url_through(&server.url()), &clock, 1).await;
    let connected = Node::start(&server.url(), &clock, 2).await;
    source.set(1);
    assert_eq!((connected.get(&source).await, cut_off.get(&source).await), (1, 1));
    proxy.refuse();
    proxy.reset_all();
    until("an outage", || cut_off.redis.outages() > 0).await;
    source.set(2);
    let gaps = connected.received.borrow().gaps;
    cut_off.cache.invalidate("board");
    assert_eq!(cut_off.get(&source).await, 2);
    assert_eq!(connected.get(&source).await, 1, "the message was dropped");
    proxy.pass();
    until("a gap", || connected.received.borrow().gaps > gaps).await;
    assert_eq!((connected.get(&source).await, cut_off.get(&source).await), (2, 2));
}

#[tokio::test]
async fn a_silent_redis_delays_neither_invalidations_nor_loads() {
    let (server, clock, source) =
        (testkit::RedisServer::start(), ManualClock::new(), Source::default());
    let node = Node::start(&server.url(), &clock, 1).await;
    server.pause(Duration::from_millis(1_500));
    let began = tokio::time::Instant::now();
    for round in 0..50 {
        source.set(round);
        node.cache.invalidate("board");
        assert_eq!(node.get(&source).await, round);
    }
    assert!(began.elapsed() < Duration::from_millis(1_000), "{:?}", began.elapsed());
}
