//! Opens an SQLite file with the settings the game needs.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteExecutor};

use crate::pools::Pools;
use crate::{DatabaseConfig, StoreError};

/// WAL pages at which SQLite checkpoints itself. The server checkpoints far earlier
/// (`Store::checkpoint`); this bounds the WAL of commands that write a lot.
const AUTOCHECKPOINT_PAGES: &str = "100000";

/// Bytes of the WAL file that stay allocated after a checkpoint.
const WAL_SIZE_KEPT: &str = "4194304";

/// The oldest SQLite without the WAL-reset corruption bug (sqlite.org, 3.51.3).
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

pub(crate) async fn open_sqlite(
    path: &str,
    config: &DatabaseConfig,
) -> Result<Pools<SqlitePool>, StoreError> {
    let existing = std::fs::metadata(path).map_or(0, |file| file.len());
    create_private(Path::new(path));
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::None)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(config.lock_timeout_ms))
        .pragma("wal_autocheckpoint", AUTOCHECKPOINT_PAGES)
        .pragma("journal_size_limit", WAL_SIZE_KEPT)
        .pragma("cache_size", "-8000")
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(200)
        // `measure` logs slow statements, by name.
        .disable_statement_logging();
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
            // SQLite rolls back by itself when the disk is full. sqlx still counts the connection
            // as inside a transaction, so it must be replaced.
            .before_acquire(|conn, _| {
                let is_free = !conn.is_in_transaction();
                Box::pin(async move { Ok(is_free) })
            })
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
    check_sqlite_version(&version)?;
    if existing > 0 && existing <= config.check_size_max {
        quick_check(&writer, path).await?;
    }
    let readers = config.connections_max.clamp(1, 64);
    let reader = pool(readers).connect_lazy_with(options.pragma("query_only", "ON"));
    let begin = "BEGIN IMMEDIATE";
    Ok(Pools::new(reader, writer, begin, begin))
}

/// Creates an empty file that only its owner may read, unless it exists. SQLite gives the files of
/// its log the same permissions, and reports whatever prevents the file.
pub(crate) fn create_private(path: &Path) {
    if path != Path::new(":memory:") {
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    }
}

/// Opens a file that cannot be written. Without a WAL it needs no file `-shm`.
pub(crate) async fn open_sqlite_read_only(
    path: &str,
    config: &DatabaseConfig,
) -> Result<SqlitePool, StoreError> {
    let wal_bytes = std::fs::metadata(format!("{path}-wal")).map_or(0, |file| file.len());
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(wal_bytes == 0)
        .busy_timeout(Duration::from_millis(config.lock_timeout_ms));
    let pool = SqlitePoolOptions::new()
        .max_connections(config.connections_max.clamp(1, 64))
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms));
    Ok(pool.connect_with(options).await?)
}

/// Checks the structure of a closed database file.
///
/// # Errors
/// `Corrupt` with the first finding.
pub(crate) async fn check_file(file: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    let mut conn = SqliteConnection::connect_with(&options).await?;
    let result = quick_check(&mut conn, &file.display().to_string()).await;
    conn.close().await?;
    result
}

async fn quick_check(executor: impl SqliteExecutor<'_>, path: &str) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(executor).await?;
    match found.lines().next() {
        Some("ok") => Ok(()),
        first => Err(StoreError::Corrupt(format!("{path}: {}", first.unwrap_or_default()))),
    }
}

fn check_sqlite_version(version: &str) -> Result<(), StoreError> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (min, found) = (SQLITE_VERSION_MIN, (next(), next(), next()));
    if found >= min {
        return Ok(());
    }
    let text = format!("SQLite {}.{}.{} or newer is needed, not {version}", min.0, min.1, min.2);
    Err(StoreError::Unsuitable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_rejected() {
        assert!(check_sqlite_version("3.51.3").is_ok());
        assert!(check_sqlite_version("3.52.0").is_ok());
        assert!(check_sqlite_version("3.40.1").is_err());
        assert!(check_sqlite_version("garbage").is_err());
    }
}
