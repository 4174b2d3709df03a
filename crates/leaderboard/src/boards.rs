//! `Boards`: the boards of the game as requests read them: from memory when they are ready, and
//! until then from the places at the last close, by bounded statements. What a player is called is
//! not here.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use store::{BoardKind, RankSnapshot, Store, StoreError};

use crate::board::Board;

/// How long a reader waits for a board that is built and was never closed: most of them are ready
/// before that.
const WAIT: Duration = Duration::from_secs(2);

/// Both boards, with their last closes.
#[derive(Debug, Default)]
pub struct Boards {
    xp: Arc<Board>,
    returns: Arc<Board>,
    closes: RwLock<[Option<RankSnapshot>; 2]>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
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

/// Rows of a board, all of one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Players on the board.
    pub total: u64,
    /// The rank of the first row, from 1.
    pub first_rank: u64,
    /// Player and score: experience, or value in cents.
    pub rows: Vec<(i64, i64)>,
    /// Whether the order is that of the last close, because the board is not ready yet.
    pub is_closed: bool,
}

/// Why a board gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// It is being built, and was never closed.
    #[error("the board is being built")]
    Building,
    /// The database did not answer.
    #[error("cannot read the places at the last close")]
    Store(#[from] StoreError),
}

impl Boards {
    /// Boards that are ready.
    pub fn new(xp: Board, returns: Board) -> Self {
        Self { xp: Arc::new(xp), returns: Arc::new(returns), closes: RwLock::default() }
    }

    /// One of the boards.
    pub fn board(&self, kind: BoardKind) -> &Arc<Board> {
        match kind {
            BoardKind::Xp => &self.xp,
            BoardKind::Return => &self.returns,
        }
    }

    /// Puts a new player, who has the starting cash in cents, on both boards.
    pub fn welcome(&self, player_id: i64, starting_cash: i64) {
        self.xp.apply(player_id, 0);
        self.returns.apply(player_id, starting_cash);
    }

    /// Takes a player whose user was erased off both boards, for good.
    pub fn erase(&self, player_id: i64) {
        self.xp.erase(player_id);
        self.returns.erase(player_id);
    }

    /// The last close of a board that is known here.
    pub fn close(&self, kind: BoardKind) -> Option<RankSnapshot> {
        self.closes.read().unwrap_or_else(PoisonError::into_inner)[index(kind)]
    }

    /// Learns of a board's last close.
    pub fn set_close(&self, kind: BoardKind, close: Option<RankSnapshot>) {
        self.closes.write().unwrap_or_else(PoisonError::into_inner)[index(kind)] = close;
    }

    /// Rows of a board, with the scores of now (at these prices, when the board has to be read from
    /// the database). Around a player who is not on it there are none.
    ///
    /// # Errors
    /// [`BoardError`].
    pub async fn rows(
        &self,
        store: &Store,
        kind: BoardKind,
        window: Window,
        prices_json: &str,
    ) -> Result<Rows, BoardError> {
        let board = self.board(kind);
        if !board.is_ready() {
            // A game that was closed before anybody joined has no places to show.
            if let Some(close) = self.close(kind).filter(|close| close.players > 0) {
                return closed_rows(store, (kind, close), window, prices_json).await;
            }
            self.wait(kind).await?;
        }
        let (first_rank, rows) = match window {
            Window::From { offset, limit } => (offset.saturating_add(1), board.page(offset, limit)),
            Window::Around { player_id, each_side } => {
                board.around(player_id, each_side).unwrap_or((1, Vec::new()))
            }
        };
        Ok(Rows { total: board.total(), first_rank, rows, is_closed: false })
    }

    /// A player's rank, from 1, and score; as [`Boards::rows`].
    ///
    /// # Errors
    /// [`BoardError`].
    pub async fn rank(
        &self,
        store: &Store,
        kind: BoardKind,
        player_id: i64,
        prices_json: &str,
    ) -> Result<Option<(u64, i64)>, BoardError> {
        if self.board(kind).is_ready() {
            return Ok(self.board(kind).rank(player_id));
        }
        let window = Window::Around { player_id, each_side: 0 };
        let found = self.rows(store, kind, window, prices_json).await?;
        Ok(found.rows.first().map(|(_, score)| (found.first_rank, *score)))
    }

    async fn wait(&self, kind: BoardKind) -> Result<(), BoardError> {
        let ready = tokio::time::timeout(WAIT, self.board(kind).ready()).await;
        ready.map_err(|_| BoardError::Building)
    }
}

fn index(kind: BoardKind) -> usize {
    match kind {
        BoardKind::Xp => 0,
        BoardKind::Return => 1,
    }
}

async fn closed_rows(
    store: &Store,
    (kind, close): (BoardKind, RankSnapshot),
    window: Window,
    prices_json: &str,
) -> Result<Rows, BoardError> {
    let gaps = Gaps(store.erased_board_places(close.close_id).await?);
    let total = close.players.unsigned_abs().saturating_sub(gaps.0.len() as u64);
    let (offset, limit) = match window {
        Window::From { offset, limit } => {
            (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(0))
        }
        Window::Around { player_id, each_side } => {
            let place = store.find_board_place(close.close_id, player_id).await?;
            let Some(rank) = place.and_then(|place| gaps.rank(place)) else {
                return Ok(Rows { total, first_rank: 1, rows: Vec::new(), is_closed: true });
            };
            let side = i64::from(each_side);
            let offset = (rank - 1).saturating_sub(side).max(0);
            (offset, rank.saturating_add(side) - offset)
        }
    };
    // From the place of the first row on, with as many more as may be gaps among them.
    let (after, read) = gaps.span(offset, limit);
    let places = store
        .with_replica(
            |store| async move { store.board_places_page(close.close_id, after, read).await },
        )
        .await?;
    let players = (after.saturating_add(1)..).zip(places);
    let players = players.filter(|(place, _)| gaps.rank(*place).is_some());
    let limit = usize::try_from(limit).unwrap_or(0);
    let players: Vec<i64> = players.map(|(_, player_id)| player_id).take(limit).collect();
    let values = store.player_values(&players, prices_json).await?;
    let score = |player_id: i64| {
        let found = values.iter().find(|row| row.0 == player_id);
        found.map_or(0, |(_, total_xp, value)| match kind {
            BoardKind::Xp => *total_xp,
            BoardKind::Return => *value,
        })
    };
    let rows = players.iter().map(|player_id| (*player_id, score(*player_id))).collect();
    let first_rank = offset.unsigned_abs().saturating_add(1);
    Ok(Rows { total, first_rank, rows, is_closed: true })
}

/// The places at a close that are not shown any more, ascending: each moves those below it up.
struct Gaps(Vec<i64>);

impl Gaps {
    /// The rank of a place; `None` for a gap.
    fn rank(&self, place: i64) -> Option<i64> {
        match self.0.binary_search(&place) {
            Ok(_) => None,
            Err(before) => Some(place - i64::try_from(before).unwrap_or(0)),
        }
    }

    /// After which place the rows after the first `offset` begin, and how many places to read so
    /// that `limit` rows are among them.
    fn span(&self, offset: i64, limit: i64) -> (i64, i64) {
        let mut first = offset.saturating_add(1);
        let mut gaps = self.0.iter().peekable();
        while gaps.next_if(|gap| **gap <= first).is_some() {
            first = first.saturating_add(1);
        }
        let mut last = first.saturating_add(limit).saturating_sub(1);
        while gaps.next_if(|gap| **gap <= last).is_some() {
            last = last.saturating_add(1);
        }
        (first - 1, last.saturating_sub(first).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_leave_gaps_out_and_spans_reach_over_them() {
        let gaps = Gaps(vec![2, 3, 6]);
        let ranks: Vec<Option<i64>> = (1..=8).map(|place| gaps.rank(place)).collect();
        let expected = [Some(1), None, None, Some(2), Some(3), None, Some(4), Some(5)];
        assert_eq!(ranks, expected);
        assert_eq!(gaps.span(0, 1), (0, 1));
        assert_eq!(gaps.span(1, 2), (3, 2), "ranks 2 and 3 are places 4 and 5");
        assert_eq!(gaps.span(0, 4), (0, 7), "ranks 1 to 4 are places 1 to 7");
        assert_eq!(gaps.span(3, 9), (6, 9));
        assert_eq!(Gaps(Vec::new()).span(20, 10), (20, 10));
    }
}
