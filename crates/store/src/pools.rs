//! The connection pools of either engine.

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

/// The pools of one engine and the statements that begin a transaction.
pub(crate) struct Pools<P> {
    pub(crate) reader: P,
    /// A single connection on SQLite.
    pub(crate) writer: P,
    /// Begins a writing transaction.
    pub(crate) begin: &'static str,
    /// The same with a short lock timeout.
    pub(crate) begin_brief: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) enum PoolKind {
    Reader,
    Writer,
}

impl<P> Pools<P> {
    pub(crate) fn pool(&self, kind: PoolKind) -> &P {
        match kind {
            PoolKind::Reader => &self.reader,
            PoolKind::Writer => &self.writer,
        }
    }
}

pub(crate) enum Db {
    Sqlite(Pools<SqlitePool>),
    Postgres(Pools<PgPool>),
}
