//! Which database, and the limits on using it. Reading files and the environment is the server's.

use serde::{Deserialize, Serialize};

/// The `[database]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`; empty: SQLite in the data
    /// directory.
    pub url: String,
    /// A streaming standby of that PostgreSQL, for reads that may be a moment old; empty: none.
    pub read_url: String,
    /// By how much such a read may be older than the newest commit, in milliseconds.
    #[serde(deserialize_with = "read_lag_max_ms")]
    pub read_lag_max_ms: u64,
    /// Connections to PostgreSQL, or readers of SQLite (which has one writer besides).
    pub connections_max: u32,
    /// How long to wait for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// The longest a statement may run on PostgreSQL, in milliseconds.
    pub statement_timeout_ms: u64,
    /// The longest a statement may wait for a lock, in milliseconds (SQLite: for the file).
    pub lock_timeout_ms: u64,
    /// The longest a session of PostgreSQL may be idle within a transaction, in milliseconds, 500
    /// to 60,000. A batch lasts milliseconds: a node that takes longer is stopped or cut off, and
    /// holds rows that others wait for.
    #[serde(deserialize_with = "idle_in_transaction_timeout_ms")]
    pub idle_in_transaction_timeout_ms: u64,
    /// SQLite files up to this size are checked whole at start, in bytes.
    pub check_size_max: u64,
    /// Bytes that are kept allocated beside an SQLite file for when its disk is full; 0: none.
    pub disk_reserve: u64,
    /// Refuse a PostgreSQL server that would lose acknowledged trades in a power cut.
    pub require_durable: bool,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            read_url: String::new(),
            read_lag_max_ms: 5_000,
            connections_max: 8,
            acquire_timeout_ms: 5_000,
            statement_timeout_ms: 10_000,
            lock_timeout_ms: 2_000,
            idle_in_transaction_timeout_ms: 3_000,
            check_size_max: 64 * 1024 * 1024,
            disk_reserve: 32 * 1024 * 1024,
            require_durable: true,
        }
    }
}

fn idle_in_transaction_timeout_ms<'de, D: serde::Deserializer<'de>>(
    reader: D,
) -> Result<u64, D::Error> {
    let ms = u64::deserialize(reader)?;
    if (500..=60_000).contains(&ms) {
        return Ok(ms);
    }
    let text = format!("expected a whole number from 500 to 60000, got {ms}");
    Err(serde::de::Error::custom(text))
}

fn read_lag_max_ms<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
    // It is measured once a second, against where the primary was a second before.
    let ms = u64::deserialize(reader)?;
    if (3_000..=600_000).contains(&ms) {
        return Ok(ms);
    }
    let text = format!("expected a whole number from 3000 to 600000, got {ms}");
    Err(serde::de::Error::custom(text))
}
