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
    /// Players erased since the process started, and all unranked ones. A ledger entry, or a page
    /// read before, must not add them.
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

    /// Removes an erased or unranked player and stores a tombstone, so that later scores are
    /// ignored. Returns whether the player was listed.
    pub fn exclude(&self, player_id: i64) -> bool {
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
mod tests;
