//! Creates the monthly partitions of the ledger on PostgreSQL while it is read and written. ATTACH
//! PARTITION conflicts with neither, unlike CREATE TABLE … PARTITION OF, which queues behind every
//! reader and holds up all trades meanwhile.

use std::time::Duration;

use domain::{Month, UnixMicros};
use sqlx::postgres::PgPool;
use tokio::time::sleep;

use crate::migrate::MIGRATION_LOCK;
use crate::pools::{Db, Pools};
use crate::transaction::begin_whole;
use crate::{Store, StoreError};

/// The number of partitions created ahead on PostgreSQL.
const MONTHS_AHEAD: usize = 3;

/// The attempts to create a partition, and the pause between them: about two minutes.
const ATTEMPTS_MAX: u32 = 400;
const PAUSE: Duration = Duration::from_millis(100);
/// The attempt whose failure is logged. Nodes that start together wait for each other.
const ATTEMPT_LOGGED: u32 = 10;

/// A VACUUM, an ANALYZE or a migration of the ledger makes ATTACH wait; no trade waits for it.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '200ms'";

impl Store {
    /// Creates the partitions from the present month on; does nothing on SQLite.
    ///
    /// # Errors
    /// As [`Store::ensure_ledger_month`].
    pub async fn ensure_ledger_months(&self, now: UnixMicros) -> Result<(), StoreError> {
        let mut month = now.month();
        for _ in 0..=MONTHS_AHEAD {
            self.ensure_ledger_month(month).await?;
            month = month.next();
        }
        Ok(())
    }

    /// Creates the partition of a month; does nothing on SQLite. Safe to run on several nodes at
    /// once.
    ///
    /// # Errors
    /// `Conflict` if the ledger stayed locked for minutes.
    pub async fn ensure_ledger_month(&self, month: Month) -> Result<(), StoreError> {
        let Db::Postgres(db) = self.db()? else { return Ok(()) };
        for attempt in 1.. {
            match create_partition(db, month).await {
                Err(StoreError::Conflict(error)) if attempt < ATTEMPTS_MAX => {
                    if attempt == ATTEMPT_LOGGED {
                        tracing::warn!(
                            month = month.0,
                            %error,
                            "the ledger is locked, see pg_locks; its next partition waits"
                        );
                    }
                    sleep(PAUSE).await;
                }
                created => return created,
            }
        }
        Ok(())
    }
}

async fn create_partition(db: &Pools<PgPool>, month: Month) -> Result<(), StoreError> {
    let table = format!("portfolio_audit_{}", month.0);
    if is_attached(&db.writer, &table).await? {
        return Ok(());
    }
    let mut tx = begin_whole(db, BEGIN).await?;
    // Nodes that start together would create the table twice. Held until the end of the
    // transaction, and not awaited: a node that migrates may wait for this transaction.
    let is_locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .fetch_one(&mut *tx)
        .await?;
    if !is_locked {
        let text = "another node migrates or creates a partition";
        return Err(StoreError::Conflict(sqlx::Error::Protocol(text.to_owned())));
    }
    if is_attached(&mut *tx, &table).await? {
        return Ok(());
    }
    // DDL takes no parameters; the month is a number. A table that was detached by hand is attached
    // again.
    let text = format!(
        "CREATE TABLE IF NOT EXISTS {table}
             (LIKE portfolio_audit INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
         CREATE OR REPLACE TRIGGER portfolio_audit_is_never_truncated
             BEFORE TRUNCATE ON {table}
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
         ALTER TABLE portfolio_audit ATTACH PARTITION {table} FOR VALUES IN ({})",
        month.0
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

async fn is_attached(db: impl sqlx::PgExecutor<'_>, table: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_inherits
        WHERE inhrelid = to_regclass($1) AND inhparent = 'portfolio_audit'::regclass)";
    Ok(sqlx::query_scalar(sql).bind(table).fetch_one(db).await?)
}
