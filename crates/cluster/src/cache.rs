//! A cache of values that are loaded rarely and asked for often, in this node's memory and, with
//! several nodes, in Redis. Each value lies under tags; who changes something invalidates its tag,
//! and what lies under it is never served again:
//!
//! - on this node from the moment that [`TagCache::invalidate`] returns;
//! - on other nodes as soon as they have heard of it, which takes about a second at most while
//!   Redis answers. A node that cannot hear trusts its memory for a few seconds only.
//!
//! Nothing here is needed: without Redis, or with a full memory, values are loaded more often.

mod config;
mod due;
mod each;
mod flights;
mod load;
mod memory;
mod shared;
mod tags;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Entropy, UnixMicros};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::config::{CacheConfig, Family};
pub use self::each::Group;
use self::flights::{Answer, Flights};
use self::memory::{Found, Memory, Place};
use self::shared::Shared;
use self::tags::{EVERYTHING, LocalTags, TagSet};
use crate::bus::{Bus, Heard, Message};
use crate::redis::Redis;

/// What a value is that can be kept.
pub trait Cacheable: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Cacheable for T {}

/// Why there is no value. All who waited for it get the same.
#[derive(Debug, thiserror::Error)]
pub enum CacheError<E> {
    /// Loading it failed.
    #[error("loading what was not cached failed")]
    Load(#[source] Arc<E>),
    /// Loading it panicked, or the process ends.
    #[error("loading what was not cached came to no end")]
    Lost,
}

/// A cache of any number of values. Clones share them.
#[derive(Clone)]
pub struct TagCache(Arc<Inner>);

struct Inner {
    config: CacheConfig,
    clock: Arc<dyn Clock>,
    tags: LocalTags,
    memory: Memory,
    flights: Flights,
    shared: Option<Shared>,
}

/// A value as it is handed out.
#[derive(Clone)]
struct Served {
    value: Arc<dyn Any + Send + Sync>,
    loaded_at: UnixMicros,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Memory,
    Redis,
    Load,
    /// Past its time, and being loaded again.
    Stale,
}

impl TagCache {
    /// The cache of a node without others, in memory only.
    pub fn in_memory(config: CacheConfig, clock: Arc<dyn Clock>) -> Self {
        Self::build(config, clock, None)
    }

    /// The cache of a node that shares it with others, from within a Tokio runtime. Chance has to
    /// differ between nodes. What is heard on the bus is to be handed to [`TagCache::hear`].
    pub fn over(
        config: CacheConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Entropy>,
        redis: Redis,
        bus: Bus,
    ) -> Self {
        let shared = Shared::open(&config, chance, redis, bus);
        Self::build(config, clock, Some(shared))
    }

    fn build(config: CacheConfig, clock: Arc<dyn Clock>, shared: Option<Shared>) -> Self {
        let memory = Memory::new(config.memory_bytes_max);
        let (tags, flights) = (LocalTags::default(), Flights::default());
        Self(Arc::new(Inner { config, clock, tags, memory, flights, shared }))
    }

    /// The value of `key`, cached or else loaded. Whoever asks while it is being loaded waits for
    /// that load, which goes on when all of them leave. `tags` have to be the same for each call
    /// with this key, and what `load` loads may depend on nothing that they do not stand for.
    ///
    /// A value past its time is handed out until it is twice as old, while it is loaded again.
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
        let (place, tags) = (Place::new(family, key), TagSet::of(tags));
        let served = match self.0.find(&place, Some(&tags), self.0.clock.now()) {
            Found::Fresh(served) => served,
            Found::Stale(served) => {
                self.0.join_or_load(&place, tags, load);
                served
            }
            Found::Nothing => self.0.load(&place, tags, load).await?,
        };
        self.0.count(family, served.source, 1);
        self.0.count_age(family, served.loaded_at);
        // Another type under the same key is a mistake in the program.
        served.value.downcast().map_err(|_| CacheError::Lost)
    }

    /// What lies under this tag is old. Here it is so at once; Redis and the other nodes are told
    /// at once as well, and again at the end of the second if it comes more often than that. While
    /// Redis is away this stays due.
    pub fn invalidate(&self, tag: &str) {
        // First due, then old: a load that begins in between must not believe what Redis has.
        if let Some(shared) = &self.0.shared {
            shared.due.mark(tag);
        }
        self.0.tags.renew(tag);
    }

    /// All that is kept anywhere is old.
    pub fn invalidate_all(&self) {
        self.invalidate(EVERYTHING);
    }

    /// Takes in what other nodes say on the bus.
    pub fn hear(&self, heard: &Heard) {
        match heard {
            Heard::Message(Message::Tags(tags)) => {
                tags.iter().for_each(|tag| self.0.tags.renew(tag));
            }
            Heard::Message(_) => {}
            Heard::Gap => self.0.tags.renew(EVERYTHING),
        }
    }

    /// Returns when Redis has taken all invalidations, for which it has to answer. A node that
    /// ends waits for this, within limits of its own: what is due then is lost otherwise.
    pub async fn settled(&self) {
        if let Some(shared) = &self.0.shared {
            shared.settled().await;
        }
    }
}

impl Inner {
    /// What is in memory. The tags are those of the question, where they are known.
    fn find(&self, place: &Place, tags: Option<&TagSet>, now: UnixMicros) -> Found {
        let Some(kept) = self.memory.find(place) else { return Found::Nothing };
        let has_other_tags = tags.is_some_and(|tags| kept.snapshot.tags() != tags);
        if has_other_tags || !self.tags.is_current(&kept.snapshot) {
            return Found::Nothing;
        }
        let (age, ttl) = (age(kept.loaded_at, now), self.config.ttl(place.family));
        let is_deaf = self.shared.as_ref().is_some_and(|shared| !shared.bus.hears());
        let trusted = !is_deaf || self::age(kept.put_at, now) <= self.config.deaf_ttl();
        let served = |source| Served { value: kept.value, loaded_at: kept.loaded_at, source };
        if age <= ttl && trusted {
            Found::Fresh(served(Source::Memory))
        } else if age <= ttl * 2 && !is_deaf {
            Found::Stale(served(Source::Stale))
        } else {
            Found::Nothing
        }
    }

    /// What a load comes to.
    async fn load<T, E, L>(
        self: &Arc<Self>,
        place: &Place,
        tags: TagSet,
        load: impl FnOnce() -> L + Send + 'static,
    ) -> Result<Served, CacheError<E>>
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        match self.join_or_load(place, tags, load).answer().await {
            Some(Answer::Value(served)) => Ok(served),
            Some(Answer::Failed(error)) => {
                Err(error.downcast().map_or(CacheError::Lost, CacheError::Load))
            }
            None => Err(CacheError::Lost),
        }
    }

    fn count(&self, family: Family, source: Source, values: u64) {
        let name = family.as_str();
        let count = match source {
            Source::Memory => {
                metrics::counter!("openbell_cache_hits_total", "family" => name, "in" => "memory")
            }
            Source::Redis => {
                metrics::counter!("openbell_cache_hits_total", "family" => name, "in" => "redis")
            }
            Source::Load => metrics::counter!("openbell_cache_misses_total", "family" => name),
            Source::Stale => metrics::counter!("openbell_cache_stale_total", "family" => name),
        };
        count.increment(values);
    }

    fn count_age(&self, family: Family, loaded_at: UnixMicros) {
        let age = age(loaded_at, self.clock.now());
        metrics::histogram!("openbell_cache_age_seconds", "family" => family.as_str())
            .record(age.as_secs_f64());
    }
}

/// A clock that was set back makes values older, not younger.
fn age(loaded_at: UnixMicros, now: UnixMicros) -> Duration {
    Duration::from_micros(now.0.abs_diff(loaded_at.0))
}

impl std::fmt::Debug for TagCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TagCache").field("config", &self.0.config).finish_non_exhaustive()
    }
}
