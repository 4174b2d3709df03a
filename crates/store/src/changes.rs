//! Tags of changed data, by which nodes invalidate their caches. Triggers insert them in the
//! transaction of the change; this file reads and deletes them.

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

const PAGE_ROWS: i64 = 5_000;

static AFTER: LazyStatement = LazyStatement::new(
    "tag_changes.after",
    "SELECT change_id, tag FROM tag_changes WHERE change_id > $1 ORDER BY change_id LIMIT $2",
);

static NEWEST: LazyStatement =
    LazyStatement::new("tag_changes.newest", "SELECT COALESCE(MAX(change_id), 0) FROM tag_changes");

static DELETE_OLD: LazyStatement = LazyStatement::new(
    "tag_changes.forget",
    "DELETE FROM tag_changes WHERE change_id IN (
         SELECT change_id FROM tag_changes WHERE change_id <= $1 ORDER BY change_id LIMIT $2)",
);

// A promoted standby continues on a new timeline. SQLite has no standby.
static TIMELINE: LazyStatement = LazyStatement::by_engine(
    "tag_changes.timeline",
    "SELECT 'one'",
    "SELECT CASE WHEN pg_is_in_recovery() THEN NULL
             ELSE system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) END
         FROM pg_control_system()",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&AFTER, &NEWEST, &DELETE_OLD, &TIMELINE];

impl Store {
    /// Changes after the id `after` with their ids, some thousands at most. Ids are assigned before
    /// the commit: a smaller one may appear later.
    pub async fn tag_changes_after(&self, after: i64) -> Result<Vec<(i64, String)>, StoreError> {
        self.reader().fetch_all(&AFTER, (after, PAGE_ROWS)).await
    }

    /// The id of the newest change; 0 if there is none.
    pub async fn newest_tag_change(&self) -> Result<i64, StoreError> {
        self.reader().fetch_scalar(&NEWEST, ()).await
    }

    /// The timeline of the database. It differs after the promotion of a standby or a restore, when
    /// ids of changes may repeat. `None` on a standby.
    pub async fn find_timeline(&self) -> Result<Option<String>, StoreError> {
        self.writer().fetch_scalar(&TIMELINE, ()).await
    }

    /// Deletes at most `limit` changes except the newest `kept` and returns their number.
    pub async fn delete_tag_changes(&self, kept: i64, limit: i64) -> Result<u64, StoreError> {
        let last = self.newest_tag_change().await?.saturating_sub(kept);
        self.writer().execute(&DELETE_OLD, (last, limit)).await
    }
}
