//! `Board`: a leaderboard of one game in memory, shared by every request of this node.
//! It holds ids and scores and nothing else of a person; names, levels and who is hidden are the
//! reader's to add. It does not read the database: `build`, `follow` and `value` feed it.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::invariant;
use tokio::sync::watch;

use crate::ranking::Ranking;
use crate::scores::Scores;

/// Players by score descending, then by id ascending. Every method locks for microseconds and
/// none awaits.
#[derive(Debug, Default)]
pub struct Board {
    standings: RwLock<Standings>,
    /// Whether every player was brought once.
    is_ready: watch::Sender<bool>,
}

/// The same pairs twice: by place and by player.
#[derive(Debug, Default)]
struct Standings {
    ranking: Ranking,
    scores: Scores,
    /// Players who were erased since the process started: eight bytes each, and few. A late ledger
    /// entry or a page that was read before must not bring them back.
    tombstones: HashSet<i64>,
}

impl Board {
    /// Builds a board of these (player id, score) in any order. A player who comes twice keeps the
    /// larger score, as in [`Board::apply`].
    pub fn from_scores(players: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let standings = RwLock::new(Standings::from(Scores::of(players)));
        Self { standings, is_ready: watch::Sender::new(true) }
    }

    /// Whether the board has all players. Until then it is no answer to anything, but may be
    /// moved.
    pub fn is_ready(&self) -> bool {
        *self.is_ready.borrow()
    }

    /// Waits until the board has all players.
    pub async fn ready(&self) {
        let mut is_ready = self.is_ready.subscribe();
        // It fails when the sender is gone, which is a part of the board.
        let _ = is_ready.wait_for(|is_ready| *is_ready).await;
    }

    /// Brings all players, read some time ago, to a board that was moved since it was made: of
    /// two scores of a player the larger one counts, as in [`Board::apply`]. It is ready then.
    /// It takes seconds for ten million players, and stops others for a moment at its end.
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
        // What was moved since a moment ago, too.
        for (player_id, score) in standings.scores.iter() {
            filled.apply(player_id, score);
        }
        *standings = filled;
        drop(standings);
        self.is_ready.send_replace(true);
    }

    /// Puts these players in the place of all others, also where a score is smaller now. It is
    /// ready then. Others wait for no more than the exchange.
    pub(crate) fn replace(&self, players: Vec<(i64, i64)>) {
        let mut replaced = Standings::from(Scores::of(players));
        let mut standings = self.write();
        replaced.bury(&standings.tombstones);
        // The old ones are freed when nobody waits any more.
        let old = std::mem::replace(&mut *standings, replaced);
        drop(standings);
        self.is_ready.send_replace(true);
        drop(old);
    }

    /// A copy of the ranking at one instant. Whoever moves the board waits for the copying: some
    /// tens of milliseconds for ten million players.
    pub(crate) fn ranking(&self) -> Ranking {
        self.read().ranking.clone()
    }

    /// Places a new player, or moves a known one up to `score`; returns whether anything changed.
    ///
    /// A score that is not larger than the known one is ignored: the commits of several nodes, and
    /// the ledger read again by the follower, arrive out of order, and total XP never falls, so
    /// the larger of two scores of a player is always the later one. This is also what makes
    /// applying the same change twice harmless.
    pub fn apply(&self, player_id: i64, score: i64) -> bool {
        // Most of what the follower brings is known already: ask before stopping the readers.
        let is_old = |known: i64| known >= score;
        if self.read().scores.find(player_id).is_some_and(is_old) {
            return false;
        }
        self.write().apply(player_id, score)
    }

    /// Takes an erased player off the board for good: whatever brings the player again is ignored.
    /// Returns whether the player was on it.
    pub fn erase(&self, player_id: i64) -> bool {
        let mut standings = self.write();
        standings.tombstones.insert(player_id);
        standings.remove(player_id)
    }

    /// Takes a player off the board; `false` when he was not on it. A later [`Board::apply`] puts
    /// him back, so first make sure that no source brings him any more.
    pub fn remove(&self, player_id: i64) -> bool {
        self.write().remove(player_id)
    }

    /// How many players are on the board.
    pub fn total(&self) -> u64 {
        self.read().ranking.len()
    }

    /// Up to `limit` (player id, score) after the first `offset`; the first has the rank
    /// `offset + 1`. The caller bounds `limit`.
    pub fn page(&self, offset: u64, limit: usize) -> Vec<(i64, i64)> {
        self.read().page(offset, limit)
    }

    /// The player's score, which is found faster than the rank.
    pub fn score(&self, player_id: i64) -> Option<i64> {
        self.read().scores.find(player_id)
    }

    /// The player's rank, from 1, and score.
    pub fn rank(&self, player_id: i64) -> Option<(u64, i64)> {
        self.read().rank(player_id)
    }

    /// The player with up to `each_side` (player id, score) before and after him, and the rank of
    /// the first of them. Both are of one instant. The caller bounds `each_side`.
    pub fn around(&self, player_id: i64, each_side: u32) -> Option<(u64, Vec<(i64, i64)>)> {
        let standings = self.read();
        let (rank, _) = standings.rank(player_id)?;
        let offset = (rank - 1).saturating_sub(u64::from(each_side));
        let count = rank.saturating_add(u64::from(each_side)) - offset;
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        Some((offset + 1, standings.page(offset, limit)))
    }

    /// Up to `limit` (player id, score) of the players after a number, by number.
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

    // A panic under the lock is a bug of this crate, counted by its invariants; the board goes on
    // rather than failing every later request.
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

    /// Takes over tombstones, and the players with one off.
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

    fn assert_equals(board: &Board, model: &BTreeMap<i64, i64>) {
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
            let board = Board::from_scores(start);
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
            let once = Board::from_scores(changes.iter().copied());
            let board = Board::default();
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
        fn a_board_that_was_moved_while_it_was_read_has_the_larger_of_both(
            read in prop::collection::vec((id(), score()), 0..60),
            moved in prop::collection::vec((id(), score()), 0..60),
        ) {
            let board = Board::default();
            prop_assert!(!board.is_ready());
            for &(id, score) in &moved {
                board.apply(id, score);
            }
            board.fill(Scores::of(read.iter().copied()));
            prop_assert!(board.is_ready());
            let all = Board::from_scores(read.iter().chain(&moved).copied());
            prop_assert_eq!(board.page(0, usize::MAX), all.page(0, usize::MAX));
            board.replace(read.clone());
            let read = Board::from_scores(read);
            prop_assert_eq!(board.page(0, usize::MAX), read.page(0, usize::MAX));
        }
    }

    #[test]
    fn an_erased_player_leaves_the_board_and_no_late_score_brings_him_back() {
        let board = Board::from_scores([(1, 100), (2, 90), (3, 80)]);
        assert!(board.erase(2) && !board.erase(2) && !board.erase(9));
        assert_eq!(board.page(0, 9), [(1, 100), (3, 80)], "rows below move up");
        assert!(!board.apply(2, 500) && !board.apply(9, 500));
        board.replace(vec![(1, 1), (2, 2), (3, 3), (9, 9)]);
        assert_eq!(board.page(0, 9), [(3, 3), (1, 1)]);
        board.fill(Scores::of([(1, 1), (2, 2), (9, 9)]));
        assert_eq!((board.page(0, 9), board.total()), (vec![(3, 3), (1, 1)], 2));
        let building = Board::default();
        building.apply(1, 5);
        building.erase(1);
        building.fill(Scores::of([(1, 5), (2, 4)]));
        assert_eq!(building.page(0, 9), [(2, 4)], "erased while the board was built");
        assert!(!building.apply(1, 6));
    }

    #[test]
    fn a_late_smaller_score_moves_nobody_back() {
        let board = Board::from_scores([(1, 100), (2, 50)]);
        assert!(!board.apply(1, 40));
        assert!(!board.apply(1, 100));
        assert_eq!(board.rank(1), Some((1, 100)));
    }

    #[test]
    fn a_player_who_is_not_on_the_board_has_no_rank() {
        let board = Board::from_scores([(1, 100)]);
        assert_eq!((board.rank(2), board.score(2)), (None, None));
        assert_eq!(board.around(2, 5), None);
        assert!(!board.remove(2));
    }

    #[test]
    fn the_first_and_the_last_have_neighbours_on_one_side() {
        let board = Board::from_scores((1..=20).map(|id| (id, 1000 - id)));
        let (first_rank, near) = board.around(1, 2).unwrap();
        assert_eq!((first_rank, near.len()), (1, 3));
        let (first_rank, near) = board.around(20, 2).unwrap();
        assert_eq!((first_rank, near), (18, vec![(18, 982), (19, 981), (20, 980)]));
    }

    #[test]
    fn readers_and_writers_may_come_from_many_threads() {
        let board = Board::from_scores((0..500).map(|id| (id, 0)));
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
