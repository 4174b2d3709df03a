//! Deletes archived months from the ledger and restores them. A cut, the decision to delete, is
//! recorded first: from then on the month cannot be held, and any node may continue the deletion.
//! Triggers refuse every other deletion.

use std::time::Duration;

use domain::{Hash, LedgerEntry, Month, UnixMicros};
use tokio::time::Instant;

use super::{ArchiveState, FencedMonth};
use crate::batch;
use crate::pools::Db;
use crate::statement::LazyStatement;
use crate::transaction::begin_whole;
use crate::{Store, StoreError};

// Months are cut in ascending order, so that each chain keeps one contiguous rest.
pub(super) static CUT: LazyStatement = LazyStatement::new(
    "archives.cut",
    "INSERT INTO audit_cuts (month, reason, cut_at)
     SELECT a.month, $1, $2 FROM audit_archives a
     WHERE a.month = $3 AND a.state = 'verified' AND a.held = 0 AND a.fence <= $4
       AND NOT EXISTS (SELECT 1 FROM audit_archives o
                       WHERE o.month < a.month AND o.state <> 'dropped')
     ON CONFLICT (month) DO NOTHING",
);

pub(super) static IS_CUT: LazyStatement =
    LazyStatement::new("archives.is_cut", "SELECT c.cut_at FROM audit_cuts c WHERE c.month = $1");

pub(super) static STEP_END: LazyStatement = LazyStatement::new(
    "archives.step_end",
    "SELECT e.player_id, e.version FROM (
         SELECT l.player_id, l.version FROM portfolio_audit l
         WHERE l.month = $1 AND (l.player_id, l.version) > ($2, $3)
         ORDER BY l.player_id, l.version LIMIT $4) e
     ORDER BY e.player_id DESC, e.version DESC LIMIT 1",
);

pub(super) static DELETE_STEP: LazyStatement = LazyStatement::new(
    "archives.delete_step",
    "DELETE FROM portfolio_audit WHERE month = $1
       AND (player_id, version) > ($2, $3) AND (player_id, version) <= ($4, $5)",
);

// Existing entries stay, so that a restoration can be resumed.
pub(super) static RESTORE: LazyStatement = LazyStatement::with_rows(
    "archives.restore",
    batch::ENTRY_COLUMNS,
    batch::insert_entries!(" WHERE true ON CONFLICT DO NOTHING"),
);

pub(super) static RESTORED: LazyStatement = LazyStatement::new(
    "archives.restored",
    "UPDATE audit_archives SET state = 'verified', held = 1, fence = $1, error = NULL,
         updated_at = $2
     WHERE month = $3 AND state = 'dropped' AND fence <= $1",
);

pub(super) static UNCUT: LazyStatement =
    LazyStatement::new("archives.uncut", "DELETE FROM audit_cuts WHERE month = $1");

impl Store {
    /// Records that a month is to be deleted. It must be verified, without a hold, and every older
    /// month must be dropped. Returns whether the cut exists, also from an earlier call.
    pub async fn cut_month(&self, fenced: FencedMonth, reason: &str) -> Result<bool, StoreError> {
        self.writer().execute(&CUT, (reason, fenced.now.0, fenced.month.0, fenced.fence)).await?;
        Ok(self.find_cut(fenced.month).await?.is_some())
    }

    /// Deletes the next `limit` entries of a cut month after the key `after` and returns the key of
    /// the last one; `None` if there was none. For SQLite, which keeps all months in one table.
    ///
    /// # Errors
    /// `Query` if the month must not be deleted.
    pub async fn delete_month_step(
        &self,
        month: Month,
        after: (i64, i64),
        limit: i64,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let end: Option<(i64, i64)> =
            self.reader().fetch_optional(&STEP_END, (month.0, after.0, after.1, limit)).await?;
        let Some(end) = end else { return Ok(None) };
        self.writer().execute(&DELETE_STEP, (month.0, after.0, after.1, end.0, end.1)).await?;
        Ok(Some(end))
    }

    /// Drops the partition of a month and records its state in one transaction, which waits for the
    /// ledger's lock for at most `wait_max`. Returns the time it took; `None` on SQLite.
    ///
    /// # Errors
    /// `Conflict` if other transactions held the lock longer; `Query` if the month must not be
    /// deleted.
    pub async fn drop_month_partition(
        &self,
        fenced: FencedMonth,
        wait_max: Duration,
    ) -> Result<Option<Duration>, StoreError> {
        let Db::Postgres(db) = self.db()? else { return Ok(None) };
        let mut tx = begin_whole(db, db.begin).await?;
        // SET takes no parameters.
        let text = format!("SET LOCAL lock_timeout = {}", wait_max.as_millis());
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *tx).await?;
        let began = Instant::now();
        sqlx::query("SELECT drop_ledger_month($1)").bind(fenced.month.0).execute(&mut *tx).await?;
        let done = sqlx::query(
            "UPDATE audit_archives SET state = 'dropped', fence = $1, error = NULL, updated_at = $2
             WHERE month = $3 AND state = 'verified' AND fence <= $1",
        )
        .bind(fenced.fence)
        .bind(fenced.now.0)
        .bind(fenced.month.0)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            let what = "a month was dropped under an older fencing token";
            return Err(StoreError::Unsuitable(what.to_owned()));
        }
        tx.commit().await?;
        Ok(Some(began.elapsed()))
    }

    /// Records that all entries of a month are deleted. Returns whether the month was verified and
    /// no newer fencing token exists.
    pub async fn mark_archive_dropped(&self, fenced: FencedMonth) -> Result<bool, StoreError> {
        self.move_archive(fenced, ArchiveState::Verified, ArchiveState::Dropped, None).await
    }

    /// Inserts entries of a month into the ledger; existing ones stay.
    pub async fn restore_entries(
        &self,
        month: Month,
        entries: &[(LedgerEntry, Hash)],
    ) -> Result<(), StoreError> {
        self.ensure_ledger_month(month).await?;
        let entries: Vec<_> = entries.iter().map(|(entry, hash)| (entry, *hash)).collect();
        let rows = batch::entry_rows(&entries);
        self.writer().execute(&RESTORE, (&rows,)).await?;
        Ok(())
    }

    /// Records that a month is restored, and sets a hold so that retention does not delete it
    /// again. Returns whether it was dropped and no newer fencing token exists.
    pub async fn mark_archive_restored(&self, fenced: FencedMonth) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let marked =
            tx.run().execute(&RESTORED, (fenced.fence, fenced.now.0, fenced.month.0)).await?;
        if marked == 1 {
            tx.run().execute(&UNCUT, (fenced.month.0,)).await?;
        }
        tx.commit().await?;
        Ok(marked == 1)
    }

    /// When the deletion of a month was decided.
    pub async fn find_cut(&self, month: Month) -> Result<Option<UnixMicros>, StoreError> {
        let cut_at = self.writer().fetch_optional_scalar(&IS_CUT, (month.0,)).await?;
        Ok(cut_at.map(UnixMicros))
    }
}
