//! Keeping the places of a board at a session's close, some at a time, all of one instant. Who
//! writes them, and when a session has closed, the server knows.

use domain::{Day, UnixMicros};
use store::{BoardKind, RankSnapshot, Store, StoreError};

use crate::board::Board;
use crate::ranking::Ranking;

/// Places kept in one transaction, which others wait for on SQLite.
const PLACES: usize = 1_000;

/// A close that is being written. One that is dropped counts for nothing and is forgotten later.
#[derive(Debug)]
pub struct Closing {
    close: RankSnapshot,
    ranking: Ranking,
    kept: u64,
}

impl Closing {
    /// Begins with the places that the board has now.
    ///
    /// # Errors
    /// The fault met.
    pub async fn begin(
        store: &Store,
        board: &Board,
        kind: BoardKind,
        day: Day,
        now: UnixMicros,
    ) -> Result<Self, StoreError> {
        let ranking = board.ranking();
        let players = i64::try_from(ranking.len()).unwrap_or(i64::MAX);
        let close = store.open_board_close(kind, day, players, now).await?;
        Ok(Self { close, ranking, kept: 0 })
    }

    /// Keeps the next places; the close once all are kept, when it counts.
    ///
    /// # Errors
    /// The fault met; the step can be done again.
    pub async fn step(&mut self, store: &Store) -> Result<Option<RankSnapshot>, StoreError> {
        let page = self.ranking.page(self.kept, PLACES);
        if page.is_empty() {
            store.finish_board_close(self.close.close_id).await?;
            return Ok(Some(self.close));
        }
        let first = i64::try_from(self.kept).unwrap_or(i64::MAX).saturating_add(1);
        let places: Vec<(i64, i64)> = (first..).zip(page.iter().map(|row| row.1)).collect();
        store.save_board_places(self.close.close_id, &places).await?;
        self.kept += page.len() as u64;
        Ok(None)
    }
}
