//! Which database, and the limits on using it. Reading files and the environment is the server's.

use serde::{Deserialize, Serialize};

/// The `[database]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`; empty: SQLite in the data
    /// directory.
    pub url: String,
    /// Connections to PostgreSQL, or readers of SQLite (which has one writer besides).
    pub connections_max: u32,
    /// How long to wait for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// The longest a statement may run on PostgreSQL, in milliseconds.
    pub statement_timeout_ms: u64,
    /// The longest a statement may wait for a lock, in milliseconds (SQLite: for the file).
    pub lock_timeout_ms: u64,
    /// SQLite files up to this size are checked whole at start, in bytes.
    pub check_size_max: u64,
    /// Refuse a PostgreSQL server that would lose acknowledged trades in a power cut.
    pub require_durable: bool,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections_max: 8,
            acquire_timeout_ms: 5_000,
            statement_timeout_ms: 10_000,
            lock_timeout_ms: 2_000,
            check_size_max: 64 * 1024 * 1024,
            require_durable: true,
        }
    }
}
