//! The database of a server or a command: the lock of an SQLite file, the connection, the schema.

use std::fs::File;

use store::{DatabaseConfig, Store, StoreError};

use super::config::{self, Config, DatabaseArgs, Flags, without_password};
use super::data_dir::{self, DataDirError, DatabaseLock};
use crate::error::CommandError;

/// The least time that a command waits for a lock of the database: a running server may write
/// without a pause.
const COMMAND_LOCK_TIMEOUT_MS: u64 = 60_000;

/// Takes the lock of an SQLite file, creates the data directory if the file is in it, and syncs a
/// write-ahead log that another process left.
pub(crate) fn lock_database(config: &Config) -> Result<Option<DatabaseLock>, CommandError> {
    let Some(file) = config.sqlite_file() else { return Ok(None) };
    let file = data_dir::canonical(&file)?;
    if file.starts_with(&config.data_dir) {
        data_dir::create(&config.data_dir)?;
    }
    let lock = DatabaseLock::take(&file)?;
    store::sync_wal(&file).map_err(|error| DataDirError::SyncWal(file, error))?;
    Ok(Some(lock))
}

/// Opens the database and migrates it to this version's schema.
pub(crate) async fn open_and_migrate(config: &DatabaseConfig) -> Result<Store, CommandError> {
    let failed = database_error(config);
    let store = Store::open(config).await.map_err(&failed)?;
    store.migrate().await.map_err(failed)?;
    Ok(store)
}

/// Reads the configuration and opens its database, as [`open_existing`].
pub(crate) async fn configure_and_open(
    args: DatabaseArgs,
) -> Result<(Config, Store), CommandError> {
    let config = config::load(&Flags::from(args))?.config;
    let store = open_existing(&config).await?;
    Ok((config, store))
}

/// Opens a database that must exist, without its lock: a server may be running. An SQLite file that
/// cannot be written (a read-only mount, another user's file) is opened for reading only. A schema
/// that this version cannot use is refused.
pub(crate) async fn open_existing(config: &Config) -> Result<Store, CommandError> {
    let file = config.sqlite_file();
    if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
        return Err(DataDirError::NoDatabase(file.clone()).into());
    }
    let mut database = config.database.clone();
    database.lock_timeout_ms = database.lock_timeout_ms.max(COMMAND_LOCK_TIMEOUT_MS);
    let is_writable = file.is_none_or(|file| File::options().write(true).open(file).is_ok());
    let opened = if is_writable {
        Store::open(&database).await
    } else {
        Store::open_read_only(&database).await
    };
    let failed = database_error(&database);
    let store = opened.map_err(&failed)?;
    store.check_schema().await.map_err(failed)?;
    Ok(store)
}

/// Adds the address of the database, without its password, to an error of the store.
pub(crate) fn database_error(
    config: &DatabaseConfig,
) -> impl Fn(StoreError) -> CommandError + use<> {
    let url = without_password(&config.url);
    move |error| CommandError::Database(url.clone(), error)
}
