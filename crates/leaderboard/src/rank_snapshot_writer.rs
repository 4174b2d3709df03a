//! Writing a snapshot of the ranks at one instant, in bounded steps. The server decides when.

use domain::UnixMicros;
use store::{BoardKind, RankSnapshot, Store, StoreError};

use crate::leaderboard::Leaderboard;
use crate::ranking::Ranking;

/// Ranks of one transaction, for which other writers wait on SQLite.
const PAGE_ROWS: usize = 1_000;

/// A snapshot that is being written. An unfinished one is not used and is deleted later.
#[derive(Debug)]
pub struct RankSnapshotWriter {
    snapshot: RankSnapshot,
    ranking: Ranking,
    written: u64,
}

impl RankSnapshotWriter {
    /// Starts a snapshot of the present ranks.
    pub async fn begin(
        store: &Store,
        board: &Leaderboard,
        kind: BoardKind,
        now: UnixMicros,
    ) -> Result<Self, StoreError> {
        let ranking = board.ranking();
        let players = i64::try_from(ranking.len()).unwrap_or(i64::MAX);
        let snapshot = store.begin_rank_snapshot(kind, players, now).await?;
        Ok(Self { snapshot, ranking, written: 0 })
    }

    /// Writes the next ranks; returns the snapshot once it is complete. A failed step can be
    /// repeated.
    pub async fn step(&mut self, store: &Store) -> Result<Option<RankSnapshot>, StoreError> {
        let page = self.ranking.page(self.written, PAGE_ROWS);
        if page.is_empty() {
            store.finish_rank_snapshot(self.snapshot.snapshot_id).await?;
            return Ok(Some(self.snapshot));
        }
        let first = i64::try_from(self.written).unwrap_or(i64::MAX).saturating_add(1);
        let ranks: Vec<(i64, i64)> = (first..).zip(page.iter().map(|row| row.1)).collect();
        store.save_ranks(self.snapshot.snapshot_id, &ranks).await?;
        self.written += page.len() as u64;
        Ok(None)
    }
}
