//! The mark that a batch writes in its transaction on PostgreSQL. It resolves a COMMIT without a
//! response: the outcome of an existing mark is that of the batch; where there is none, it is
//! inserted as abandoned, so that the batch can no longer commit. Transaction ids do not serve: a
//! lost one is assigned again after a crash.

use domain::UnixMicros;

use crate::statement::LazyStatement;
use crate::{Store, StoreError, UnknownCommit};

// The unique index makes the statement wait while the transaction that wrote the mark is in
// progress. An existing row is written again, so that this COMMIT returns only when the other one
// is as durable (fsync, synchronous standby). A standby rejects it. SQLite has no marks: there is
// no connection to lose.
pub(super) static RESOLVE: LazyStatement = LazyStatement::by_engine(
    "batch_marks.resolve",
    "SELECT CAST(NULL AS TEXT) WHERE $1 > 0 AND $2 IS NOT NULL",
    "WITH deleted AS MATERIALIZED (
             SELECT d.made_before FROM batch_marks_deleted d WHERE d.id = 1 FOR SHARE)
         INSERT INTO batch_marks (made_at, mark, outcome)
         SELECT $1, $2, 'abandoned' FROM deleted WHERE made_before <= $1
         ON CONFLICT (made_at, mark) DO UPDATE SET outcome = batch_marks.outcome
         RETURNING outcome",
);

// Runs before the deletion: it waits for concurrent look-ups, and later ones find the new limit.
static MOVE_DELETED: LazyStatement = LazyStatement::new(
    "batch_marks.move_deleted",
    "UPDATE batch_marks_deleted SET made_before = $1 WHERE id = 1 AND made_before < $1",
);

static DELETE_OLD: LazyStatement = LazyStatement::new(
    "batch_marks.delete_old",
    "DELETE FROM batch_marks WHERE (made_at, mark) IN (
         SELECT made_at, mark FROM batch_marks WHERE made_at < $1
         ORDER BY made_at, mark LIMIT $2)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&RESOLVE, &MOVE_DELETED, &DELETE_OLD];

impl Store {
    /// Returns whether a batch is committed. `Some(false)`: it is not and can no longer be. `None`:
    /// its mark may have been deleted, so the outcome cannot be determined.
    ///
    /// # Errors
    /// `Conflict` while the batch's transaction is in progress for longer than the lock timeout;
    /// `Unavailable` while the database does not respond or is a standby.
    pub async fn resolve_commit(
        &self,
        unknown: &UnknownCommit,
    ) -> Result<Option<bool>, StoreError> {
        if self.engine() == "sqlite" {
            return Ok(None);
        }
        let params = (unknown.made_at.0, unknown.mark.0.to_vec());
        let outcomes: Vec<String> = self.writer().fetch_scalars(&RESOLVE, params).await?;
        Ok(outcomes.first().map(|outcome| outcome == "committed"))
    }

    /// Deletes at most `limit` marks made before an instant and returns their number.
    pub async fn delete_batch_marks_before(
        &self,
        before: UnixMicros,
        limit: i64,
    ) -> Result<u64, StoreError> {
        if self.engine() == "sqlite" {
            return Ok(0);
        }
        self.writer().execute(&MOVE_DELETED, (before.0,)).await?;
        self.writer().execute(&DELETE_OLD, (before.0, limit)).await
    }
}
