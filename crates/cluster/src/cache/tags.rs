//! When tags were invalidated on this node. Invalidations are counted; a value is current while
//! none of its tags was invalidated after the count at which its load started. The log holds the
//! newest invalidations; a value older than a deleted one counts as invalid.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// The tag that every value has.
pub(super) const EVERYTHING: &str = "*";

/// The length of the log; about 150 bytes an invalidation.
const INVALIDATIONS_MAX: usize = 200_000;

/// The tags of a value and [`EVERYTHING`], sorted and without duplicates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TagSet(Arc<[Arc<str>]>);

impl TagSet {
    pub(super) fn of(tags: &[&str]) -> Self {
        Self::with(tags.iter().copied().map(Arc::from).collect())
    }

    pub(super) fn with(mut tags: Vec<Arc<str>>) -> Self {
        static EVERY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(EVERYTHING));
        tags.push(Arc::clone(&EVERY));
        tags.sort_unstable();
        tags.dedup();
        Self(tags.into())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    pub(super) fn bytes(&self) -> usize {
        self.iter().map(|tag| tag.len()).sum()
    }
}

/// The count of invalidations at the start of a load.
#[derive(Clone, Debug)]
pub(super) struct TagSnapshot(Arc<TagSnapshotState>);

#[derive(Debug)]
struct TagSnapshotState {
    tags: TagSet,
    /// The newest count at which the tags were found current.
    current_at: AtomicU64,
}

impl TagSnapshot {
    pub(super) fn tags(&self) -> &TagSet {
        &self.0.tags
    }
}

#[derive(Debug, Default)]
pub(super) struct LocalTags {
    log: RwLock<InvalidationLog>,
    /// Incremented after the invalidation is in the log.
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct InvalidationLog {
    /// The count of the last invalidation of each tag.
    last: HashMap<Arc<str>, u64>,
    by_count: VecDeque<(u64, Arc<str>)>,
    /// Invalidations up to this count may have been deleted.
    deleted_up_to: u64,
}

impl LocalTags {
    pub(super) fn snapshot(&self, tags: &TagSet) -> TagSnapshot {
        let current_at = AtomicU64::new(self.count.load(Ordering::SeqCst));
        TagSnapshot(Arc::new(TagSnapshotState { tags: tags.clone(), current_at }))
    }

    pub(super) fn is_current(&self, snapshot: &TagSnapshot) -> bool {
        let TagSnapshotState { tags, current_at } = &*snapshot.0;
        let known = current_at.load(Ordering::SeqCst);
        // Before reading the log: an invalidation missed below is not counted here.
        let count = self.count.load(Ordering::SeqCst);
        if known >= count {
            return true;
        }
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let is_outdated = |tag: &Arc<str>| log.last.get(tag).is_some_and(|last| *last > known);
        if known < log.deleted_up_to || tags.iter().any(is_outdated) {
            return false;
        }
        current_at.fetch_max(count, Ordering::SeqCst);
        true
    }

    /// Makes all snapshots with this tag outdated.
    pub(super) fn invalidate(&self, tag: &str) {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        let count = self.count.load(Ordering::SeqCst) + 1;
        log.push(tag, count, INVALIDATIONS_MAX);
        self.count.store(count, Ordering::SeqCst);
    }
}

impl InvalidationLog {
    fn push(&mut self, tag: &str, count: u64, at_most: usize) {
        let tag: Arc<str> = Arc::from(tag);
        self.last.insert(Arc::clone(&tag), count);
        self.by_count.push_back((count, tag));
        if self.by_count.len() > at_most
            && let Some((count, tag)) = self.by_count.pop_front()
        {
            self.deleted_up_to = count;
            if self.last.get(&tag) == Some(&count) {
                self.last.remove(&tag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_outdated_when_one_of_its_tags_is_invalidated() {
        let tags = LocalTags::default();
        let (ab, c) = (TagSet::of(&["b", "a", "b"]), TagSet::of(&["c"]));
        assert_eq!(ab, TagSet::of(&["a", "b"]));
        let (first, other) = (tags.snapshot(&ab), tags.snapshot(&c));
        assert!(tags.is_current(&first) && tags.is_current(&other));
        tags.invalidate("b");
        assert!(!tags.is_current(&first) && tags.is_current(&other));
        let second = tags.snapshot(&ab);
        tags.invalidate(EVERYTHING);
        assert!(!tags.is_current(&second) && !tags.is_current(&other));
    }

    #[test]
    fn a_snapshot_found_current_is_outdated_by_the_next_invalidation_of_its_tag() {
        let tags = LocalTags::default();
        let snapshot = tags.snapshot(&TagSet::of(&["a"]));
        for other in ["b", "c"] {
            assert!(tags.is_current(&snapshot) && tags.is_current(&snapshot));
            tags.invalidate(other);
        }
        assert!(tags.is_current(&snapshot));
        tags.invalidate("a");
        assert!(!tags.is_current(&snapshot) && !tags.is_current(&snapshot));
    }

    #[test]
    fn a_snapshot_older_than_a_deleted_invalidation_is_outdated() {
        let tags = LocalTags::default();
        let before = tags.snapshot(&TagSet::of(&["a"]));
        for count in 1..=5 {
            let tag = if count == 2 { "a" } else { "b" };
            tags.log.write().unwrap().push(tag, count, 2);
            tags.count.store(count, Ordering::SeqCst);
        }
        assert!(!tags.is_current(&before), "its invalidation was deleted");
        let unrelated = TagSnapshot(Arc::new(TagSnapshotState {
            tags: TagSet::of(&["c"]),
            current_at: AtomicU64::new(2),
        }));
        assert!(!tags.is_current(&unrelated), "it may have been invalidated");
        unrelated.0.current_at.store(3, Ordering::SeqCst);
        assert!(tags.is_current(&unrelated));
        let log = tags.log.read().unwrap();
        assert_eq!((log.last.len(), log.by_count.len()), (1, 2));
    }
}
