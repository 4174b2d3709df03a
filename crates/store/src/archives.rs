//! The archive state of each ledger month. A month changes state by compare-and-set under the
//! fencing token of a lease. `cuts` deletes and restores months, `heads` keeps the state of chains
//! whose beginning was deleted.

mod cuts;
mod heads;
mod state;

use domain::{Hash, LedgerEntry, Month, UnixMicros};

use crate::ledger_row::{LedgerRow, select_entries};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

use state::ArchiveRecord;

pub use heads::{ArchivedHead, ArchivedHolding};
pub use state::{ArchiveFiles, ArchiveRow, ArchiveState, FencedMonth, KeyRange};

const MONTHS_MAX: i64 = 1200;

static LIST: LazyStatement = LazyStatement::new(
    "archives.list",
    "SELECT a.month, a.state, a.location, a.manifest, a.entries, a.first_player,
         a.first_version, a.last_player, a.last_version, a.digest, a.held, a.fence, a.error,
         a.updated_at, CAST(CASE WHEN c.month IS NULL THEN 0 ELSE 1 END AS BIGINT) AS cut
     FROM audit_archives a LEFT JOIN audit_cuts c ON c.month = a.month
     WHERE a.month >= $1 AND a.month <= $2 ORDER BY a.month LIMIT $3",
);

static DROPPED: LazyStatement = LazyStatement::new(
    "archives.dropped",
    "SELECT a.month, a.state, a.location, a.manifest, a.entries, a.first_player,
         a.first_version, a.last_player, a.last_version, a.digest, a.held, a.fence, a.error,
         a.updated_at, CAST(1 AS BIGINT) AS cut FROM audit_archives a
     WHERE a.month > 0 AND a.state = 'dropped' ORDER BY a.month DESC LIMIT $1",
);

static FIRST_ENTRY: LazyStatement = LazyStatement::new(
    "archives.first_entry",
    "SELECT l.created_at FROM portfolio_audit l WHERE l.created_at > $1
     ORDER BY l.created_at, l.player_id, l.version LIMIT 1",
);

static ADD_DUE: LazyStatement = LazyStatement::with_rows(
    "archives.add_due",
    "month bigint",
    "WITH months AS ({rows})
     INSERT INTO audit_archives (month, state, location, entries, held, fence, updated_at)
     SELECT month, 'due', '', 0, 0, 0, {$1} FROM months WHERE true
     ON CONFLICT (month) DO NOTHING",
);

static MONTH_PAGE: LazyStatement = LazyStatement::new(
    "archives.month_page",
    select_entries!(
        "NULL AS symbol, NULL AS note, NULL AS awarded",
        "WHERE l.month = $1 AND (l.player_id, l.version) > ($2, $3)
     ORDER BY l.player_id, l.version LIMIT $4"
    ),
);

static COUNT: LazyStatement = LazyStatement::new(
    "archives.count",
    "SELECT count(*) FROM portfolio_audit l
     WHERE l.month = $1 AND (l.player_id, l.version) > ($2, $3)",
);

static MOVE: LazyStatement = LazyStatement::new(
    "archives.move",
    "UPDATE audit_archives SET state = $1, fence = $2, error = $3, updated_at = $4
     WHERE month = $5 AND state = $6 AND fence <= $2",
);

static WRITTEN: LazyStatement = LazyStatement::new(
    "archives.written",
    "UPDATE audit_archives SET state = 'written', location = $1, manifest = $2, entries = $3,
         first_player = $4, first_version = $5, last_player = $6, last_version = $7,
         digest = $8, error = NULL, updated_at = $9
     WHERE month = $10 AND state = 'writing' AND fence = $11",
);

static FAILED: LazyStatement = LazyStatement::new(
    "archives.failed",
    "UPDATE audit_archives SET error = $1, updated_at = $2 WHERE month = $3 AND fence <= $4",
);

// A month whose deletion has begun can no longer be held; a dropped month can.
static HOLD: LazyStatement = LazyStatement::new(
    "archives.hold",
    "INSERT INTO audit_archives (month, state, location, entries, held, fence, updated_at)
     VALUES ($1, 'due', '', 0, $2, 0, $3)
     ON CONFLICT (month) DO UPDATE SET held = excluded.held, updated_at = excluded.updated_at
     WHERE excluded.held = 0 OR audit_archives.state = 'dropped'
         OR NOT EXISTS (SELECT 1 FROM audit_cuts c WHERE c.month = audit_archives.month)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &LIST,
    &DROPPED,
    &FIRST_ENTRY,
    &ADD_DUE,
    &MONTH_PAGE,
    &COUNT,
    &MOVE,
    &WRITTEN,
    &FAILED,
    &HOLD,
    &cuts::CUT,
    &cuts::IS_CUT,
    &cuts::STEP_END,
    &cuts::DELETE_STEP,
    &cuts::RESTORE,
    &cuts::RESTORED,
    &cuts::UNCUT,
    &heads::SAVE,
    &heads::SAVE_HOLDINGS,
    &heads::RANGE,
    &heads::HOLDINGS_RANGE,
];

impl Store {
    /// All archived months, oldest first, 1200 at most.
    pub async fn archives(&self) -> Result<Vec<ArchiveRow>, StoreError> {
        self.archives_between(Month(i64::MIN), Month(i64::MAX)).await
    }

    /// The archive state of a month.
    pub async fn find_archive(&self, month: Month) -> Result<Option<ArchiveRow>, StoreError> {
        Ok(self.archives_between(month, month).await?.pop())
    }

    /// The dropped months, newest first.
    pub async fn dropped_archives(&self) -> Result<Vec<ArchiveRow>, StoreError> {
        let rows: Vec<ArchiveRecord> = self.reader().fetch_all(&DROPPED, (MONTHS_MAX,)).await?;
        Ok(rows.into_iter().map(ArchiveRecord::read).collect())
    }

    async fn archives_between(
        &self,
        first: Month,
        last: Month,
    ) -> Result<Vec<ArchiveRow>, StoreError> {
        // Reads from the writer, because the caller changes these rows next.
        let rows: Vec<ArchiveRecord> =
            self.writer().fetch_all(&LIST, (first.0, last.0, MONTHS_MAX)).await?;
        Ok(rows.into_iter().map(ArchiveRecord::read).collect())
    }

    /// Adds every month from the ledger's first one to the one before `before`, including months
    /// without entries.
    pub async fn add_due_archives(&self, before: Month, now: UnixMicros) -> Result<(), StoreError> {
        let first: Option<i64> =
            self.reader().fetch_optional_scalar(&FIRST_ENTRY, (i64::MIN,)).await?;
        let Some(first) = first else { return Ok(()) };
        // The month of an entry is never earlier than the month of its creation.
        let first = UnixMicros(first).month();
        let months: Vec<Month> = std::iter::successors(Some(first), |month| Some(month.next()))
            .take_while(|month| *month < before)
            .take(usize::try_from(MONTHS_MAX).unwrap_or_default())
            .collect();
        if months.is_empty() {
            return Ok(());
        }
        let rows = RowSet::new(vec![RowSet::int(&months, |month| month.0)]);
        self.writer().execute(&ADD_DUE, (&rows, now.0)).await?;
        Ok(())
    }

    /// Entries of a month after the key (player, version), in key order, at most `limit`.
    pub async fn month_page(
        &self,
        month: Month,
        after: (i64, i64),
        limit: i64,
    ) -> Result<Vec<(LedgerEntry, Hash)>, StoreError> {
        let rows: Vec<LedgerRow> =
            self.scan().fetch_all(&MONTH_PAGE, (month.0, after.0, after.1, limit)).await?;
        Ok(rows.into_iter().map(|row| (row.entry, row.hash)).collect())
    }

    /// The number of entries of a month in the ledger.
    pub async fn count_month(&self, month: Month) -> Result<i64, StoreError> {
        self.scan().fetch_scalar(&COUNT, (month.0, i64::MIN, i64::MIN)).await
    }

    /// Changes the state of a month; `why` is the reason of a step back. Returns whether the month
    /// was in the state `from` and no newer fencing token exists.
    pub async fn move_archive(
        &self,
        fenced: FencedMonth,
        from: ArchiveState,
        to: ArchiveState,
        why: Option<&str>,
    ) -> Result<bool, StoreError> {
        let moved = self
            .writer()
            .execute(
                &MOVE,
                (to.as_str(), fenced.fence, why, fenced.now.0, fenced.month.0, from.as_str()),
            )
            .await?;
        Ok(moved == 1)
    }

    /// Records the written files of a month: from `Writing` to `Written`, under the fencing token
    /// of the lease that began the writing. Returns whether the state changed.
    pub async fn mark_archive_written(
        &self,
        fenced: FencedMonth,
        written: &ArchiveFiles,
    ) -> Result<bool, StoreError> {
        let keys = written.keys;
        let marked = self
            .writer()
            .execute(
                &WRITTEN,
                (
                    &written.location,
                    &written.manifest,
                    written.entries,
                    keys.map(|keys| keys.first.0),
                    keys.map(|keys| keys.first.1),
                    keys.map(|keys| keys.last.0),
                    keys.map(|keys| keys.last.1),
                    written.digest.0.to_vec(),
                    fenced.now.0,
                    fenced.month.0,
                    fenced.fence,
                ),
            )
            .await?;
        Ok(marked == 1)
    }

    /// Records the error of an attempt; the state does not change.
    pub async fn mark_archive_failed(
        &self,
        fenced: FencedMonth,
        why: &str,
    ) -> Result<(), StoreError> {
        self.writer().execute(&FAILED, (why, fenced.now.0, fenced.month.0, fenced.fence)).await?;
        Ok(())
    }

    /// Sets or removes the hold of a month. Returns `false` if the deletion of its entries has
    /// begun.
    pub async fn hold_archive(
        &self,
        month: Month,
        is_held: bool,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let done = self.writer().execute(&HOLD, (month.0, i64::from(is_held), now.0)).await?;
        Ok(done == 1)
    }
}
