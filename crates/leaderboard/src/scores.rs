//! `Scores`: the score of each player by id, in about 10 bytes a player when ids are dense. Their
//! order is in `Ranking`. A `HashMap` is simpler and takes 20 to 39 bytes a player; the budget of a
//! leaderboard is 32 in all.

use std::collections::BTreeMap;

use crate::chunk::{insert_tight, shrink_loose};

/// Ids that share all but their last 12 bits share a page.
const PAGE_BITS: u32 = 12;

/// Pages by the upper bits of the id. Dense ids fill pages of 4,096; an id alone in its page costs
/// a hundred bytes, which is acceptable in a small game.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    pages: BTreeMap<i64, ScorePage>,
}

/// Two lists of the same length: the lower bits of the ids, ascending, and their scores.
#[derive(Debug, Default)]
struct ScorePage {
    ids: Vec<u16>,
    scores: Vec<i64>,
}

impl Scores {
    /// The player's score.
    pub(crate) fn find(&self, player_id: i64) -> Option<i64> {
        let page = self.pages.get(&(player_id >> PAGE_BITS))?;
        page.position(lower_bits(player_id)).ok().map(|at| page.scores[at])
    }

    /// Sets the player's score; returns the previous one.
    pub(crate) fn insert(&mut self, player_id: i64, score: i64) -> Option<i64> {
        let page = self.pages.entry(player_id >> PAGE_BITS).or_default();
        let id = lower_bits(player_id);
        match page.position(id) {
            Ok(at) => Some(std::mem::replace(&mut page.scores[at], score)),
            Err(at) => {
                page.insert(at, id, score);
                None
            }
        }
    }

    /// The scores of these players; of two scores of a player the larger one counts.
    pub(crate) fn of(players: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut scores = Self::default();
        scores.raise(players);
        scores
    }

    /// Adds players, and raises the scores of known ones.
    pub(crate) fn raise(&mut self, players: impl IntoIterator<Item = (i64, i64)>) {
        for (player_id, score) in players {
            let page = self.pages.entry(player_id >> PAGE_BITS).or_default();
            let id = lower_bits(player_id);
            match page.position(id) {
                Ok(at) => page.scores[at] = page.scores[at].max(score),
                Err(at) => page.insert(at, id, score),
            }
        }
    }

    /// Removes the player; returns the score.
    pub(crate) fn remove(&mut self, player_id: i64) -> Option<i64> {
        let key = player_id >> PAGE_BITS;
        let page = self.pages.get_mut(&key)?;
        let at = page.position(lower_bits(player_id)).ok()?;
        page.ids.remove(at);
        let score = page.scores.remove(at);
        if page.ids.is_empty() {
            self.pages.remove(&key);
        } else {
            shrink_loose(&mut page.ids);
            shrink_loose(&mut page.scores);
        }
        Some(score)
    }

    /// Every (player id, score), by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.iter_from(i64::MIN)
    }

    /// Every (player id, score) from `first` on, by id.
    pub(crate) fn iter_from(&self, first: i64) -> impl Iterator<Item = (i64, i64)> {
        let pages = self.pages.range(first >> PAGE_BITS..);
        let all = pages.flat_map(|(upper, page)| {
            let ids = page.ids.iter().map(move |id| (upper << PAGE_BITS) | i64::from(*id));
            ids.zip(page.scores.iter().copied())
        });
        all.skip_while(move |(id, _)| *id < first)
    }

    /// Bytes taken on the heap, but for the inner nodes of the tree of pages.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_page = |page: &ScorePage| {
            size_of::<(i64, ScorePage)>()
                + page.ids.capacity() * size_of::<u16>()
                + page.scores.capacity() * size_of::<i64>()
        };
        self.pages.values().map(of_page).sum()
    }
}

impl ScorePage {
    fn position(&self, id: u16) -> Result<usize, usize> {
        // In a page without gaps an id is at its own place: one look instead of twelve.
        if self.ids.get(usize::from(id)) == Some(&id) {
            return Ok(usize::from(id));
        }
        self.ids.binary_search(&id)
    }

    fn insert(&mut self, at: usize, id: u16, score: i64) {
        insert_tight(&mut self.ids, at, id);
        insert_tight(&mut self.scores, at, score);
    }
}

fn lower_bits(player_id: i64) -> u16 {
    let bits = player_id & ((1 << PAGE_BITS) - 1);
    u16::try_from(bits).expect("invariant: twelve bits fit in sixteen")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> impl Strategy<Value = i64> {
        prop_oneof![5 => 0i64..40, 2 => 4_080i64..4_110, 1 => -5i64..5, 1 => any::<i64>()]
    }

    proptest! {
        #[test]
        fn scores_equal_those_of_a_plain_map(
            ops in prop::collection::vec((id(), prop::option::weighted(0.7, any::<i64>())), 0..200),
        ) {
            let mut model = BTreeMap::new();
            let mut scores = Scores::default();
            for (id, score) in ops {
                match score {
                    Some(score) => {
                        prop_assert_eq!(scores.insert(id, score), model.insert(id, score));
                    }
                    None => prop_assert_eq!(scores.remove(id), model.remove(&id)),
                }
                prop_assert_eq!(scores.find(id), model.get(&id).copied());
            }
            prop_assert!(scores.iter().eq(model.iter().map(|(id, score)| (*id, *score))));
            for first in [0, -3, 7, 4_095, 4_096] {
                let expected = model.range(first..).map(|(id, score)| (*id, *score));
                prop_assert!(scores.iter_from(first).eq(expected));
            }
        }
    }

    #[test]
    fn a_forgotten_page_takes_no_memory() {
        let mut scores = Scores::default();
        scores.insert(7, 1);
        assert!(scores.memory_bytes() > 0);
        scores.remove(7);
        assert_eq!(scores.memory_bytes(), 0);
    }
}
