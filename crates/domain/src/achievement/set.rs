//! The set of a player's unlocked achievements, as the columns of the player's row store it.

/// The first id that is not in the mask of the row.
const FIRST_MORE: i64 = 63;

/// The ids of unlocked achievements, 1 to [`AchievementSet::ID_MAX`]: a bit of a mask for each id
/// up to 62, and bits of a row of bytes for those after it, of which most players have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AchievementSet {
    mask: i64,
    /// Without zeros at the end, so that equal sets are equal.
    more: Vec<u8>,
}

impl AchievementSet {
    /// The largest id.
    pub const ID_MAX: i64 = 10_000;

    /// The set with this mask and these bytes.
    pub fn from_parts(mask: i64, mut more: Vec<u8>) -> Self {
        while more.last() == Some(&0) {
            more.pop();
        }
        Self { mask, more }
    }

    /// The bits of the ids up to 62.
    pub fn mask(&self) -> i64 {
        self.mask
    }

    /// The bits of the ids from 63 on, from the lowest bit of the first byte on.
    pub fn more(&self) -> &[u8] {
        &self.more
    }

    /// Whether the set has no id.
    pub fn is_empty(&self) -> bool {
        self.mask == 0 && self.more.is_empty()
    }

    /// Whether the id is in the set.
    pub fn contains(&self, id: i64) -> bool {
        match bit_of(id) {
            Some(Bit::OfMask(bit)) => self.mask & bit != 0,
            Some(Bit::More(byte, bit)) => self.more.get(byte).is_some_and(|has| has & bit != 0),
            None => false,
        }
    }

    /// Adds an id; returns whether it is a valid one that was not in the set.
    pub fn insert(&mut self, id: i64) -> bool {
        if self.contains(id) {
            return false;
        }
        match bit_of(id) {
            Some(Bit::OfMask(bit)) => self.mask |= bit,
            Some(Bit::More(byte, bit)) => {
                if self.more.len() <= byte {
                    self.more.resize(byte + 1, 0);
                }
                self.more[byte] |= bit;
            }
            None => return false,
        }
        true
    }
}

enum Bit {
    OfMask(i64),
    /// The byte and its bit.
    More(usize, u8),
}

fn bit_of(id: i64) -> Option<Bit> {
    match id {
        1..FIRST_MORE => Some(Bit::OfMask(1 << id)),
        FIRST_MORE..=AchievementSet::ID_MAX => {
            let place = id - FIRST_MORE;
            Some(Bit::More(usize::try_from(place / 8).ok()?, 1 << (place % 8)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_up_to_62_are_in_the_mask_of_earlier_versions() {
        let mut set = AchievementSet::default();
        for id in [1, 18, 62] {
            assert!(set.insert(id));
        }
        assert_eq!((set.mask(), set.more()), (1 << 1 | 1 << 18 | 1 << 62, &[][..]));
        assert!(set.insert(63) && set.insert(71) && !set.insert(63));
        assert_eq!(set.more(), [1, 1]);
        for invalid in [i64::MIN, -1, 0, 10_001, i64::MAX] {
            assert!(!set.insert(invalid) && !set.contains(invalid), "{invalid}");
        }
        assert!(set.insert(10_000));
        assert_eq!(set.more().len(), 1243);
    }

    proptest! {
        #[test]
        fn a_set_has_what_was_inserted_also_after_it_was_stored(
            ids in prop::collection::vec(1i64..=10_000, 0..60), zeros in 0usize..3,
        ) {
            let (mut set, mut model) = (AchievementSet::default(), BTreeSet::new());
            for id in &ids {
                prop_assert_eq!(set.insert(*id), model.insert(*id));
            }
            let mut more = set.more().to_vec();
            more.resize(more.len() + zeros, 0);
            prop_assert_eq!(&AchievementSet::from_parts(set.mask(), more), &set);
            prop_assert!((1..=10_000).all(|id| set.contains(id) == model.contains(&id)));
            prop_assert_eq!(set.is_empty(), model.is_empty());
        }
    }
}
