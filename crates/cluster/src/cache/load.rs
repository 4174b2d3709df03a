//! Loading one value, in a task of its own, and storing it unless it was invalidated meanwhile.

use std::any::Any;
use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;

use domain::UnixMicros;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::memory::{CacheEntry, CacheKey};
use super::tags::{TagSet, TagSnapshot};
use super::{CacheError, Cacheable, CachedValue, Family, Inner};
use crate::single_flight::Follower;

/// A loaded value, or the error of the loader.
pub(super) type LoadResult = Result<CachedValue, Arc<dyn Any + Send + Sync>>;

impl Inner {
    pub(super) async fn load<T, E, L>(
        self: &Arc<Self>,
        key: CacheKey,
        tags: TagSet,
        load: impl FnOnce() -> L + Send + 'static,
    ) -> Result<CachedValue, CacheError<E>>
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        match self.join_or_load(key, tags, load).result().await {
            Some(Ok(loaded)) => Ok(loaded),
            Some(Err(error)) => Err(error.downcast().map_or(CacheError::Lost, CacheError::Load)),
            None => Err(CacheError::Lost),
        }
    }

    /// Joins a load that started after the last invalidation of its tags, or starts one.
    pub(super) fn join_or_load<T, E, L>(
        self: &Arc<Self>,
        key: CacheKey,
        tags: TagSet,
        load: impl FnOnce() -> L + Send + 'static,
    ) -> Follower<TagSnapshot, LoadResult>
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let flight = (key, tags);
        let (follower, leader) =
            self.loads.join(&flight, |snapshot| self.tags.is_current(snapshot));
        if let Some(leader) = leader {
            let (cache, (key, tags)) = (Arc::clone(self), flight);
            let start = {
                let cache = Arc::clone(self);
                // Before loading: an invalidation from here on makes the value outdated.
                move || cache.tags.snapshot(&tags)
            };
            let run =
                move |snapshot| async move { cache.load_and_store(&key, snapshot, load).await };
            tokio::spawn(leader.run(start, run).in_current_span());
        }
        follower
    }

    async fn load_and_store<T, E, L>(
        &self,
        key: &CacheKey,
        snapshot: TagSnapshot,
        load: impl FnOnce() -> L,
    ) -> LoadResult
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>>,
    {
        let (loaded_at, began) = (self.clock.now(), Instant::now());
        let loaded = load().await;
        let family = key.family.as_str();
        metrics::histogram!("openbell_cache_load_seconds", "family" => family)
            .record(began.elapsed().as_secs_f64());
        let value = loaded.map_err(|error| {
            metrics::counter!("openbell_cache_load_failures_total", "family" => family)
                .increment(1);
            Arc::new(error) as Arc<dyn Any + Send + Sync>
        })?;
        let value = Arc::new(value);
        if !key.is_row_batch() {
            self.store(key, &value, loaded_at, snapshot);
        }
        Ok(CachedValue { value, loaded_at })
    }

    /// Stores a value, unless it is too large or was invalidated since its load started.
    pub(super) fn store<T: Cacheable>(
        &self,
        key: &CacheKey,
        value: &Arc<T>,
        loaded_at: UnixMicros,
        snapshot: TagSnapshot,
    ) {
        let mut json = JsonLength(0);
        let has_length = serde_json::to_writer(&mut json, &**value).is_ok();
        let bytes_max = usize::try_from(self.config.value_bytes_max).unwrap_or(usize::MAX);
        if has_length && json.0 <= bytes_max && self.tags.is_current(&snapshot) {
            let (value, stored_at) = (Arc::clone(value), self.clock.now());
            let entry = CacheEntry { value, json_bytes: json.0, loaded_at, stored_at, snapshot };
            self.entries.insert(key.clone(), entry);
        }
    }

    pub(super) fn is_fresh(&self, family: Family, loaded_at: UnixMicros) -> bool {
        super::age(loaded_at, self.clock.now()) <= self.config.ttl(family)
    }
}

/// Counts the bytes of a JSON text without storing it.
struct JsonLength(usize);

impl Write for JsonLength {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0 += text.len();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
