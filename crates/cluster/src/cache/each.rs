//! Many small values in one call, such as the names of a page: cached ones come from memory, the
//! others are loaded together and stored one by one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use domain::UnixMicros;

use super::memory::{CacheKey, CacheLookup};
use super::tags::{TagSet, TagSnapshot};
use super::{
    CacheError, Cacheable, Family, Inner, TagCache, count_hits, count_misses, count_stale,
};

/// A set of values with an id and a tag each.
#[derive(Clone, Copy, Debug)]
pub struct RowGroup {
    pub family: Family,
    /// Distinguishes groups of one family.
    pub number: i64,
    /// The tag of the value with this id.
    pub tag: fn(i64) -> String,
}

impl TagCache {
    /// Returns the values with these ids as [`TagCache::get_or_load`] does; `load` receives the ids
    /// to load. Ids that `load` does not return are absent from the result and not cached.
    pub async fn get_or_load_each<T, E, L>(
        &self,
        group: RowGroup,
        ids: &[i64],
        load: impl FnOnce(Vec<i64>) -> L + Clone + Send + 'static,
    ) -> Result<HashMap<i64, Arc<T>>, CacheError<E>>
    where
        T: Cacheable + Clone,
        E: Send + Sync + 'static,
        L: Future<Output = Result<HashMap<i64, T>, E>> + Send + 'static,
    {
        let now = self.0.clock.now();
        let (mut values, mut oldest) = (HashMap::with_capacity(ids.len()), now);
        let (mut missing, mut stale) = (Vec::new(), Vec::new());
        for id in ids {
            let cached = match self.0.find(&group.key(*id), None, now) {
                CacheLookup::Fresh(cached) => cached,
                CacheLookup::Stale(cached) => {
                    stale.push(*id);
                    cached
                }
                CacheLookup::Missing => {
                    missing.push(*id);
                    continue;
                }
            };
            oldest = oldest.min(cached.loaded_at);
            values.insert(*id, cached.value.downcast().map_err(|_| CacheError::Lost)?);
        }
        count_hits(group.family, values.len().saturating_sub(stale.len()) as u64);
        if !stale.is_empty() {
            count_stale(group.family, stale.len() as u64);
            let (cache, load) = (Arc::clone(&self.0), load.clone());
            // Revalidates in the background; the next caller gets the new values.
            tokio::spawn(async move { cache.load_rows(group, stale, load).await.map(|_| ()) });
        }
        if !missing.is_empty() {
            let (rows, loaded_at) = self.0.load_rows(group, missing, load).await?;
            oldest = oldest.min(loaded_at);
            values.extend(rows);
        }
        self.0.record_age(group.family, oldest);
        Ok(values)
    }
}

impl RowGroup {
    fn key(self, id: i64) -> CacheKey {
        CacheKey::row(self.family, self.number, id)
    }
}

impl Inner {
    /// Loads rows and stores each under its own tag; also returns when the load started.
    async fn load_rows<T, E, L>(
        self: &Arc<Self>,
        group: RowGroup,
        mut ids: Vec<i64>,
        load: impl FnOnce(Vec<i64>) -> L + Send + 'static,
    ) -> Result<(Vec<(i64, Arc<T>)>, UnixMicros), CacheError<E>>
    where
        T: Cacheable + Clone,
        E: Send + Sync + 'static,
        L: Future<Output = Result<HashMap<i64, T>, E>> + Send + 'static,
    {
        ids.sort_unstable();
        ids.dedup();
        let tags: Vec<Arc<str>> = ids.iter().map(|id| (group.tag)(*id).into()).collect();
        // Before loading: an invalidation from here on makes the row outdated.
        let snapshot = |tag: &Arc<str>| self.tags.snapshot(&TagSet::with(vec![Arc::clone(tag)]));
        let snapshots: Vec<(i64, TagSnapshot)> =
            ids.iter().copied().zip(tags.iter().map(snapshot)).collect();
        let key = CacheKey::row_batch(group.family, group.number, &ids);
        let count = ids.len() as u64;
        let batch = self.load(key, TagSet::with(tags), move || load(ids)).await?;
        count_misses(group.family, count);
        let loaded_at = batch.loaded_at;
        let loaded: Arc<HashMap<i64, T>> = batch.value.downcast().map_err(|_| CacheError::Lost)?;
        let is_fresh = self.is_fresh(group.family, loaded_at);
        let rows = snapshots.into_iter().filter_map(|(id, snapshot)| {
            let value = Arc::new(loaded.get(&id)?.clone());
            if is_fresh {
                self.store(&group.key(id), &value, loaded_at, snapshot);
            }
            Some((id, value))
        });
        Ok((rows.collect(), loaded_at))
    }
}
