//! A transaction on whichever engine the store has, and a connection borrowed from it or from the
//! pool. What is written in it is decided where the statements are.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::time::Instant;

use crate::db::{Db, Pools};
use crate::{Store, StoreError, error};

/// Begins a transaction of a job that goes through a whole table: the planner chooses by statistics
/// and by the values of the parameters, unlike for the short statements (`PLANNER_SETTINGS`).
pub(crate) const BEGIN_SCAN: &str =
    "BEGIN; SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = force_custom_plan";

/// A writing transaction. Dropping it undoes what was done in it.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A connection that writes, outside of a transaction.
pub(crate) enum Writer {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A connection of either kind, borrowed.
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

    /// Makes it last. `Unavailable`: it may have been carried out all the same.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        error::check_disk()?;
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Undoes what was done in it.
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
    /// Begins a writing transaction. On SQLite this waits for the only writer to be free.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, db.begin).await?)),
        }
    }

    /// Begins a writing transaction of a job that goes through a whole table.
    pub(crate) async fn begin_scan(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, BEGIN_SCAN).await?)),
        }
    }

    /// Begins a writing transaction whose statements wait only briefly for what others hold.
    pub(crate) async fn begin_brief(&self) -> Result<Tx, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => begin_sqlite(db).await,
            Db::Postgres(db) => Ok(Tx::Postgres(begin_whole(db, db.begin_brief).await?)),
        }
    }

    /// A connection of the pool for writing.
    pub(crate) async fn acquire_writer(&self) -> Result<Writer, StoreError> {
        Ok(match self.db()? {
            Db::Sqlite(db) => Writer::Sqlite(db.writer.acquire().await?),
            Db::Postgres(db) => Writer::Postgres(db.writer.acquire().await?),
        })
    }
}

async fn begin_sqlite(db: &Pools<SqlitePool>) -> Result<Tx, StoreError> {
    let began = Instant::now();
    let tx = db.writer.begin_with(db.begin).await?;
    record_lock_wait(began);
    Ok(Tx::Sqlite(tx))
}

/// Begins a transaction to its end, although whoever asked for it leaves meanwhile. Were BEGIN
/// dropped on its way, its connection would come back to the pool within a transaction that nobody
/// knows of and nobody commits (sqlx up to 0.9.0; <https://github.com/launchbadge/sqlx/issues/4393>).
pub(crate) async fn begin_whole(
    db: &Pools<PgPool>,
    begin: &'static str,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let pool = db.writer.clone();
    let begun = tokio::spawn(async move { pool.begin_with(begin).await }).await;
    Ok(begun.map_err(|_| StoreError::Unavailable(sqlx::Error::WorkerCrashed))??)
}

/// How long it took until nobody else could write: the whole file on SQLite, a batch's players on
/// PostgreSQL.
pub(crate) fn record_lock_wait(began: Instant) {
    metrics::histogram!("openbell_lock_wait_seconds").record(began.elapsed().as_secs_f64());
}
