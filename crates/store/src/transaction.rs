//! Transactions and borrowed connections of either engine.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::measure::statement_span;
use crate::pools::{Db, PoolKind, Pools};
use crate::{Store, StoreError, error};

/// Begins a transaction of a job that goes through a whole table: the planner uses statistics and
/// parameter values, unlike for short statements (`PLANNER_SETTINGS`).
pub(crate) const BEGIN_SCAN: &str =
    "BEGIN; SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = force_custom_plan";

/// A writing transaction. Dropping it rolls back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A writing connection outside of a transaction.
pub(crate) enum Writer {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A borrowed connection.
pub(crate) enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Tx {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(tx) => Conn::Sqlite(tx),
            Self::Postgres(tx) => Conn::Postgres(tx),
        }
    }

    /// Commits. After `Unavailable` the outcome is unknown.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        error::check_disk()?;
        let commit = async {
            match self {
                Self::Sqlite(tx) => tx.commit().await,
                Self::Postgres(tx) => tx.commit().await,
            }
        };
        Ok(instrumented("COMMIT", commit).await?)
    }

    /// Commits. `CommitLost` if PostgreSQL sent no response. SQLite always responds: a failed
    /// COMMIT is rolled back.
    pub(crate) async fn commit_once(self) -> Result<(), StoreError> {
        let is_postgres = matches!(self, Self::Postgres(_));
        self.commit().await.map_err(|error| match error {
            // `Conflict` is a response: the transaction was rolled back.
            StoreError::Unavailable(error) | StoreError::Query(error) if is_postgres => {
                StoreError::CommitLost(error)
            }
            error => error,
        })
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

impl Writer {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn) => Conn::Sqlite(conn),
            Self::Postgres(conn) => Conn::Postgres(conn),
        }
    }
}

impl Store {
    /// Begins a writing transaction. On SQLite it waits for the single writer.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, db.begin).await?)),
        }
    }

    /// Begins a writing transaction with `BEGIN_SCAN`.
    pub(crate) async fn begin_scan(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, BEGIN_SCAN).await?)),
        }
    }

    /// Begins a writing transaction with a short lock timeout.
    pub(crate) async fn begin_brief(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, db.begin_brief).await?)),
        }
    }

    pub(crate) async fn acquire_writer(&self) -> Result<Writer, StoreError> {
        Ok(match self.db()? {
            Db::Sqlite(db) => Writer::Sqlite(db.acquire(PoolKind::Writer).await?),
            Db::Postgres(db) => Writer::Postgres(db.acquire(PoolKind::Writer).await?),
        })
    }
}

async fn begin_sqlite(db: &Pools<SqlitePool>) -> Result<Tx, StoreError> {
    let began = Instant::now();
    let wait = db.writer_waits.begin();
    let tx = instrumented("BEGIN", db.writer.begin_with(db.begin)).await?;
    drop(wait);
    record_lock_wait(began);
    Ok(Tx::Sqlite(tx))
}

/// Begins a transaction in its own task, so that a cancelled caller does not interrupt BEGIN.
/// Otherwise the connection returns to the pool inside a transaction that is never committed (sqlx
/// up to 0.9.0; <https://github.com/launchbadge/sqlx/issues/4393>).
pub(crate) async fn begin_whole(
    db: &Pools<PgPool>,
    begin: &'static str,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let (pool, wait) = (db.writer.clone(), db.writer_waits.begin());
    let begun = tokio::spawn(async move {
        let _wait = wait;
        pool.begin_with(begin).await
    });
    let begun = async { begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)) };
    Ok(instrumented("BEGIN", begun).await?)
}

/// Runs BEGIN or COMMIT in a span of its own.
async fn instrumented<T>(
    name: &'static str,
    run: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let span = statement_span(name);
    let result = run.instrument(span.clone()).await;
    if result.is_err() {
        span.record("otel.status_code", "error");
    }
    result
}

/// Records the wait for exclusive access: to the file on SQLite, to a batch's players on
/// PostgreSQL.
pub(crate) fn record_lock_wait(began: Instant) {
    metrics::histogram!("openbell_lock_wait_seconds").record(began.elapsed().as_secs_f64());
}
