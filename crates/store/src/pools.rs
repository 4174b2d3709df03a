//! The connection pools of either engine, and how many callers wait for a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Database, Pool};

/// The pools of one engine and the statements that begin a transaction.
pub(crate) struct Pools<P> {
    pub(crate) reader: P,
    /// A single connection on SQLite.
    pub(crate) writer: P,
    /// Begins a writing transaction.
    pub(crate) begin: &'static str,
    /// The same with a short lock timeout.
    pub(crate) begin_brief: &'static str,
    /// Callers that wait for a connection of the reader or the writer.
    pub(crate) reader_waits: WaitCounter,
    pub(crate) writer_waits: WaitCounter,
}

#[derive(Clone, Copy)]
pub(crate) enum PoolKind {
    Reader,
    Writer,
}

/// Counts the callers that wait. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct WaitCounter(Arc<AtomicU32>);

/// One waiting caller, counted until it is dropped.
pub(crate) struct PoolWait(WaitCounter);

impl WaitCounter {
    pub(crate) fn begin(&self) -> PoolWait {
        self.0.fetch_add(1, Ordering::Relaxed);
        PoolWait(self.clone())
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for PoolWait {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<P> Pools<P> {
    pub(crate) fn new(
        reader: P,
        writer: P,
        begin: &'static str,
        begin_brief: &'static str,
    ) -> Self {
        let (reader_waits, writer_waits) = <(WaitCounter, WaitCounter)>::default();
        Self { reader, writer, begin, begin_brief, reader_waits, writer_waits }
    }
}

impl<D: Database> Pools<Pool<D>> {
    /// A connection of a pool; the caller counts as waiting meanwhile.
    pub(crate) async fn acquire(&self, kind: PoolKind) -> Result<PoolConnection<D>, sqlx::Error> {
        let (pool, waits) = match kind {
            PoolKind::Reader => (&self.reader, &self.reader_waits),
            PoolKind::Writer => (&self.writer, &self.writer_waits),
        };
        let _wait = waits.begin();
        pool.acquire().await
    }
}

pub(crate) enum Db {
    Sqlite(Pools<SqlitePool>),
    Postgres(Pools<PgPool>),
}
