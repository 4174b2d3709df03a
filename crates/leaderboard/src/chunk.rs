//! `Chunk`: a short sorted run of a ranking in 8 bytes an entry.
//! `ranking` orders the chunks and bounds their length.

use std::cmp::Reverse;

/// The order of a leaderboard: higher score first, then lower id.
pub(crate) type Key = (Reverse<i64>, i64);

/// Sorted keys without duplicates.
///
/// Neighbors in a ranking have scores near one another, and ids come from one sequence, so nearly
/// every chunk is `Narrow`: both numbers as 32-bit distances from a base. What does not fit (any
/// two `i64` are allowed) makes that one chunk `Wide`: slower and larger, never wrong.
#[derive(Clone, Debug)]
pub(crate) enum Chunk {
    /// One cell for each key, with the distance of the score in the upper half and that of the id
    /// in the lower half, so that cells sort as their keys do.
    Narrow(Base, Vec<u64>),
    /// The keys themselves.
    Wide(Vec<Key>),
}

/// The base of a narrow chunk's distances: scores count downwards, ids upwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    score: i64,
    id: i64,
}

impl Chunk {
    /// A chunk of these keys, which are sorted and without duplicates.
    pub(crate) fn from_keys(keys: &[Key]) -> Self {
        let Some(base) = Base::around(keys) else {
            return Self::Wide(Vec::new());
        };
        let mut cells = Vec::with_capacity(keys.len());
        for key in keys {
            match base.pack(*key) {
                Some(cell) => cells.push(cell),
                None => return Self::Wide(keys.to_vec()),
            }
        }
        Self::Narrow(base, cells)
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::with_capacity(self.len());
        self.extend_into(&mut keys, 0, self.len(), |key| key);
        keys
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Narrow(_, cells) => cells.len(),
            Self::Wide(keys) => keys.len(),
        }
    }

    /// The position of the key, or where to insert it.
    pub(crate) fn position(&self, key: Key) -> Result<usize, usize> {
        match self {
            Self::Narrow(base, cells) => match base.pack(key) {
                Some(cell) => cells.binary_search(&cell),
                None => cells.binary_search_by(|cell| base.unpack(*cell).cmp(&key)),
            },
            Self::Wide(keys) => keys.binary_search(&key),
        }
    }

    /// Appends up to `limit` keys from position `from` to `out`.
    pub(crate) fn extend_into<T>(
        &self,
        out: &mut Vec<T>,
        from: usize,
        limit: usize,
        map: impl Fn(Key) -> T,
    ) {
        match self {
            Self::Narrow(base, cells) => {
                out.extend(cells.iter().skip(from).take(limit).map(|cell| map(base.unpack(*cell))));
            }
            Self::Wide(keys) => out.extend(keys.iter().skip(from).take(limit).map(|key| map(*key))),
        }
    }

    /// Adds the key; `false` if it exists.
    pub(crate) fn insert(&mut self, key: Key) -> bool {
        let Err(at) = self.position(key) else {
            return false;
        };
        match self {
            Self::Narrow(base, cells) => match base.pack(key) {
                Some(cell) => insert_tight(cells, at, cell),
                None => {
                    let mut keys = self.keys();
                    keys.insert(at, key);
                    *self = Self::from_keys(&keys);
                }
            },
            Self::Wide(keys) => insert_tight(keys, at, key),
        }
        true
    }

    /// Removes the key; `false` if it does not exist.
    pub(crate) fn remove(&mut self, key: Key) -> bool {
        let Ok(at) = self.position(key) else {
            return false;
        };
        match self {
            Self::Narrow(_, cells) => {
                cells.remove(at);
                shrink_loose(cells);
            }
            Self::Wide(keys) => {
                keys.remove(at);
                shrink_loose(keys);
            }
        }
        true
    }

    /// Bytes taken on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Narrow(_, cells) => cells.capacity() * size_of::<u64>(),
            Self::Wide(keys) => keys.capacity() * size_of::<Key>(),
        }
    }
}

impl Base {
    /// A base with equal room on both sides of what the keys span; `None` without keys.
    fn around(keys: &[Key]) -> Option<Self> {
        let (Reverse(highest), _) = *keys.first()?;
        let (Reverse(lowest), _) = *keys.last()?;
        let id_min = keys.iter().map(|key| key.1).min()?;
        let id_max = keys.iter().map(|key| key.1).max()?;
        Some(Self {
            score: highest.saturating_add(room_beside(highest.saturating_sub(lowest))),
            id: id_min.saturating_sub(room_beside(id_max.saturating_sub(id_min))),
        })
    }

    fn pack(self, (Reverse(score), id): Key) -> Option<u64> {
        let score_distance = u32::try_from(self.score.checked_sub(score)?).ok()?;
        let id_distance = u32::try_from(id.checked_sub(self.id)?).ok()?;
        Some((u64::from(score_distance) << 32) | u64::from(id_distance))
    }

    /// The key of a cell that this base packed.
    fn unpack(self, cell: u64) -> Key {
        let score_distance = (cell >> 32).cast_signed();
        let id_distance = (cell & u64::from(u32::MAX)).cast_signed();
        (Reverse(self.score - score_distance), self.id + id_distance)
    }
}

/// The free distance on each side of a span.
fn room_beside(span: i64) -> i64 {
    (i64::from(u32::MAX) - span).max(0) / 2
}

/// Inserts, growing by an eighth: doubling would leave a third of the memory unused, and moving a
/// few kilobytes is cheap.
pub(crate) fn insert_tight<T>(list: &mut Vec<T>, at: usize, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(4));
    }
    list.insert(at, value);
}

/// Shrinks once more than a quarter is unused. One growth leaves an eighth unused, so a
/// list of steady length does not grow and shrink in turn.
pub(crate) fn shrink_loose<T>(list: &mut Vec<T>) {
    if list.capacity() - list.len() > list.capacity() / 4 + 8 {
        list.shrink_to(list.len() + list.len() / 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => 0i64..20,
            1 => any::<i64>(),
            1 => prop::sample::select(vec![i64::MIN, i64::MAX, -1, 1 << 31, 1 << 32, 1 << 33]),
        ]
    }

    proptest! {
        #[test]
        fn a_chunk_holds_any_scores_and_ids_in_order(
            start in prop::collection::btree_set((number(), number()), 0..20),
            ops in prop::collection::vec((any::<bool>(), number(), number()), 0..60),
        ) {
            let mut model: BTreeSet<Key> = start.iter().map(|&(s, id)| (Reverse(s), id)).collect();
            let keys: Vec<Key> = model.iter().copied().collect();
            let mut chunk = Chunk::from_keys(&keys);
            for (add, score, id) in ops {
                let key = (Reverse(score), id);
                if add {
                    prop_assert_eq!(chunk.insert(key), model.insert(key));
                } else {
                    prop_assert_eq!(chunk.remove(key), model.remove(&key));
                }
            }
            let expected: Vec<Key> = model.iter().copied().collect();
            prop_assert_eq!(&chunk.keys(), &expected);
            prop_assert_eq!(chunk.len(), expected.len());
            for (at, key) in expected.iter().enumerate() {
                prop_assert_eq!(chunk.position(*key), Ok(at));
            }
        }
    }

    #[test]
    fn near_numbers_take_eight_bytes() {
        let keys: Vec<Key> = (0..100).map(|n| (Reverse(5_000 - n), n * 10_000_000)).collect();
        let chunk = Chunk::from_keys(&keys);
        assert!(matches!(chunk, Chunk::Narrow(..)));
        assert_eq!(chunk.memory_bytes(), 800);
    }

    #[test]
    fn a_far_number_makes_only_its_own_chunk_wide() {
        let mut chunk = Chunk::from_keys(&[(Reverse(10), 1), (Reverse(9), 2)]);
        assert!(matches!(chunk, Chunk::Narrow(..)));
        assert!(chunk.insert((Reverse(i64::MIN), i64::MAX)));
        assert!(matches!(chunk, Chunk::Wide(_)));
        assert_eq!(chunk.position((Reverse(i64::MIN), i64::MAX)), Ok(2));
    }

    #[test]
    fn a_score_that_drifts_out_of_reach_moves_the_base() {
        let mut chunk = Chunk::from_keys(&[(Reverse(0), 1)]);
        for step in 1..10i64 {
            assert!(chunk.insert((Reverse(step << 30), 1)));
            assert!(chunk.remove((Reverse((step - 1) << 30), 1)));
        }
        assert!(matches!(chunk, Chunk::Narrow(..)));
        assert_eq!(chunk.keys(), [(Reverse(9 << 30), 1)]);
    }
}
