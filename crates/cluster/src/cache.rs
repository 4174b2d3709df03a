//! A cache with tags in this node's memory, for values that are loaded rarely and read often.
//!
//! After a change is committed, its tag is invalidated, and no older value is served:
//! - on this node once [`TagCache::invalidate`] returns;
//! - on other nodes once the tag, or a gap, arrives over the bus, and without the bus as soon as
//!   the node has read the change from the database (`store::changes`).

mod config;
mod each;
mod load;
mod memory;
mod tags;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use serde::Serialize;

pub use self::config::{CacheConfig, Family};
pub use self::each::RowGroup;
use self::load::LoadResult;
use self::memory::{CacheKey, CacheLookup, EntryMap};
use self::tags::{EVERYTHING, LocalTags, TagSet, TagSnapshot};
use crate::bus::{Bus, BusEvent, BusMessage};
use crate::single_flight::SingleFlight;

/// A value that can be cached. Its JSON length is its size.
pub trait Cacheable: Serialize + Send + Sync + 'static {}

impl<T: Serialize + Send + Sync + 'static> Cacheable for T {}

/// Why there is no value. All callers that waited for one load get the same error.
#[derive(Debug, thiserror::Error)]
pub enum CacheError<E> {
    #[error("loading a value for the cache failed")]
    Load(#[source] Arc<E>),
    /// The load panicked, or the runtime is shutting down.
    #[error("loading a value for the cache did not finish")]
    Lost,
}

/// A cache for values of any type. Clones share it.
#[derive(Clone)]
pub struct TagCache(Arc<Inner>);

struct Inner {
    config: CacheConfig,
    clock: Arc<dyn Clock>,
    bus: Bus,
    tags: LocalTags,
    entries: EntryMap,
    loads: Arc<SingleFlight<(CacheKey, TagSet), TagSnapshot, LoadResult>>,
}

/// A value as it is returned to a caller.
#[derive(Clone)]
struct CachedValue {
    value: Arc<dyn Any + Send + Sync>,
    loaded_at: UnixMicros,
}

impl TagCache {
    /// Invalidations are published on `bus`. The caller passes the events of the bus to
    /// [`TagCache::on_event`].
    pub fn new(config: CacheConfig, clock: Arc<dyn Clock>, bus: Bus) -> Self {
        let entries = EntryMap::new(config.memory_bytes_max);
        let (tags, loads) = (LocalTags::default(), Arc::default());
        Self(Arc::new(Inner { config, clock, bus, tags, entries, loads }))
    }

    /// Returns the cached value of `key`, or loads it. Concurrent callers share one load, which
    /// continues when all of them are dropped. `tags` must be the same in each call with this key
    /// and must cover everything that `load` reads.
    ///
    /// An expired value is served until twice its lifetime while it is reloaded
    /// (stale-while-revalidate).
    pub async fn get_or_load<T, E, L>(
        &self,
        family: Family,
        key: &str,
        tags: &[&str],
        load: impl FnOnce() -> L + Send + 'static,
    ) -> Result<Arc<T>, CacheError<E>>
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (key, tags) = (CacheKey::text(family, key), TagSet::of(tags));
        let cached = match self.0.find(&key, Some(&tags), self.0.clock.now()) {
            CacheLookup::Fresh(cached) => {
                count_hits(family, 1);
                cached
            }
            CacheLookup::Stale(cached) => {
                self.0.join_or_load(key, tags, load);
                count_stale(family, 1);
                cached
            }
            CacheLookup::Missing => {
                let loaded = self.0.load(key, tags, load).await?;
                count_misses(family, 1);
                loaded
            }
        };
        self.0.record_age(family, cached.loaded_at);
        // Two types under one key are a programming error.
        cached.value.downcast().map_err(|_| CacheError::Lost)
    }

    /// Invalidates the values under `tag` on this node and publishes the tag on the bus.
    pub fn invalidate(&self, tag: &str) {
        self.0.tags.invalidate(tag);
        self.0.bus.publish(BusMessage::Tags(vec![tag.to_owned()]));
    }

    /// Invalidates the values under `tag` on this node only, for changes that every node reads from
    /// the database itself.
    pub fn invalidate_local(&self, tag: &str) {
        self.0.tags.invalidate(tag);
    }

    /// Invalidates all values on this node.
    pub fn clear(&self) {
        self.0.tags.invalidate(EVERYTHING);
    }

    /// Applies an event of the bus: the tags of other nodes, or a gap, which clears the cache.
    pub fn on_event(&self, event: &BusEvent) {
        match event {
            BusEvent::Message(BusMessage::Tags(tags)) => {
                tags.iter().for_each(|tag| self.0.tags.invalidate(tag));
            }
            BusEvent::Message(_) => {}
            BusEvent::Gap => self.clear(),
        }
    }
}

impl Inner {
    /// `tags` are those of the caller, where the caller has them.
    fn find(&self, key: &CacheKey, tags: Option<&TagSet>, now: UnixMicros) -> CacheLookup {
        let Some(entry) = self.entries.find(key) else { return CacheLookup::Missing };
        let has_other_tags = tags.is_some_and(|tags| entry.snapshot.tags() != tags);
        if has_other_tags || !self.tags.is_current(&entry.snapshot) {
            return CacheLookup::Missing;
        }
        let (age, ttl) = (age(entry.loaded_at, now), self.config.ttl(key.family));
        let is_subscribed = self.bus.is_subscribed();
        let is_trusted =
            is_subscribed || self::age(entry.stored_at, now) <= self.config.disconnected_ttl();
        let cached = CachedValue { value: entry.value, loaded_at: entry.loaded_at };
        if age <= ttl && is_trusted {
            CacheLookup::Fresh(cached)
        } else if age <= ttl * 2 && is_subscribed {
            CacheLookup::Stale(cached)
        } else {
            CacheLookup::Missing
        }
    }

    fn record_age(&self, family: Family, loaded_at: UnixMicros) {
        let age = age(loaded_at, self.clock.now());
        metrics::histogram!("openbell_cache_age_seconds", "family" => family.as_str())
            .record(age.as_secs_f64());
    }
}

fn count_hits(family: Family, values: u64) {
    metrics::counter!("openbell_cache_hits_total", "family" => family.as_str()).increment(values);
}

fn count_misses(family: Family, values: u64) {
    metrics::counter!("openbell_cache_misses_total", "family" => family.as_str()).increment(values);
}

fn count_stale(family: Family, values: u64) {
    metrics::counter!("openbell_cache_stale_total", "family" => family.as_str()).increment(values);
}

/// A clock that was set back makes values older, not younger.
fn age(since: UnixMicros, now: UnixMicros) -> Duration {
    Duration::from_micros(now.0.abs_diff(since.0))
}

impl std::fmt::Debug for TagCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TagCache").field("config", &self.0.config).finish_non_exhaustive()
    }
}
