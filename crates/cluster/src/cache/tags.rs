//! When tags were made old on this node. Renewals are counted; a value is current while none of its
//! tags was renewed after the count at which loading it began. Only tags that were renewed are
//! kept, and of those the newest: what is older than a renewal that was forgotten counts as old.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// The tag that every value has.
pub(super) const EVERYTHING: &str = "*";

/// Renewals that are remembered; about 150 bytes each.
const RENEWALS_MAX: usize = 200_000;

/// The tags of a value: [`EVERYTHING`] and its own, each once and in order.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The renewals at one moment, for what is loaded from then on.
#[derive(Clone, Debug)]
pub(super) struct Snapshot(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    tags: TagSet,
    /// The newest count at which it is known to be current.
    current_at: AtomicU64,
}

impl Snapshot {
    pub(super) fn tags(&self) -> &TagSet {
        &self.0.tags
    }
}

#[derive(Debug, Default)]
pub(super) struct LocalTags {
    renewals: RwLock<Renewals>,
    /// Moves when a renewal can be seen, never before.
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Renewals {
    /// The count of the last renewal of each tag.
    last: HashMap<Arc<str>, u64>,
    by_count: VecDeque<(u64, Arc<str>)>,
    /// Of renewals up to this count not all are known.
    forgotten: u64,
}

impl LocalTags {
    pub(super) fn snapshot(&self, tags: &TagSet) -> Snapshot {
        let current_at = AtomicU64::new(self.count.load(Ordering::SeqCst));
        Snapshot(Arc::new(Taken { tags: tags.clone(), current_at }))
    }

    pub(super) fn is_current(&self, snapshot: &Snapshot) -> bool {
        let Taken { tags, current_at } = &*snapshot.0;
        let known = current_at.load(Ordering::SeqCst);
        // Before the renewals: one that is missed below is not counted here.
        let count = self.count.load(Ordering::SeqCst);
        if known >= count {
            return true;
        }
        let renewals = self.renewals.read().unwrap_or_else(PoisonError::into_inner);
        let is_old = |tag: &Arc<str>| renewals.last.get(tag).is_some_and(|last| *last > known);
        if known < renewals.forgotten || tags.iter().any(is_old) {
            return false;
        }
        current_at.fetch_max(count, Ordering::SeqCst);
        true
    }

    /// From now on all snapshots of this tag are old.
    pub(super) fn renew(&self, tag: &str) {
        let mut renewals = self.renewals.write().unwrap_or_else(PoisonError::into_inner);
        let count = self.count.load(Ordering::SeqCst) + 1;
        renewals.note(tag, count, RENEWALS_MAX);
        self.count.store(count, Ordering::SeqCst);
    }
}

impl Renewals {
    fn note(&mut self, tag: &str, count: u64, at_most: usize) {
        let tag: Arc<str> = Arc::from(tag);
        self.last.insert(Arc::clone(&tag), count);
        self.by_count.push_back((count, tag));
        if self.by_count.len() > at_most
            && let Some((count, tag)) = self.by_count.pop_front()
        {
            self.forgotten = count;
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
    fn a_snapshot_is_old_when_one_of_its_tags_is_renewed() {
        let tags = LocalTags::default();
        let (ab, c) = (TagSet::of(&["b", "a", "b"]), TagSet::of(&["c"]));
        assert_eq!(ab, TagSet::of(&["a", "b"]));
        let (first, other) = (tags.snapshot(&ab), tags.snapshot(&c));
        assert!(tags.is_current(&first) && tags.is_current(&other));
        tags.renew("b");
        assert!(!tags.is_current(&first) && tags.is_current(&other));
        let second = tags.snapshot(&ab);
        tags.renew(EVERYTHING);
        assert!(!tags.is_current(&second) && !tags.is_current(&other));
    }

    #[test]
    fn a_snapshot_that_was_current_is_old_after_the_next_renewal_of_its_tag() {
        let tags = LocalTags::default();
        let snapshot = tags.snapshot(&TagSet::of(&["a"]));
        for other in ["b", "c"] {
            assert!(tags.is_current(&snapshot) && tags.is_current(&snapshot));
            tags.renew(other);
        }
        assert!(tags.is_current(&snapshot));
        tags.renew("a");
        assert!(!tags.is_current(&snapshot) && !tags.is_current(&snapshot));
    }

    #[test]
    fn what_is_older_than_a_forgotten_renewal_is_old() {
        let tags = LocalTags::default();
        let before = tags.snapshot(&TagSet::of(&["a"]));
        for count in 1..=5 {
            let tag = if count == 2 { "a" } else { "b" };
            tags.renewals.write().unwrap().note(tag, count, 2);
            tags.count.store(count, Ordering::SeqCst);
        }
        assert!(!tags.is_current(&before), "its renewal is forgotten");
        let unrelated =
            Snapshot(Arc::new(Taken { tags: TagSet::of(&["c"]), current_at: AtomicU64::new(2) }));
        assert!(!tags.is_current(&unrelated), "it might have been renewed");
        unrelated.0.current_at.store(3, Ordering::SeqCst);
        assert!(tags.is_current(&unrelated));
        let renewals = tags.renewals.read().unwrap();
        assert_eq!((renewals.last.len(), renewals.by_count.len()), (1, 2));
    }
}
