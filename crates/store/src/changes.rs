//! What nodes have to read again because it was changed, as tags of their caches. Triggers write
//! them in the transaction of the change; here they are read and, once they are old, deleted.

use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// Rows read at once.
const PAGE_ROWS: i64 = 5_000;

static AFTER: Lazy = Lazy::new(|| {
    Statement::new(
        "tag_changes.after",
        "SELECT change_id, tag FROM tag_changes WHERE change_id > $1 ORDER BY change_id LIMIT $2",
    )
});

static NEWEST: Lazy = Lazy::new(|| {
    Statement::new("tag_changes.newest", "SELECT COALESCE(MAX(change_id), 0) FROM tag_changes")
});

static FORGET: Lazy = Lazy::new(|| {
    Statement::new(
        "tag_changes.forget",
        "DELETE FROM tag_changes WHERE change_id IN (
             SELECT change_id FROM tag_changes WHERE change_id <= $1 ORDER BY change_id LIMIT $2)",
    )
});

// A standby that is promoted goes on under a timeline of its own. SQLite has no standby.
static TIMELINE: Lazy = Lazy::new(|| Statement {
    name: "tag_changes.timeline",
    sqlite: "SELECT 'one'",
    postgres: "SELECT CASE WHEN pg_is_in_recovery() THEN NULL
             ELSE system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) END
         FROM pg_control_system()",
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&AFTER, &NEWEST, &FORGET, &TIMELINE];

impl Store {
    /// Changes after a number, with their numbers, some thousands at most. Numbers are given out
    /// before a change is committed: one with a smaller number may appear later.
    pub async fn tag_changes_after(&self, after: i64) -> Result<Vec<(i64, String)>, StoreError> {
        self.reader().fetch_all(&AFTER, (after, PAGE_ROWS)).await
    }

    /// The number of the newest change; 0 when there is none.
    pub async fn newest_tag_change(&self) -> Result<i64, StoreError> {
        let newest: i64 = self.reader().fetch_scalar(&NEWEST, ()).await?;
        Ok(newest)
    }

    /// On which timeline the database writes: a promoted standby, or a database that was put back,
    /// has another one, and may give out numbers of changes again. `None` while it is a standby.
    pub async fn find_timeline(&self) -> Result<Option<String>, StoreError> {
        let timeline: Option<String> = self.writer().fetch_scalar(&TIMELINE, ()).await?;
        Ok(timeline)
    }

    /// Deletes changes but for the newest `kept`, of which some node may not have heard, at most
    /// `limit` of them, and counts them.
    pub async fn delete_tag_changes(&self, kept: i64, limit: i64) -> Result<u64, StoreError> {
        let last = self.newest_tag_change().await?.saturating_sub(kept);
        self.writer().execute(&FORGET, (last, limit)).await
    }
}
