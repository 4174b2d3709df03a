//! `Leaderboards`: both leaderboards as requests read them, from memory once they are ready and
//! until then from the last rank snapshot, by bounded statements.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::{MinorUnit, Money, RankingRules};
use store::{BoardKind, RankSnapshot, Store, StoreError};

use crate::leaderboard::Leaderboard;

/// How long a reader waits for a leaderboard that is being built and has no snapshot.
const WAIT: Duration = Duration::from_secs(2);

/// Both leaderboards, with their last rank snapshots.
#[derive(Debug, Default)]
pub struct Leaderboards {
    xp: Arc<Leaderboard>,
    returns: Arc<Leaderboard>,
    snapshots: RwLock<[Option<RankSnapshot>; 2]>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankWindow {
    /// Up to `limit` after the first `offset`. The caller bounds `limit`.
    From {
        /// Rows before the first.
        offset: u64,
        /// Rows.
        limit: usize,
    },
    /// A player's own row with up to so many on either side.
    Around {
        /// The player.
        player_id: i64,
        /// The caller bounds it.
        each_side: u32,
    },
}

/// Rows of a leaderboard at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderboardRows {
    pub total: u64,
    /// The rank of the first row, from 1.
    pub first_rank: u64,
    /// Player and score: experience, or value in minor units.
    pub rows: Vec<(i64, i64)>,
    /// Whether the ranks are those of the last snapshot, because the leaderboard is not ready.
    pub is_snapshot: bool,
}

/// Why a leaderboard has no rows.
#[derive(Debug, thiserror::Error)]
pub enum LeaderboardError {
    /// It is being built, and there is no snapshot.
    #[error("the leaderboard is being built")]
    Building,
    #[error("cannot read the last rank snapshot")]
    Store(#[from] StoreError),
}

impl Leaderboards {
    pub fn new(xp: Leaderboard, returns: Leaderboard) -> Self {
        Self { xp: Arc::new(xp), returns: Arc::new(returns), snapshots: RwLock::default() }
    }

    pub fn board(&self, kind: BoardKind) -> &Arc<Leaderboard> {
        match kind {
            BoardKind::Xp => &self.xp,
            BoardKind::Return => &self.returns,
        }
    }

    /// Adds a new player with this cash; to the leaderboard by return only if these rules rank
    /// every player.
    pub fn add_player(&self, player_id: i64, cash: Money, ranking: &RankingRules) {
        self.xp.apply(player_id, 0);
        if ranking.ranks_all() {
            self.returns.apply(player_id, cash.0);
        }
    }

    /// Raises the experience of a player after a commit of this node. A player that is not listed
    /// was registered elsewhere moments ago and may be an unranked one, so the ledger follower,
    /// which reads ranked players only, lists the player.
    pub fn raise(&self, player_id: i64, total_xp: i64) {
        if !self.xp.is_ready() || self.xp.score(player_id).is_some() {
            self.xp.apply(player_id, total_xp);
        }
    }

    /// Removes an erased or unranked player from both leaderboards, with a tombstone.
    pub fn exclude(&self, player_id: i64) {
        self.xp.exclude(player_id);
        self.returns.exclude(player_id);
    }

    /// The last rank snapshot known to this node.
    pub fn snapshot(&self, kind: BoardKind) -> Option<RankSnapshot> {
        self.snapshots.read().unwrap_or_else(PoisonError::into_inner)[index(kind)]
    }

    pub fn set_snapshot(&self, kind: BoardKind, snapshot: Option<RankSnapshot>) {
        self.snapshots.write().unwrap_or_else(PoisonError::into_inner)[index(kind)] = snapshot;
    }

    /// Rows of a leaderboard with present scores (at these prices and in this unit, where the rows
    /// come from the database). Empty around an unlisted player.
    ///
    /// # Errors
    /// [`LeaderboardError`].
    pub async fn rows(
        &self,
        store: &Store,
        kind: BoardKind,
        window: RankWindow,
        prices: (&str, MinorUnit),
    ) -> Result<LeaderboardRows, LeaderboardError> {
        let board = self.board(kind);
        if !board.is_ready() {
            // A snapshot of a game without players has no rows.
            if let Some(snapshot) = self.snapshot(kind).filter(|snapshot| snapshot.players > 0) {
                return snapshot_rows(store, (kind, snapshot), window, prices).await;
            }
            self.wait(kind).await?;
        }
        let (first_rank, rows) = match window {
            RankWindow::From { offset, limit } => {
                (offset.saturating_add(1), board.page(offset, limit))
            }
            RankWindow::Around { player_id, each_side } => {
                board.around(player_id, each_side).unwrap_or((1, Vec::new()))
            }
        };
        Ok(LeaderboardRows { total: board.total(), first_rank, rows, is_snapshot: false })
    }

    /// A player's rank, from 1, and score; as [`Leaderboards::rows`].
    ///
    /// # Errors
    /// [`LeaderboardError`].
    pub async fn rank(
        &self,
        store: &Store,
        kind: BoardKind,
        player_id: i64,
        prices: (&str, MinorUnit),
    ) -> Result<Option<(u64, i64)>, LeaderboardError> {
        if self.board(kind).is_ready() {
            return Ok(self.board(kind).rank(player_id));
        }
        let window = RankWindow::Around { player_id, each_side: 0 };
        let found = self.rows(store, kind, window, prices).await?;
        Ok(found.rows.first().map(|(_, score)| (found.first_rank, *score)))
    }

    async fn wait(&self, kind: BoardKind) -> Result<(), LeaderboardError> {
        let ready = tokio::time::timeout(WAIT, self.board(kind).ready()).await;
        ready.map_err(|_| LeaderboardError::Building)
    }
}

fn index(kind: BoardKind) -> usize {
    match kind {
        BoardKind::Xp => 0,
        BoardKind::Return => 1,
    }
}

async fn snapshot_rows(
    store: &Store,
    (kind, snapshot): (BoardKind, RankSnapshot),
    window: RankWindow,
    (prices_json, unit): (&str, MinorUnit),
) -> Result<LeaderboardRows, LeaderboardError> {
    let erased = ErasedRanks(store.erased_ranks(snapshot.snapshot_id).await?);
    let total = snapshot.players.unsigned_abs().saturating_sub(erased.0.len() as u64);
    let (offset, limit) = match window {
        RankWindow::From { offset, limit } => {
            (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(0))
        }
        RankWindow::Around { player_id, each_side } => {
            let stored = store.find_rank(snapshot.snapshot_id, player_id).await?;
            let Some(rank) = stored.and_then(|stored| erased.shown_rank(stored)) else {
                return Ok(LeaderboardRows {
                    total,
                    first_rank: 1,
                    rows: Vec::new(),
                    is_snapshot: true,
                });
            };
            let side = i64::from(each_side);
            let offset = (rank - 1).saturating_sub(side).max(0);
            (offset, rank.saturating_add(side) - offset)
        }
    };
    // From the stored rank of the first row on, with as many more as are erased among them.
    let (after, read) = erased.span(offset, limit);
    let ranked = store
        .with_replica(|store| async move {
            store.ranked_players_page(snapshot.snapshot_id, after, read).await
        })
        .await?;
    let players = (after.saturating_add(1)..).zip(ranked);
    let players = players.filter(|(stored, _)| erased.shown_rank(*stored).is_some());
    let limit = usize::try_from(limit).unwrap_or(0);
    let players: Vec<i64> = players.map(|(_, player_id)| player_id).take(limit).collect();
    let values = store.player_values(&players, prices_json, unit).await?;
    let score = |player_id: i64| {
        let found = values.iter().find(|row| row.0 == player_id);
        found.map_or(0, |(_, total_xp, value)| match kind {
            BoardKind::Xp => *total_xp,
            BoardKind::Return => *value,
        })
    };
    let rows = players.iter().map(|player_id| (*player_id, score(*player_id))).collect();
    let first_rank = offset.unsigned_abs().saturating_add(1);
    Ok(LeaderboardRows { total, first_rank, rows, is_snapshot: true })
}

/// The ranks in a snapshot of players who were erased since, ascending. Each moves the ranks below
/// it up.
struct ErasedRanks(Vec<i64>);

impl ErasedRanks {
    /// The rank at which a stored rank is shown; `None` for an erased one.
    fn shown_rank(&self, stored: i64) -> Option<i64> {
        match self.0.binary_search(&stored) {
            Ok(_) => None,
            Err(before) => Some(stored - i64::try_from(before).unwrap_or(0)),
        }
    }

    /// The stored rank after which the rows after the first `offset` begin, and how many stored
    /// ranks to read so that `limit` rows are among them.
    fn span(&self, offset: i64, limit: i64) -> (i64, i64) {
        let mut first = offset.saturating_add(1);
        let mut erased = self.0.iter().peekable();
        while erased.next_if(|rank| **rank <= first).is_some() {
            first = first.saturating_add(1);
        }
        let mut last = first.saturating_add(limit).saturating_sub(1);
        while erased.next_if(|rank| **rank <= last).is_some() {
            last = last.saturating_add(1);
        }
        (first - 1, last.saturating_sub(first).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_ranks_leave_erased_ones_out_and_spans_reach_over_them() {
        let erased = ErasedRanks(vec![2, 3, 6]);
        let ranks: Vec<Option<i64>> = (1..=8).map(|stored| erased.shown_rank(stored)).collect();
        let expected = [Some(1), None, None, Some(2), Some(3), None, Some(4), Some(5)];
        assert_eq!(ranks, expected);
        assert_eq!(erased.span(0, 1), (0, 1));
        assert_eq!(erased.span(1, 2), (3, 2), "ranks 2 and 3 are stored as 4 and 5");
        assert_eq!(erased.span(0, 4), (0, 7), "ranks 1 to 4 are stored among 1 to 7");
        assert_eq!(erased.span(3, 9), (6, 9));
        assert_eq!(ErasedRanks(Vec::new()).span(20, 10), (20, 10));
    }
}
