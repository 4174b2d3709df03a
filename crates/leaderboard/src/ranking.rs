//! `Ranking`: an order-statistics set of (score descending, id ascending): any rank and any page
//! in microseconds at tens of millions of entries, in about 8.5 bytes an entry.
//! It has no index by id and is not thread-safe: `Leaderboard` adds both.

use std::cmp::Reverse;

use domain::invariant;

use crate::chunk::{Chunk, Key};
use crate::fenwick::Fenwick;

/// The longest a chunk gets before it is halved. Longer chunks make an update move more memory,
/// shorter ones make the rare halving (O(number of chunks)) dearer. Tests use tiny chunks, so that
/// a few dozen entries halve and merge them.
const CHUNK_MAX: usize = if cfg!(test) { 16 } else { 1024 };
/// The initial length of chunks, so that the first updates do not halve all of them.
const CHUNK_FILL: usize = CHUNK_MAX / 4 * 3;
/// A chunk shorter than this is merged with a neighbor, if both together are short.
const CHUNK_MIN: usize = CHUNK_MAX / 8;

/// Sorted chunks, with a tree of their sizes.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// For each chunk a key that none of its keys is before and all keys of the chunks before it
    /// are before. The first one is never compared.
    floors: Vec<Key>,
    chunks: Vec<Chunk>,
    sizes: Fenwick,
}

impl Ranking {
    /// Builds a ranking of these (score, id) in any order; fastest when they are sorted already.
    /// The same pair twice counts once.
    pub fn from_entries(mut entries: Vec<(i64, i64)>) -> Self {
        entries.sort_unstable_by_key(|&(score, id)| (Reverse(score), id));
        entries.dedup();
        let count = entries.len().div_ceil(CHUNK_FILL);
        let mut floors = Vec::with_capacity(count);
        let mut chunks = Vec::with_capacity(count);
        let mut keys: Vec<Key> = Vec::with_capacity(CHUNK_FILL);
        for part in entries.chunks(CHUNK_FILL) {
            keys.clear();
            keys.extend(part.iter().map(|&(score, id)| (Reverse(score), id)));
            floors.push(keys[0]);
            chunks.push(Chunk::from_keys(&keys));
        }
        let sizes = Fenwick::from_sizes(chunks.iter().map(Chunk::len));
        Self { floors, chunks, sizes }
    }

    pub fn len(&self) -> u64 {
        self.sizes.total() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.sizes.total() == 0
    }

    /// The rank of an entry, from 1.
    pub fn rank_of(&self, score: i64, id: i64) -> Option<u64> {
        let key = (Reverse(score), id);
        let place = self.place_of(key);
        let at = self.chunks.get(place)?.position(key).ok()?;
        Some((self.sizes.before(place) + at) as u64 + 1)
    }

    /// Up to `limit` (score, id) after the first `offset`, in order. The caller bounds `limit`.
    pub fn page(&self, offset: u64, limit: usize) -> Vec<(i64, i64)> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = limit.min(self.sizes.total().saturating_sub(offset));
        let mut found = Vec::with_capacity(count);
        let (mut place, mut from) = self.sizes.find(offset);
        while found.len() < count && place < self.chunks.len() {
            let missing = count - found.len();
            self.chunks[place].extend_into(&mut found, from, missing, |(Reverse(s), id)| (s, id));
            place += 1;
            from = 0;
        }
        invariant!(found.len() == count, "a page has the length that the chunk sizes give");
        found
    }

    /// Adds an entry; `false` if it exists.
    pub fn insert(&mut self, score: i64, id: i64) -> bool {
        let key = (Reverse(score), id);
        if self.chunks.is_empty() {
            *self = Self::from_entries(vec![(score, id)]);
            return true;
        }
        let place = self.place_of(key);
        if !self.chunks[place].insert(key) {
            return false;
        }
        self.sizes.increment(place);
        if self.chunks[place].len() > CHUNK_MAX {
            self.halve(place);
        }
        true
    }

    /// Removes an entry; `false` if it does not exist.
    pub fn remove(&mut self, score: i64, id: i64) -> bool {
        let key = (Reverse(score), id);
        let place = self.place_of(key);
        let Some(chunk) = self.chunks.get_mut(place) else {
            return false;
        };
        if !chunk.remove(key) {
            return false;
        }
        self.sizes.decrement(place);
        if self.chunks[place].len() < CHUNK_MIN {
            self.merge_around(place);
        }
        true
    }

    /// Bytes taken on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.floors.capacity() * size_of::<Key>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.chunks.iter().map(Chunk::memory_bytes).sum::<usize>()
            + self.sizes.memory_bytes()
    }

    /// The only chunk that may contain the key.
    fn place_of(&self, key: Key) -> usize {
        self.floors.partition_point(|floor| *floor <= key).saturating_sub(1)
    }

    fn halve(&mut self, place: usize) {
        let keys = self.chunks[place].keys();
        let (left, right) = keys.split_at(keys.len() / 2);
        self.chunks[place] = Chunk::from_keys(left);
        self.floors.insert(place + 1, right[0]);
        self.chunks.insert(place + 1, Chunk::from_keys(right));
        self.count_again();
    }

    /// Merges a short chunk with a neighbor if together they stay far from being halved again; a
    /// short chunk between long ones is left until it is empty.
    fn merge_around(&mut self, place: usize) {
        let fits = |left: usize| {
            let pair = self.chunks.get(left).zip(self.chunks.get(left + 1));
            pair.is_some_and(|(a, b)| a.len() + b.len() <= CHUNK_MAX / 2)
        };
        let left = if fits(place) {
            place
        } else if place > 0 && fits(place - 1) {
            place - 1
        } else if self.chunks[place].len() == 0 {
            self.floors.remove(place);
            self.chunks.remove(place);
            self.count_again();
            return;
        } else {
            return;
        };
        let mut keys = self.chunks[left].keys();
        keys.extend(self.chunks[left + 1].keys());
        self.chunks[left] = Chunk::from_keys(&keys);
        self.floors.remove(left + 1);
        self.chunks.remove(left + 1);
        self.count_again();
    }

    fn count_again(&mut self) {
        self.sizes = Fenwick::from_sizes(self.chunks.iter().map(Chunk::len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(i64, i64),
        Remove(i64, i64),
        /// Removes the entry at that place, which a random pair would seldom meet.
        RemoveAt(prop::sample::Index),
    }

    fn score() -> impl Strategy<Value = i64> {
        prop_oneof![20 => 0i64..12, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
    }

    fn id() -> impl Strategy<Value = i64> {
        prop_oneof![20 => 1i64..60, 1 => any::<i64>()]
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (score(), id()).prop_map(|(score, id)| Op::Insert(score, id)),
            1 => (score(), id()).prop_map(|(score, id)| Op::Remove(score, id)),
            2 => any::<prop::sample::Index>().prop_map(Op::RemoveAt),
        ]
    }

    fn assert_equals(ranking: &Ranking, model: &BTreeSet<Key>) {
        let sorted: Vec<(i64, i64)> = model.iter().map(|&(Reverse(s), id)| (s, id)).collect();
        assert_eq!(ranking.len(), sorted.len() as u64);
        assert_eq!(ranking.is_empty(), sorted.is_empty());
        assert_eq!(ranking.page(0, usize::MAX), sorted);
        for (at, &(score, id)) in sorted.iter().enumerate() {
            assert_eq!(ranking.rank_of(score, id), Some(at as u64 + 1));
            let page: Vec<(i64, i64)> = sorted.iter().skip(at).take(5).copied().collect();
            assert_eq!(ranking.page(at as u64, 5), page);
        }
        assert_eq!(ranking.page(ranking.len(), 5), []);
        assert_eq!(ranking.page(u64::MAX, 5), []);
        let longest = ranking.chunks.iter().map(Chunk::len).max().unwrap_or(0);
        assert!(longest <= CHUNK_MAX, "a chunk of {longest}");
        assert!(ranking.chunks.iter().all(|chunk| chunk.len() > 0), "an empty chunk");
    }

    proptest! {
        #[test]
        fn after_any_operations_ranks_and_pages_equal_the_sorted_model(
            start in prop::collection::vec((score(), id()), 0..80),
            ops in prop::collection::vec(op(), 0..200),
        ) {
            let mut model: BTreeSet<Key> = start.iter().map(|&(s, id)| (Reverse(s), id)).collect();
            let mut ranking = Ranking::from_entries(start);
            assert_equals(&ranking, &model);
            for op in ops {
                match op {
                    Op::Insert(s, id) => {
                        prop_assert_eq!(ranking.insert(s, id), model.insert((Reverse(s), id)));
                    }
                    Op::Remove(s, id) => {
                        prop_assert_eq!(ranking.remove(s, id), model.remove(&(Reverse(s), id)));
                    }
                    Op::RemoveAt(index) if !model.is_empty() => {
                        let at = index.index(model.len());
                        let (Reverse(s), id) = *model.iter().nth(at).unwrap();
                        prop_assert!(ranking.remove(s, id));
                        model.remove(&(Reverse(s), id));
                    }
                    Op::RemoveAt(_) => {}
                }
            }
            assert_equals(&ranking, &model);
        }

        #[test]
        fn a_ranking_emptied_in_any_order_is_empty_and_works_again(
            order in Just((1i64..100).collect::<Vec<i64>>()).prop_shuffle(),
        ) {
            let mut ranking = Ranking::from_entries(order.iter().map(|&id| (id % 7, id)).collect());
            for &id in &order {
                prop_assert!(ranking.remove(id % 7, id));
            }
            assert_equals(&ranking, &BTreeSet::new());
            prop_assert!(ranking.chunks.is_empty());
            prop_assert!(ranking.insert(1, 1));
            prop_assert_eq!(ranking.rank_of(1, 1), Some(1));
        }
    }

    #[test]
    fn equal_scores_rank_by_id() {
        let ranking = Ranking::from_entries(vec![(5, 3), (5, 1), (9, 8), (5, 2)]);
        assert_eq!(ranking.page(0, 10), [(9, 8), (5, 1), (5, 2), (5, 3)]);
        assert_eq!(ranking.rank_of(5, 2), Some(3));
        assert_eq!(ranking.rank_of(5, 4), None);
    }

    #[test]
    fn the_same_pair_twice_counts_once() {
        let mut ranking = Ranking::from_entries(vec![(1, 1), (1, 1)]);
        assert!(!ranking.insert(1, 1));
        assert_eq!(ranking.len(), 1);
    }
}
