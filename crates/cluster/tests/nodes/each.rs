//! Many small values at once: what is loaded of them, together and only once, and what of it is
//! not served again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use cluster::{CacheConfig, CacheError, Family, Group, TagCache};
use testkit::ManualClock;

use crate::cache::Node;
use crate::until;

const NAMES: Group = Group { family: Family::Leaderboard, number: 1, tag };

fn tag(id: i64) -> String {
    format!("player:{id}")
}

/// What is loaded from, and what was asked of it.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    names: HashMap<i64, String>,
    loads: Vec<Vec<i64>>,
}

impl Names {
    fn of(names: &[(i64, &str)]) -> Self {
        let all = Self::default();
        names.iter().for_each(|(id, name)| all.set(*id, name));
        all
    }

    fn set(&self, id: i64, name: &str) {
        self.lock().names.insert(id, name.to_owned());
    }

    fn loads(&self) -> Vec<Vec<i64>> {
        self.lock().loads.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with it")
    }

    async fn load(self, ids: Vec<i64>) -> Result<HashMap<i64, String>, String> {
        let mut all = self.lock();
        all.loads.push(ids.clone());
        if ids.contains(&-1) {
            return Err("no".to_owned());
        }
        let found = |id: i64| all.names.get(&id).map(|name| (id, name.clone()));
        Ok(ids.into_iter().filter_map(found).collect())
    }

    async fn ask(&self, cache: &TagCache, group: Group, ids: &[i64]) -> Vec<String> {
        let names = self.clone();
        let load = move |ids| names.load(ids);
        let found = cache.get_or_load_each(group, ids, load).await.expect("they load");
        let name = |id: &i64| found.get(id).map_or("nobody".to_owned(), |name| name.to_string());
        ids.iter().map(name).collect()
    }
}

fn alone(clock: &ManualClock) -> TagCache {
    TagCache::in_memory(CacheConfig::default(), Arc::new(clock.clone()))
}

#[tokio::test]
async fn only_what_is_not_known_is_loaded_and_all_of_it_at_once() {
    let (cache, names) = (alone(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b"), (3, "c")]));
    assert_eq!(names.ask(&cache, NAMES, &[2, 1, 2]).await, ["b", "a", "b"]);
    assert_eq!(names.ask(&cache, NAMES, &[1, 3, 9, 2]).await, ["a", "c", "nobody", "b"]);
    assert_eq!(names.ask(&cache, NAMES, &[3, 1]).await, ["c", "a"]);
    assert_eq!(names.loads(), [vec![1, 2], vec![3, 9]]);
    let others = Group { number: 2, ..NAMES };
    assert_eq!(names.ask(&cache, others, &[1]).await, ["a"]);
    assert_eq!(names.ask(&cache, NAMES, &[9]).await, ["nobody"], "what is not there is not kept");
    assert_eq!(names.ask(&cache, NAMES, &[]).await, [""; 0]);
    assert_eq!(names.loads()[2..], [vec![1], vec![9]]);
}

#[tokio::test]
async fn an_invalidated_value_is_loaded_again_without_the_others() {
    let (cache, names) = (alone(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b")]));
    names.ask(&cache, NAMES, &[1, 2]).await;
    names.set(1, "A");
    cache.invalidate("player:3");
    assert_eq!(names.ask(&cache, NAMES, &[1, 2]).await, ["a", "b"]);
    cache.invalidate("player:1");
    assert_eq!(names.ask(&cache, NAMES, &[1, 2]).await, ["A", "b"]);
    cache.invalidate_all();
    assert_eq!(names.ask(&cache, NAMES, &[1, 2]).await, ["A", "b"]);
    assert_eq!(names.loads(), [vec![1, 2], vec![1], vec![1, 2]]);
}

#[tokio::test]
async fn values_past_their_time_are_served_while_they_are_loaded() {
    let clock = ManualClock::new();
    let (cache, names) = (alone(&clock), Names::of(&[(1, "a"), (2, "b")]));
    names.ask(&cache, NAMES, &[1]).await;
    clock.advance_seconds(200);
    names.ask(&cache, NAMES, &[2]).await;
    clock.advance_seconds(101);
    names.set(1, "A");
    assert_eq!(names.ask(&cache, NAMES, &[1, 2]).await, ["a", "b"], "one is stale");
    until("a load in the background", || names.loads().len() == 3).await;
    assert_eq!(names.loads()[2], [1]);
    until("it is kept", || {
        let asked = names.ask(&cache, NAMES, &[1]);
        futures_util::FutureExt::now_or_never(asked).is_some_and(|found| found == ["A"])
    })
    .await;
    clock.advance_seconds(601);
    names.set(2, "B");
    assert_eq!(names.ask(&cache, NAMES, &[2]).await, ["B"], "twice its time is too old");
}

#[tokio::test]
async fn a_load_that_fails_is_told_and_keeps_what_was_known() {
    let (cache, names) = (alone(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b")]));
    names.ask(&cache, NAMES, &[1]).await;
    let load = names.clone();
    let failed = cache.get_or_load_each(NAMES, &[1, 2, -1], move |ids| load.load(ids)).await;
    assert!(matches!(failed, Err(CacheError::Load(error)) if *error == "no"));
    assert_eq!(names.ask(&cache, NAMES, &[1, 2]).await, ["a", "b"]);
    assert_eq!(names.loads(), [vec![1], vec![-1, 2], vec![2]]);
}

#[tokio::test]
async fn what_does_not_fit_is_served_and_not_kept() {
    let default = CacheConfig::default;
    for config in [
        CacheConfig { value_bytes_max: 10, ..default() },
        CacheConfig { memory_bytes_max: 0, ..default() },
    ] {
        let cache = TagCache::in_memory(config, Arc::new(ManualClock::new()));
        let names = Names::of(&[(1, "a name of twenty ch.")]);
        for _ in 0..2 {
            assert_eq!(names.ask(&cache, NAMES, &[1]).await, ["a name of twenty ch."]);
        }
        assert_eq!(names.loads(), [[1], [1]]);
    }
}

#[tokio::test]
async fn memory_is_bounded_and_keeps_what_is_asked_for_again_and_again() {
    let config = CacheConfig { memory_bytes_max: 256 * 1_000, ..CacheConfig::default() };
    let cache = TagCache::in_memory(config, Arc::new(ManualClock::new()));
    let ids: Vec<i64> = (1..=10_000).collect();
    let names = Names::default();
    ids.iter().for_each(|id| names.set(*id, "a"));
    for page in ids.chunks(50) {
        names.ask(&cache, NAMES, page).await;
        names.ask(&cache, NAMES, &[1, 2, 3]).await;
    }
    assert_eq!(names.loads().len(), 200, "the first three were loaded with the first page");
    names.ask(&cache, NAMES, &ids).await;
    let loaded = names.loads().last().map_or(0, Vec::len);
    assert!((9_000..=9_997).contains(&loaded), "{loaded} were loaded again");
}

#[tokio::test]
async fn what_one_node_has_loaded_together_another_finds_in_redis() {
    let (server, clock) = (testkit::Redis::start(), ManualClock::new());
    let names = Names::of(&[(1, "a"), (2, "b")]);
    let one = Node::start(&server.url(), &clock, 1).await;
    let other = Node::start(&server.url(), &clock, 2).await;
    names.ask(&one.cache, NAMES, &[1, 2]).await;
    until("it is in Redis", || server.command(&["DBSIZE"]) == ":4").await;
    assert_eq!(names.ask(&other.cache, NAMES, &[2, 1]).await, ["b", "a"]);
    assert_eq!(names.loads().len(), 1);
    names.set(1, "A");
    one.cache.invalidate("player:1");
    assert_eq!(names.ask(&one.cache, NAMES, &[1, 2]).await, ["A", "b"], "here it is old at once");
    until("it is heard", || other.heard.borrow().tags.contains("player:1")).await;
    assert_eq!(names.ask(&other.cache, NAMES, &[1, 2]).await, ["A", "b"]);
    assert!(names.loads()[1..].iter().all(|ids| *ids == [1]), "{:?}", names.loads());
}
