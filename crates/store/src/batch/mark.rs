//! The mark that a batch writes in its own transaction on PostgreSQL, by which a COMMIT without an
//! answer is resolved: the batch was committed if its mark is there, and can no longer be committed
//! once the same mark is there as abandoned. Numbers of transactions prove nothing: one that was
//! not durable is given out again after a crash. When a batch writes its mark is in `commit`.

use domain::{Entropy, UnixMicros};

use super::UnknownCommit;
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// The mark of one attempt to commit a batch. It is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMark(pub(super) [u8; 16]);

impl BatchMark {
    /// A new mark.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }
}

// The unique index makes it wait while the transaction that wrote the mark is in progress. Where
// the mark is there, the row is written again, so that this statement's own COMMIT is answered only
// when the other one is as durable: on disk, and on a synchronous standby. A standby refuses it.
// SQLite has no marks: no connection is between the program and its file.
pub(super) static RESOLVE: Lazy = Lazy::new(|| Statement {
    name: "batch_marks.resolve",
    sqlite: "SELECT CAST(NULL AS TEXT) WHERE $1 > 0 AND $2 IS NOT NULL",
    postgres: "WITH deleted AS MATERIALIZED (
             SELECT d.made_before FROM batch_marks_deleted d WHERE d.id = 1 FOR SHARE)
         INSERT INTO batch_marks (made_at, mark, outcome)
         SELECT $1, $2, 'abandoned' FROM deleted WHERE made_before <= $1
         ON CONFLICT (made_at, mark) DO UPDATE SET outcome = batch_marks.outcome
         RETURNING outcome",
});

// Before anything is deleted: it waits for those that look for a mark, and those that come later
// find the instant moved.
static MOVE_DELETED: Lazy = Lazy::new(|| {
    Statement::new(
        "batch_marks.move_deleted",
        "UPDATE batch_marks_deleted SET made_before = $1 WHERE id = 1 AND made_before < $1",
    )
});

static DELETE_OLD: Lazy = Lazy::new(|| {
    Statement::new(
        "batch_marks.delete_old",
        "DELETE FROM batch_marks WHERE (made_at, mark) IN (
             SELECT made_at, mark FROM batch_marks WHERE made_at < $1
             ORDER BY made_at, mark LIMIT $2)",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&RESOLVE, &MOVE_DELETED, &DELETE_OLD];

impl Store {
    /// Whether a batch was committed whose COMMIT has no answer. `Some(false)`: it was not and can
    /// no longer be. `None`: its mark may have been deleted, so that this cannot be told any more.
    ///
    /// # Errors
    /// `Conflict` while the batch's transaction is in progress for longer than the lock time-out;
    /// `Unavailable` as long as the database does not answer or is a standby; or the fault met.
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

    /// Deletes marks made before an instant, at most `limit` of them, and counts them.
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
