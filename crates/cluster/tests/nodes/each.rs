//! Many small values in one call: the missing ones are loaded together, once, and invalidated ones
//! are not served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use cluster::{Bus, CacheConfig, CacheError, Family, RowGroup, TagCache};
use testkit::ManualClock;

use crate::until;

const NAMES: RowGroup = RowGroup { family: Family::Leaderboard, number: 1, tag };

fn tag(id: i64) -> String {
    format!("player:{id}")
}

/// A source of names that records the ids of each load.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<NamesState>>);

#[derive(Default)]
struct NamesState {
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

    fn lock(&self) -> MutexGuard<'_, NamesState> {
        self.0.lock().expect("not poisoned")
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

    async fn get(&self, cache: &TagCache, group: RowGroup, ids: &[i64]) -> Vec<String> {
        let names = self.clone();
        let load = move |ids| names.load(ids);
        let found = cache.get_or_load_each(group, ids, load).await.expect("they load");
        let name = |id: &i64| found.get(id).map_or("absent".to_owned(), |name| name.to_string());
        ids.iter().map(name).collect()
    }
}

fn single_node(clock: &ManualClock) -> TagCache {
    TagCache::new(CacheConfig::default(), Arc::new(clock.clone()), Bus::alone())
}

#[tokio::test]
async fn only_missing_values_are_loaded_and_in_one_load() {
    let (cache, names) =
        (single_node(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b"), (3, "c")]));
    assert_eq!(names.get(&cache, NAMES, &[2, 1, 2]).await, ["b", "a", "b"]);
    assert_eq!(names.get(&cache, NAMES, &[1, 3, 9, 2]).await, ["a", "c", "absent", "b"]);
    assert_eq!(names.get(&cache, NAMES, &[3, 1]).await, ["c", "a"]);
    assert_eq!(names.loads(), [vec![1, 2], vec![3, 9]]);
    let others = RowGroup { number: 2, ..NAMES };
    assert_eq!(names.get(&cache, others, &[1]).await, ["a"]);
    assert_eq!(names.get(&cache, NAMES, &[9]).await, ["absent"], "an absent id is not cached");
    assert_eq!(names.get(&cache, NAMES, &[]).await, [""; 0]);
    assert_eq!(names.loads()[2..], [vec![1], vec![9]]);
}

#[tokio::test]
async fn an_invalidated_value_is_reloaded_without_the_others() {
    let (cache, names) = (single_node(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b")]));
    names.get(&cache, NAMES, &[1, 2]).await;
    names.set(1, "A");
    cache.invalidate("player:3");
    assert_eq!(names.get(&cache, NAMES, &[1, 2]).await, ["a", "b"]);
    cache.invalidate("player:1");
    assert_eq!(names.get(&cache, NAMES, &[1, 2]).await, ["A", "b"]);
    cache.clear();
    assert_eq!(names.get(&cache, NAMES, &[1, 2]).await, ["A", "b"]);
    assert_eq!(names.loads(), [vec![1, 2], vec![1], vec![1, 2]]);
}

#[tokio::test]
async fn expired_values_are_served_while_they_are_reloaded() {
    let clock = ManualClock::new();
    let (cache, names) = (single_node(&clock), Names::of(&[(1, "a"), (2, "b")]));
    names.get(&cache, NAMES, &[1]).await;
    clock.advance_seconds(200);
    names.get(&cache, NAMES, &[2]).await;
    clock.advance_seconds(101);
    names.set(1, "A");
    assert_eq!(names.get(&cache, NAMES, &[1, 2]).await, ["a", "b"], "one is stale");
    until("a load in the background", || names.loads().len() == 3).await;
    assert_eq!(names.loads()[2], [1]);
    until("it is stored", || {
        let values = names.get(&cache, NAMES, &[1]);
        futures_util::FutureExt::now_or_never(values).is_some_and(|found| found == ["A"])
    })
    .await;
    clock.advance_seconds(601);
    names.set(2, "B");
    assert_eq!(
        names.get(&cache, NAMES, &[2]).await,
        ["B"],
        "after twice its lifetime it is not served"
    );
}

#[tokio::test]
async fn a_failed_load_is_an_error_and_leaves_cached_values() {
    let (cache, names) = (single_node(&ManualClock::new()), Names::of(&[(1, "a"), (2, "b")]));
    names.get(&cache, NAMES, &[1]).await;
    let load = names.clone();
    let failed = cache.get_or_load_each(NAMES, &[1, 2, -1], move |ids| load.load(ids)).await;
    assert!(matches!(failed, Err(CacheError::Load(error)) if *error == "no"));
    assert_eq!(names.get(&cache, NAMES, &[1, 2]).await, ["a", "b"]);
    assert_eq!(names.loads(), [vec![1], vec![-1, 2], vec![2]]);
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_served_and_not_stored() {
    let default = CacheConfig::default;
    for config in [
        CacheConfig { value_bytes_max: 10, ..default() },
        CacheConfig { memory_bytes_max: 0, ..default() },
    ] {
        let cache = TagCache::new(config, Arc::new(ManualClock::new()), Bus::alone());
        let names = Names::of(&[(1, "a name of twenty ch.")]);
        for _ in 0..2 {
            assert_eq!(names.get(&cache, NAMES, &[1]).await, ["a name of twenty ch."]);
        }
        assert_eq!(names.loads(), [[1], [1]]);
    }
}

#[tokio::test]
async fn memory_is_bounded_and_frequently_read_values_stay() {
    let config = CacheConfig { memory_bytes_max: 256 * 1_000, ..CacheConfig::default() };
    let cache = TagCache::new(config, Arc::new(ManualClock::new()), Bus::alone());
    let ids: Vec<i64> = (1..=10_000).collect();
    let names = Names::default();
    ids.iter().for_each(|id| names.set(*id, "a"));
    for page in ids.chunks(50) {
        names.get(&cache, NAMES, page).await;
        names.get(&cache, NAMES, &[1, 2, 3]).await;
    }
    assert_eq!(names.loads().len(), 200, "the first three were loaded with the first page");
    names.get(&cache, NAMES, &ids).await;
    let loaded = names.loads().last().map_or(0, Vec::len);
    assert!((9_000..=9_997).contains(&loaded), "{loaded} were loaded again");
}
