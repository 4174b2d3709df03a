//! The entries in this process's memory, bounded by their JSON length. Whether an entry is current
//! is decided by `tags`.

use std::any::Any;
use std::sync::Arc;

use domain::UnixMicros;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use super::CachedValue;
use super::config::Family;
use super::tags::TagSnapshot;

/// Bytes of an entry besides its texts.
const OVERHEAD: usize = 256;
/// The average size of a value, in bytes, from which the number of entries is estimated.
const VALUE_BYTES: u64 = 1024;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) family: Family,
    name: KeyName,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum KeyName {
    Text(Arc<str>),
    /// One of the small values of a group.
    Row {
        group: i64,
        id: i64,
    },
    /// Rows of a group that are loaded together; a key for loads only, rows are stored one by one.
    RowBatch {
        group: i64,
        ids: Arc<[i64]>,
    },
}

impl CacheKey {
    pub(super) fn text(family: Family, key: &str) -> Self {
        Self { family, name: KeyName::Text(Arc::from(key)) }
    }

    pub(super) fn row(family: Family, group: i64, id: i64) -> Self {
        Self { family, name: KeyName::Row { group, id } }
    }

    pub(super) fn row_batch(family: Family, group: i64, ids: &[i64]) -> Self {
        Self { family, name: KeyName::RowBatch { group, ids: Arc::from(ids) } }
    }

    pub(super) fn is_row_batch(&self) -> bool {
        matches!(self.name, KeyName::RowBatch { .. })
    }

    fn bytes(&self) -> usize {
        match &self.name {
            KeyName::Text(text) => text.len(),
            KeyName::Row { .. } | KeyName::RowBatch { .. } => 0,
        }
    }
}

/// The result of a look-up in the cache.
pub(super) enum CacheLookup {
    Fresh(CachedValue),
    Stale(CachedValue),
    Missing,
}

#[derive(Clone)]
pub(super) struct CacheEntry {
    pub(super) value: Arc<dyn Any + Send + Sync>,
    pub(super) json_bytes: usize,
    /// When the load started.
    pub(super) loaded_at: UnixMicros,
    pub(super) stored_at: UnixMicros,
    pub(super) snapshot: TagSnapshot,
}

/// A page reads many rows, so a look-up has to be cheap: with moka, which records each read for its
/// eviction policy, eleven look-ups took 14 of the 98 µs of a page of ten rows.
pub(super) struct EntryMap(
    Cache<CacheKey, CacheEntry, EntryWeight, DefaultHashBuilder, EvictionCounter>,
);

#[derive(Clone)]
struct EntryWeight;

impl Weighter<CacheKey, CacheEntry> for EntryWeight {
    fn weight(&self, key: &CacheKey, entry: &CacheEntry) -> u64 {
        let texts = key.bytes() + entry.snapshot.tags().bytes() + entry.json_bytes;
        (texts + OVERHEAD) as u64
    }
}

#[derive(Clone)]
struct EvictionCounter;

impl Lifecycle<CacheKey, CacheEntry> for EvictionCounter {
    type RequestState = ();

    /// Called for entries evicted for lack of room, not for replaced ones.
    fn before_evict(&self, (): &mut (), key: &CacheKey, _: &mut CacheEntry) {
        metrics::counter!("openbell_cache_evictions_total", "family" => key.family.as_str())
            .increment(1);
    }
}

impl EntryMap {
    pub(super) fn new(bytes_max: u64) -> Self {
        let values = usize::try_from(bytes_max / VALUE_BYTES).unwrap_or(usize::MAX);
        let hasher = DefaultHashBuilder::default();
        Self(Cache::with(values, bytes_max, EntryWeight, hasher, EvictionCounter))
    }

    pub(super) fn find(&self, key: &CacheKey) -> Option<CacheEntry> {
        self.0.get(key)
    }

    pub(super) fn insert(&self, key: CacheKey, entry: CacheEntry) {
        self.0.insert(key, entry);
    }
}
