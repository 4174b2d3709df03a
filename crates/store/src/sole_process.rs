//! Transactions of commands during which no other process may use the database.

use std::time::Duration;

use tokio::time::sleep;

use crate::migrate::MIGRATION_LOCK;
use crate::pools::Db;
use crate::statement::LazyStatement;
use crate::transaction::{Tx, begin_whole};
use crate::{Store, StoreError};

/// A session that was closed is listed for a moment: how often, and after which pauses, other
/// sessions are looked for.
const SESSION_CHECKS: u32 = 20;
const SESSION_CHECK_INTERVAL: Duration = Duration::from_millis(100);

static LOCK: LazyStatement = LazyStatement::by_engine(
    "sole_process.lock",
    "SELECT CAST(1 AS BIGINT) WHERE $1 IS NOT NULL",
    "SELECT CAST(CAST(pg_try_advisory_xact_lock($1) AS INT) AS BIGINT)",
);

// Of this process as well.
static SESSIONS: LazyStatement = LazyStatement::by_engine(
    "sole_process.sessions",
    "SELECT CAST(0 AS BIGINT)",
    "SELECT count(*) FROM pg_stat_activity s
     WHERE s.datname = current_database() AND s.application_name = 'openbell'",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&LOCK, &SESSIONS];

impl Store {
    /// Begins a transaction, on PostgreSQL with the statement `begin`. No other process may use the
    /// database: a SQLite file has a lock, and on PostgreSQL a node that starts waits until the
    /// transaction has ended.
    ///
    /// # Errors
    /// `Unsuitable` while a node or a command has a session on PostgreSQL, or migrates.
    pub(crate) async fn begin_alone(&self, begin: &'static str) -> Result<Tx, StoreError> {
        let mut others = 0;
        for _ in 0..SESSION_CHECKS {
            let (mut tx, own) = match self.db()? {
                Db::Sqlite(_) => (self.begin().await?, 0),
                Db::Postgres(db) => {
                    (Tx::Postgres(begin_whole(db, begin).await?), i64::from(db.writer.size()))
                }
            };
            let is_locked: i64 = tx.run().fetch_scalar(&LOCK, (MIGRATION_LOCK,)).await?;
            others = tx.run().fetch_scalar::<i64>(&SESSIONS, ()).await? - own;
            if others <= 0 && is_locked != 0 {
                return Ok(tx);
            }
            tx.rollback().await?;
            sleep(SESSION_CHECK_INTERVAL).await;
        }
        Err(StoreError::Unsuitable(format!(
            "{others} sessions of other openbell processes use or migrate the database: stop all \
             nodes and repeat the command"
        )))
    }
}
