//! Configuration of the database. The server reads the files and the environment.

use domain::limited;
use serde::{Deserialize, Serialize};

/// The `[database]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`; if empty, SQLite in the data
    /// directory.
    pub url: String,
    /// Address of a streaming standby for reads that tolerate staleness; empty for none.
    pub read_url: String,
    /// The largest staleness of such a read, in milliseconds, at least 3,000: it is measured once a
    /// second against the primary's position a second before.
    #[serde(deserialize_with = "limited::<_, _, 3_000, 600_000>")]
    pub read_lag_max_ms: u64,
    /// Connections to PostgreSQL, or readers of SQLite, which has one more connection for writing.
    pub connections_max: u32,
    /// Wait for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// Statement timeout on PostgreSQL, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Lock timeout, in milliseconds; on SQLite of the file lock.
    pub lock_timeout_ms: u64,
    /// Timeout of an idle PostgreSQL session in a transaction, 500 to 60,000 milliseconds. A batch
    /// lasts milliseconds; a stopped node would otherwise keep its row locks.
    #[serde(deserialize_with = "limited::<_, _, 500, 60_000>")]
    pub idle_in_transaction_timeout_ms: u64,
    /// Statements that take this long, in milliseconds, are logged by name, 0 to 600,000; 0 logs
    /// none.
    #[serde(deserialize_with = "limited::<_, _, 0, 600_000>")]
    pub slow_statement_ms: u64,
    /// SQLite files up to this size, in bytes, get a full check at start.
    pub check_size_max: u64,
    /// Bytes reserved beside an SQLite file for a full disk; 0 for none.
    pub disk_reserve: u64,
    /// Refuse a PostgreSQL server that may lose committed trades in a power cut.
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
            slow_statement_ms: 1_000,
            check_size_max: 64 * 1024 * 1024,
            disk_reserve: 32 * 1024 * 1024,
            require_durable: true,
        }
    }
}
