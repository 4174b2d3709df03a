//! `Leaderboard`: the ids and scores of all players of a game, in memory, shared by every request
//! of this node. `build`, `follow` and `value` write it; names and visibility are added by the
//! reader.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::invariant;
use tokio::sync::watch;

use crate::ranking::Ranking;
use crate::scores::Scores;

/// Players by score descending, then by id ascending. Except where stated, a method holds the lock
/// for microseconds.
#[derive(Debug, Default)]
pub struct Leaderboard {
    standings: RwLock<Standings>,
    /// Whether all players were loaded.
    is_ready: watch::Sender<bool>,
}

/// The same pairs indexed by rank and by player.
#[derive(Debug, Default)]
struct Standings {
    ranking: Ranking,
    scores: Scores,
    /// Players erased since the process started. A late ledger entry, or a page read before the
    /// erasure, must not add them again.
    tombstones: HashSet<i64>,
}

impl Leaderboard {
    /// A leaderboard of (player id, score) in any order. Of two scores of a player the larger one
    /// counts, as in [`Leaderboard::apply`].
    pub fn from_scores(players: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let standings = RwLock::new(Standings::from(Scores::of(players)));
        Self { standings, is_ready: watch::Sender::new(true) }
    }

    /// Whether all players were loaded. Before that, scores may be applied, but ranks are wrong.
    pub fn is_ready(&self) -> bool {
        *self.is_ready.borrow()
    }

    /// Waits until all players were loaded.
    pub async fn ready(&self) {
        let mut is_ready = self.is_ready.subscribe();
        // The sender is a field of this type.
        let _ = is_ready.wait_for(|is_ready| *is_ready).await;
    }

    /// Merges all players, read some time ago, with the scores applied since; the larger score of a
    /// player counts, as in [`Leaderboard::apply`]. The leaderboard is ready afterwards. It takes
    /// seconds for ten million players, and holds the lock at the end only.
    pub(crate) fn fill(&self, mut players: Scores) {
        let (moved, tombstones): (Vec<(i64, i64)>, _) = {
            let standings = self.read();
            (standings.scores.iter().collect(), standings.tombstones.clone())
        };
        players.raise(moved);
        for player_id in tombstones {
            players.remove(player_id);
        }
        let mut filled = Standings::from(players);
        let mut standings = self.write();
        filled.bury(&standings.tombstones);
        // Includes the scores applied since the copy above.
        for (player_id, score) in standings.scores.iter() {
            filled.apply(player_id, score);
        }
        *standings = filled;
        drop(standings);
        self.is_ready.send_replace(true);
    }

    /// Replaces all players, also where a score is smaller now. The leaderboard is ready
    /// afterwards. The lock is held for the exchange only.
    pub(crate) fn replace(&self, players: Vec<(i64, i64)>) {
        let mut replaced = Standings::from(Scores::of(players));
        let mut standings = self.write();
        replaced.bury(&standings.tombstones);
        // Freed after the lock is released.
        let old = std::mem::replace(&mut *standings, replaced);
        drop(standings);
        self.is_ready.send_replace(true);
        drop(old);
    }

    /// A copy of the ranking at one instant. Writers wait for the copy, some tens of milliseconds
    /// for ten million players.
    pub(crate) fn ranking(&self) -> Ranking {
        self.read().ranking.clone()
    }

    /// Adds a player, or raises the score of a known one; returns whether anything changed.
    ///
    /// A score that is not larger than the known one is ignored: commits of several nodes and
    /// ledger entries that are read again arrive out of order, and total XP never falls, so the
    /// larger score of a player is the later one. Applying a change twice is therefore harmless.
    pub fn apply(&self, player_id: i64, score: i64) -> bool {
        // Most scores of the follower are known already: check before taking the write lock.
        let is_old = |known: i64| known >= score;
        if self.read().scores.find(player_id).is_some_and(is_old) {
            return false;
        }
        self.write().apply(player_id, score)
    }

    /// Removes an erased player and stores a tombstone, so that later scores are ignored. Returns
    /// whether the player was listed.
    pub fn erase(&self, player_id: i64) -> bool {
        let mut standings = self.write();
        standings.tombstones.insert(player_id);
        standings.remove(player_id)
    }

    /// Removes a player; `false` if the player was not listed. A later [`Leaderboard::apply`] adds
    /// the player again.
    pub fn remove(&self, player_id: i64) -> bool {
        self.write().remove(player_id)
    }

    pub fn total(&self) -> u64 {
        self.read().ranking.len()
    }

    /// Up to `limit` (player id, score) after the first `offset`; the first has the rank
    /// `offset + 1`. The caller bounds `limit`.
    pub fn page(&self, offset: u64, limit: usize) -> Vec<(i64, i64)> {
        self.read().page(offset, limit)
    }

    /// The player's score; faster than [`Leaderboard::rank`].
    pub fn score(&self, player_id: i64) -> Option<i64> {
        self.read().scores.find(player_id)
    }

    /// The player's rank, from 1, and score.
    pub fn rank(&self, player_id: i64) -> Option<(u64, i64)> {
        self.read().rank(player_id)
    }

    /// The player with up to `each_side` (player id, score) before and after, and the rank of the
    /// first row, at one instant. The caller bounds `each_side`.
    pub fn around(&self, player_id: i64, each_side: u32) -> Option<(u64, Vec<(i64, i64)>)> {
        let standings = self.read();
        let (rank, _) = standings.rank(player_id)?;
        let offset = (rank - 1).saturating_sub(u64::from(each_side));
        let count = rank.saturating_add(u64::from(each_side)) - offset;
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        Some((offset + 1, standings.page(offset, limit)))
    }

    /// Up to `limit` (player id, score) of the players after an id, by id.
    pub(crate) fn scores_after(&self, after: i64, limit: usize) -> Vec<(i64, i64)> {
        let standings = self.read();
        let all =
            after.checked_add(1).into_iter().flat_map(|first| standings.scores.iter_from(first));
        all.take(limit).collect()
    }

    /// Bytes taken on the heap.
    pub fn memory_bytes(&self) -> usize {
        let standings = self.read();
        standings.ranking.memory_bytes() + standings.scores.memory_bytes()
    }

    // A panic under the lock is a bug, counted by the invariants; later requests still get results.
    fn read(&self) -> RwLockReadGuard<'_, Standings> {
        self.standings.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Standings> {
        self.standings.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standings {
    fn from(scores: Scores) -> Self {
        let entries = scores.iter().map(|(player_id, score)| (score, player_id)).collect();
        let tombstones = HashSet::new();
        Self { ranking: Ranking::from_entries(entries), scores, tombstones }
    }

    /// Copies tombstones and removes their players.
    fn bury(&mut self, tombstones: &HashSet<i64>) {
        for player_id in tombstones {
            self.remove(*player_id);
        }
        self.tombstones.clone_from(tombstones);
    }

    fn remove(&mut self, player_id: i64) -> bool {
        let Some(score) = self.scores.remove(player_id) else {
            return false;
        };
        let removed = self.ranking.remove(score, player_id);
        invariant!(removed, "a player with a score has a place");
        true
    }

    fn apply(&mut self, player_id: i64, score: i64) -> bool {
        let known = self.scores.find(player_id);
        if known.is_some_and(|known| known >= score) || self.tombstones.contains(&player_id) {
            return false;
        }
        if let Some(known) = known {
            let removed = self.ranking.remove(known, player_id);
            invariant!(removed, "a player with a score has a place");
        }
        self.scores.insert(player_id, score);
        self.ranking.insert(score, player_id)
    }

    fn page(&self, offset: u64, limit: usize) -> Vec<(i64, i64)> {
        let mut page = self.ranking.page(offset, limit);
        for entry in &mut page {
            *entry = (entry.1, entry.0);
        }
        page
    }

    fn rank(&self, player_id: i64) -> Option<(u64, i64)> {
        let score = self.scores.find(player_id)?;
        let rank = self.ranking.rank_of(score, player_id);
        invariant!(rank.is_some(), "a player with a score has a place");
        Some((rank?, score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn id() -> impl Strategy<Value = i64> {
        prop_oneof![20 => 1i64..40, 1 => any::<i64>()]
    }

    fn score() -> impl Strategy<Value = i64> {
        prop_oneof![20 => 0i64..15, 1 => any::<i64>()]
    }

    fn sorted(model: &BTreeMap<i64, i64>) -> Vec<(i64, i64)> {
        let mut players: Vec<(i64, i64)> = model.iter().map(|(id, score)| (*id, *score)).collect();
        players.sort_by_key(|&(id, score)| (std::cmp::Reverse(score), id));
        players
    }

    fn assert_equals(board: &Leaderboard, model: &BTreeMap<i64, i64>) {
        let sorted = sorted(model);
        assert_eq!(board.total(), sorted.len() as u64);
        assert_eq!(board.page(0, usize::MAX), sorted);
        for (at, &(id, score)) in sorted.iter().enumerate() {
            assert_eq!(board.rank(id), Some((at as u64 + 1, score)));
            assert_eq!(board.score(id), Some(score));
            let from = at.saturating_sub(5);
            let near = sorted[from..sorted.len().min(at + 6)].to_vec();
            assert_eq!(board.around(id, 5), Some((from as u64 + 1, near)));
        }
    }

    proptest! {
        #[test]
        fn after_any_operations_the_board_equals_the_sorted_model(
            start in prop::collection::vec((id(), score()), 0..60),
            ops in prop::collection::vec(
                (id(), prop::option::weighted(0.8, score())), 0..150),
        ) {
            let mut model = BTreeMap::new();
            for &(id, score) in &start {
                model.entry(id).and_modify(|known: &mut i64| *known = score.max(*known))
                    .or_insert(score);
            }
            let board = Leaderboard::from_scores(start);
            assert_equals(&board, &model);
            for (id, score) in ops {
                match score {
                    Some(score) => {
                        let known = model.get(&id).copied();
                        let larger = known.is_none_or(|known| known < score);
                        prop_assert_eq!(board.apply(id, score), larger);
                        model.insert(id, known.map_or(score, |known| known.max(score)));
                    }
                    None => prop_assert_eq!(board.remove(id), model.remove(&id).is_some()),
                }
            }
            assert_equals(&board, &model);
        }

        #[test]
        fn changes_in_any_order_and_number_give_the_same_board(
            changes in prop::collection::vec((id(), score()), 0..60),
            again in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let once = Leaderboard::from_scores(changes.iter().copied());
            let board = Leaderboard::default();
            for index in again {
                if !changes.is_empty() {
                    let (id, score) = changes[index.index(changes.len())];
                    board.apply(id, score);
                }
            }
            for &(id, score) in changes.iter().rev() {
                board.apply(id, score);
            }
            prop_assert_eq!(board.page(0, usize::MAX), once.page(0, usize::MAX));
        }
    }

    proptest! {
        #[test]
        fn scores_applied_while_players_are_read_are_merged_by_the_larger(
            read in prop::collection::vec((id(), score()), 0..60),
            moved in prop::collection::vec((id(), score()), 0..60),
        ) {
            let board = Leaderboard::default();
            prop_assert!(!board.is_ready());
            for &(id, score) in &moved {
                board.apply(id, score);
            }
            board.fill(Scores::of(read.iter().copied()));
            prop_assert!(board.is_ready());
            let all = Leaderboard::from_scores(read.iter().chain(&moved).copied());
            prop_assert_eq!(board.page(0, usize::MAX), all.page(0, usize::MAX));
            board.replace(read.clone());
            let read = Leaderboard::from_scores(read);
            prop_assert_eq!(board.page(0, usize::MAX), read.page(0, usize::MAX));
        }
    }

    #[test]
    fn an_erased_player_is_removed_and_a_late_score_is_ignored() {
        let board = Leaderboard::from_scores([(1, 100), (2, 90), (3, 80)]);
        assert!(board.erase(2) && !board.erase(2) && !board.erase(9));
        assert_eq!(board.page(0, 9), [(1, 100), (3, 80)], "rows below move up");
        assert!(!board.apply(2, 500) && !board.apply(9, 500));
        board.replace(vec![(1, 1), (2, 2), (3, 3), (9, 9)]);
        assert_eq!(board.page(0, 9), [(3, 3), (1, 1)]);
        board.fill(Scores::of([(1, 1), (2, 2), (9, 9)]));
        assert_eq!((board.page(0, 9), board.total()), (vec![(3, 3), (1, 1)], 2));
        let building = Leaderboard::default();
        building.apply(1, 5);
        building.erase(1);
        building.fill(Scores::of([(1, 5), (2, 4)]));
        assert_eq!(building.page(0, 9), [(2, 4)], "erased while the board was built");
        assert!(!building.apply(1, 6));
    }

    #[test]
    fn a_late_smaller_score_is_ignored() {
        let board = Leaderboard::from_scores([(1, 100), (2, 50)]);
        assert!(!board.apply(1, 40));
        assert!(!board.apply(1, 100));
        assert_eq!(board.rank(1), Some((1, 100)));
    }

    #[test]
    fn an_unlisted_player_has_no_rank() {
        let board = Leaderboard::from_scores([(1, 100)]);
        assert_eq!((board.rank(2), board.score(2)), (None, None));
        assert_eq!(board.around(2, 5), None);
        assert!(!board.remove(2));
    }

    #[test]
    fn the_first_and_the_last_have_neighbours_on_one_side() {
        let board = Leaderboard::from_scores((1..=20).map(|id| (id, 1000 - id)));
        let (first_rank, near) = board.around(1, 2).unwrap();
        assert_eq!((first_rank, near.len()), (1, 3));
        let (first_rank, near) = board.around(20, 2).unwrap();
        assert_eq!((first_rank, near), (18, vec![(18, 982), (19, 981), (20, 980)]));
    }

    #[test]
    fn readers_and_writers_may_come_from_many_threads() {
        let board = Leaderboard::from_scores((0..500).map(|id| (id, 0)));
        std::thread::scope(|scope| {
            for thread in 0..4i64 {
                let board = &board;
                scope.spawn(move || {
                    for step in 0..2_000 {
                        board.apply((step * 7 + thread) % 500, step * 4 + thread);
                        let (first_rank, near) = board.around(step % 500, 5).unwrap();
                        assert!(first_rank >= 1 && near.iter().any(|row| row.0 == step % 500));
                    }
                });
            }
        });
        let all = board.page(0, usize::MAX);
        assert_eq!(all.len(), 500);
        assert!(all.is_sorted_by_key(|&(id, score)| (std::cmp::Reverse(score), id)));
    }
}
