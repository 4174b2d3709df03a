//! Writing a snapshot of the ranks at one instant, in bounded steps. The server decides when.

use domain::{Day, UnixMicros};
use store::{BoardKind, RankSnapshot, Store, StoreError};

use crate::leaderboard::Leaderboard;
use crate::ranking::Ranking;

/// Places of one transaction, for which other writers wait on SQLite.
const PLACES: usize = 1_000;

/// A snapshot that is being written. An unfinished one is not used and is deleted later.
#[derive(Debug)]
pub struct RankSnapshotWriter {
    close: RankSnapshot,
    ranking: Ranking,
    written: u64,
}

impl RankSnapshotWriter {
    /// Starts a snapshot of the present ranks.
    pub async fn begin(
        store: &Store,
        board: &Leaderboard,
        kind: BoardKind,
        day: Day,
        now: UnixMicros,
    ) -> Result<Self, StoreError> {
        let ranking = board.ranking();
        let players = i64::try_from(ranking.len()).unwrap_or(i64::MAX);
        let close = store.open_board_close(kind, day, players, now).await?;
        Ok(Self { close, ranking, written: 0 })
    }

    /// Writes the next places; returns the snapshot once it is complete. A failed step can be
    /// repeated.
    pub async fn step(&mut self, store: &Store) -> Result<Option<RankSnapshot>, StoreError> {
        let page = self.ranking.page(self.written, PLACES);
        if page.is_empty() {
            store.finish_board_close(self.close.close_id).await?;
            return Ok(Some(self.close));
        }
        let first = i64::try_from(self.written).unwrap_or(i64::MAX).saturating_add(1);
        let places: Vec<(i64, i64)> = (first..).zip(page.iter().map(|row| row.1)).collect();
        store.save_board_places(self.close.close_id, &places).await?;
        self.written += page.len() as u64;
        Ok(None)
    }
}
