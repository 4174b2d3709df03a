//! Many small values at once, such as the names of a page: those in memory are taken from there,
//! and the rest is loaded together. Whoever asks for other ones next time loads only what is new.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;

use domain::UnixMicros;

use super::memory::{Found, Kept, Key, Place};
use super::tags::{Snapshot, TagSet};
use super::{CacheError, Cacheable, Family, Inner, Served, Source, TagCache, age};

/// Which values: those of a group, each with its id and a tag of its own.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What kind of values they are.
    pub family: Family,
    /// Tells groups of a family apart.
    pub number: i64,
    /// The tag of the value with this id.
    pub tag: fn(i64) -> String,
}

impl TagCache {
    /// The values with these ids as by [`TagCache::get_or_load`]; `load` is given the ids that are
    /// to be loaded. Those that it leaves out are left out here, and not kept.
    pub async fn get_or_load_each<T, E, L>(
        &self,
        group: Group,
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
            let served = match self.0.find(&group.place(*id), None, now) {
                Found::Fresh(served) => served,
                Found::Stale(served) => {
                    stale.push(*id);
                    served
                }
                Found::Nothing => {
                    missing.push(*id);
                    continue;
                }
            };
            oldest = oldest.min(served.loaded_at);
            values.insert(*id, served.value.downcast().map_err(|_| CacheError::Lost)?);
        }
        let fresh = values.len().saturating_sub(stale.len());
        self.0.count(group.family, Source::Memory, fresh as u64);
        if !stale.is_empty() {
            self.0.count(group.family, Source::Stale, stale.len() as u64);
            let (cache, load) = (Arc::clone(&self.0), load.clone());
            // What is stale is served; who asks next finds what this loads.
            tokio::spawn(async move { cache.load_rows(group, stale, load).await.map(|_| ()) });
        }
        if !missing.is_empty() {
            let (rows, loaded_at) = self.0.load_rows(group, missing, load).await?;
            oldest = oldest.min(loaded_at);
            values.extend(rows);
        }
        self.0.count_age(group.family, oldest);
        Ok(values)
    }
}

impl Group {
    fn place(self, id: i64) -> Place {
        Place { family: self.family, key: Key::Row { group: self.number, id } }
    }
}

impl Inner {
    /// Loads rows and keeps each by itself; when loading them began.
    async fn load_rows<T, E, L>(
        self: &Arc<Self>,
        group: Group,
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
        // Before they are loaded: what is invalidated from here on makes them old.
        let snapshot = |tag: &Arc<str>| self.tags.snapshot(&TagSet::with(vec![Arc::clone(tag)]));
        let snapshots: Vec<(i64, Snapshot)> =
            ids.iter().copied().zip(tags.iter().map(snapshot)).collect();
        let key = Key::Rows(format!("{} {ids:?}", group.number).into());
        let count = ids.len() as u64;
        let place = Place { family: group.family, key };
        let served = self.load(&place, TagSet::with(tags), move || load(ids)).await?;
        self.count(group.family, served.source, count);
        let Served { value, loaded_at, .. } = served;
        let loaded: Arc<HashMap<i64, T>> = value.downcast().map_err(|_| CacheError::Lost)?;
        let is_fresh = age(loaded_at, self.clock.now()) <= self.config.ttl(group.family);
        let rows = snapshots.into_iter().filter_map(|(id, snapshot)| {
            let value = Arc::new(loaded.get(&id)?.clone());
            if is_fresh {
                self.keep_row(&group.place(id), &value, loaded_at, snapshot);
            }
            Some((id, value))
        });
        Ok((rows.collect(), loaded_at))
    }

    fn keep_row<T: Cacheable>(
        &self,
        place: &Place,
        value: &Arc<T>,
        loaded_at: UnixMicros,
        snapshot: Snapshot,
    ) {
        let mut json = Length(0);
        let is_told = serde_json::to_writer(&mut json, &**value).is_ok();
        if is_told && json.0 <= self.value_bytes_max() && self.tags.is_current(&snapshot) {
            let (value, put_at) = (Arc::clone(value), self.clock.now());
            let kept = Kept { value, json_bytes: json.0, loaded_at, put_at, snapshot };
            self.memory.put(place, kept);
        }
    }
}

/// How long a text is that nobody needs.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0 += text.len();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
