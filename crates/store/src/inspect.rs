//! Describes the database to an operator: its version, the settings that protect committed trades,
//! the schema, the clock and the free connections.

use domain::UnixMicros;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use crate::pools::Db;
use crate::{Store, StoreError};

/// The state of a database that responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseReport {
    /// Name and version of the engine.
    pub version: String,
    /// The settings by which committed trades survive a power cut, with their values.
    pub durability: Vec<(&'static str, String)>,
    /// The newest migration that was applied; `None` in a database without a schema.
    pub schema: Option<i64>,
    /// What only a server has.
    pub server: Option<DatabaseServerReport>,
}

/// The state of a PostgreSQL server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseServerReport {
    pub clock: UnixMicros,
    /// Connections that are permitted to ordinary users, and those in use.
    pub connections_max: i64,
    pub connections_used: i64,
    /// Whether it replicates another server and accepts no writes.
    pub is_standby: bool,
}

impl Store {
    /// Reads the state of the database; writes nothing.
    ///
    /// # Errors
    /// The database does not respond.
    pub async fn inspect(&self) -> Result<DatabaseReport, StoreError> {
        match self.db()? {
            Db::Sqlite(db) => inspect_sqlite(&db.writer).await,
            Db::Postgres(db) => inspect_postgres(&db.reader).await,
        }
    }
}

const APPLIED: &str = "SELECT MAX(version) FROM _sqlx_migrations";

async fn inspect_sqlite(pool: &SqlitePool) -> Result<DatabaseReport, StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let journal_mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
    let is_migrated: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(pool)
    .await?;
    let schema =
        if is_migrated == 0 { None } else { sqlx::query_scalar(APPLIED).fetch_one(pool).await? };
    Ok(DatabaseReport {
        version: format!("SQLite {version}"),
        durability: vec![("journal_mode", journal_mode)],
        schema,
        server: None,
    })
}

async fn inspect_postgres(pool: &PgPool) -> Result<DatabaseReport, StoreError> {
    let (version, fsync, full_page_writes, synchronous_commit): (String, String, String, String) =
        sqlx::query_as(
            "SELECT current_setting('server_version'), current_setting('fsync'),
                 current_setting('full_page_writes'), current_setting('synchronous_commit')",
        )
        .fetch_one(pool)
        .await?;
    let (clock, connections_max, connections_used, is_standby): (i64, i64, i64, bool) =
        sqlx::query_as(
            "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint,
                 current_setting('max_connections')::bigint
                     - current_setting('superuser_reserved_connections')::bigint,
                 (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                 pg_is_in_recovery()",
        )
        .fetch_one(pool)
        .await?;
    let is_migrated: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
            .fetch_one(pool)
            .await?;
    let schema =
        if is_migrated { sqlx::query_scalar(APPLIED).fetch_one(pool).await? } else { None };
    let clock = UnixMicros(clock);
    Ok(DatabaseReport {
        version: format!("PostgreSQL {version}"),
        durability: vec![
            ("fsync", fsync),
            ("full_page_writes", full_page_writes),
            ("synchronous_commit", synchronous_commit),
        ],
        schema,
        server: Some(DatabaseServerReport { clock, connections_max, connections_used, is_standby }),
    })
}
