//! Values in this process's memory, bounded by what they take as JSON. Whether one may still be
//! served is not known here.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use domain::UnixMicros;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use super::Served;
use super::config::Family;
use super::tags::Snapshot;

/// What an entry takes besides its texts, in bytes.
const OVERHEAD: usize = 256;
/// What a value takes about, in bytes.
const VALUE_BYTES: u64 = 1024;

/// Where a value belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) family: Family,
    pub(super) key: Key,
}

/// What a value is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(Arc<str>),
    /// One of many small values of a group.
    Row {
        group: i64,
        id: i64,
    },
    /// Rows that are loaded together, and kept row by row.
    Rows(Arc<str>),
}

impl Place {
    pub(super) fn new(family: Family, key: &str) -> Self {
        Self { family, key: Key::Text(Arc::from(key)) }
    }
}

impl Key {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Rows(text) => text.len(),
            Self::Row { .. } => 0,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Rows(text) => f.write_str(text),
            Self::Row { group, id } => write!(f, "{group} {id}"),
        }
    }
}

/// What is there for somebody who asks.
pub(super) enum Found {
    Fresh(Served),
    Stale(Served),
    Nothing,
}

/// A value, and what has to hold for it.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) value: Arc<dyn Any + Send + Sync>,
    pub(super) json_bytes: usize,
    /// When loading it began, on whatever node.
    pub(super) loaded_at: UnixMicros,
    /// When it came into this memory.
    pub(super) put_at: UnixMicros,
    pub(super) snapshot: Snapshot,
}

/// A page asks for many rows, so a look has to cost little: eleven of them took moka's cache, which
/// notes each for its eviction, 14 of the 98 µs that a page of ten rows cost in all.
pub(super) struct Memory(Cache<Place, Kept, Weigh, DefaultHashBuilder, CountEvicted>);

#[derive(Clone)]
struct Weigh;

impl Weighter<Place, Kept> for Weigh {
    fn weight(&self, place: &Place, kept: &Kept) -> u64 {
        let texts = place.key.bytes() + kept.snapshot.tags().bytes() + kept.json_bytes;
        (texts + OVERHEAD) as u64
    }
}

#[derive(Clone)]
struct CountEvicted;

impl Lifecycle<Place, Kept> for CountEvicted {
    type RequestState = ();

    /// For want of room; a value that takes the place of another one is not counted.
    fn before_evict(&self, (): &mut (), place: &Place, _: &mut Kept) {
        let name = place.family.as_str();
        metrics::counter!("openbell_cache_evictions_total", "family" => name).increment(1);
    }
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        let values = usize::try_from(bytes_max / VALUE_BYTES).unwrap_or(usize::MAX);
        let hasher = DefaultHashBuilder::default();
        Self(Cache::with(values, bytes_max, Weigh, hasher, CountEvicted))
    }

    pub(super) fn find(&self, place: &Place) -> Option<Kept> {
        (!matches!(place.key, Key::Rows(_))).then(|| self.0.get(place)).flatten()
    }

    pub(super) fn put(&self, place: &Place, kept: Kept) {
        if !matches!(place.key, Key::Rows(_)) {
            self.0.insert(place.clone(), kept);
        }
    }
}
