//! The versions of tags on this node. A value is current while all its tags have the versions that
//! they had before it was loaded. Versions are never used twice, so forgetting one makes values
//! old and never an old one current again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// The tag that every value has.
pub(super) const EVERYTHING: &str = "*";

/// About 150 bytes each.
const TAGS_MAX: u64 = 200_000;

/// The tags of a value: [`EVERYTHING`] and its own, each once and in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TagSet(Arc<[Arc<str>]>);

impl TagSet {
    pub(super) fn of(tags: &[&str]) -> Self {
        let tags: BTreeSet<&str> = tags.iter().copied().chain([EVERYTHING]).collect();
        Self(tags.into_iter().map(Arc::from).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    pub(super) fn bytes(&self) -> usize {
        self.iter().map(|tag| tag.len()).sum()
    }
}

/// The versions of tags at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    tags: TagSet,
    versions: Box<[u64]>,
    /// The renewals there had been when it was last found to be current. While there are no more
    /// of them it still is, and its tags need not be looked up.
    current_at: AtomicU64,
}

impl Snapshot {
    pub(super) fn tags(&self) -> &TagSet {
        &self.0.tags
    }
}

#[derive(Debug)]
pub(super) struct LocalTags {
    versions: Cache<Arc<str>, u64>,
    next: AtomicU64,
    /// From 1; counted when the new version can be seen.
    renewals: AtomicU64,
}

impl LocalTags {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(TAGS_MAX).eviction_policy(EvictionPolicy::lru());
        let (next, renewals) = (AtomicU64::new(0), AtomicU64::new(1));
        Self { versions: cache.build(), next, renewals }
    }

    pub(super) fn snapshot(&self, tags: &TagSet) -> Snapshot {
        let version = |tag: &Arc<str>| self.versions.get_with_by_ref(tag, || self.draw());
        let versions = tags.iter().map(version).collect();
        Snapshot(Arc::new(Taken { tags: tags.clone(), versions, current_at: AtomicU64::new(0) }))
    }

    pub(super) fn is_current(&self, snapshot: &Snapshot) -> bool {
        let Taken { tags, versions, current_at } = &*snapshot.0;
        // Before the versions: a renewal that is missed below is not among these.
        let renewals = self.renewals.load(Ordering::SeqCst);
        if current_at.load(Ordering::SeqCst) == renewals {
            return true;
        }
        let mut pairs = tags.iter().zip(versions);
        let is_current = pairs.all(|(tag, version)| self.versions.get(tag) == Some(*version));
        if is_current {
            current_at.store(renewals, Ordering::SeqCst);
        }
        is_current
    }

    /// From now on all snapshots of this tag are old.
    pub(super) fn renew(&self, tag: &str) {
        self.versions.insert(Arc::from(tag), self.draw());
        self.renewals.fetch_add(1, Ordering::SeqCst);
    }

    fn draw(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_old_when_one_of_its_tags_is_renewed() {
        let tags = LocalTags::new();
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
        let tags = LocalTags::new();
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
    fn a_forgotten_version_does_not_come_back() {
        let tags = LocalTags::new();
        let set = TagSet::of(&["a"]);
        let before = tags.snapshot(&set);
        tags.versions.invalidate("a");
        assert!(!tags.is_current(&before));
        assert!(tags.is_current(&tags.snapshot(&set)) && !tags.is_current(&before));
    }
}
