//! Errors of the database, classified by what a caller can do. Rejected orders are
//! `domain::Rejection`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tokio::sync::watch;

use crate::UnknownCommit;

/// Whether an fsync failed. A second fsync may succeed although data is lost (PostgreSQL wiki,
/// "Fsync Errors"), so the process must restart and read what is on the disk.
static DISK_FAILED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Whether SQLite reported a full disk since the last `clear_disk_full`.
static DISK_FULL: AtomicBool = AtomicBool::new(false);

/// Whether writes failed because the disk is full, since the last [`clear_disk_full`].
pub fn is_disk_full() -> bool {
    DISK_FULL.load(Ordering::Relaxed)
}

/// Resets [`is_disk_full`] until the next write that fails.
pub fn clear_disk_full() {
    DISK_FULL.store(false, Ordering::Relaxed);
}

/// Waits until an fsync fails: the process must exit then.
pub async fn disk_failed() {
    // The sender is never dropped.
    let _ = DISK_FAILED.subscribe().wait_for(|failed| *failed).await;
}

/// The error while the database is known not to respond.
pub(crate) fn unreachable() -> StoreError {
    let error =
        std::io::Error::new(std::io::ErrorKind::NotConnected, "the database does not respond");
    StoreError::Unavailable(sqlx::Error::Io(error))
}

/// Rejects all statements after a failed fsync.
pub(crate) fn check_disk() -> Result<(), StoreError> {
    if *DISK_FAILED.borrow() { Err(StoreError::DiskFailed) } else { Ok(()) }
}

/// An error of the database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, is busy or full: retry later. Except for a COMMIT, nothing
    /// was written.
    #[error("the database is not available: {}", describe(.0))]
    Unavailable(sqlx::Error),
    /// COMMIT of a batch got no response: the batch may be committed.
    #[error("COMMIT got no response: {}", describe(.1))]
    CommitUnknown(UnknownCommit, sqlx::Error),
    /// COMMIT of another transaction that must not be repeated blindly got no response: it may be
    /// committed.
    #[error("COMMIT got no response: {}", describe(.0))]
    CommitLost(sqlx::Error),
    /// Another transaction won: retry at once.
    #[error("the transaction conflicts with another one: {}", describe(.0))]
    Conflict(sqlx::Error),
    /// SQLite read invalid pages: the file is damaged or the disk failed to read it; SQLite does
    /// not distinguish the two.
    #[error("the database file is damaged, or its disk failed to read it: {}", describe(.0))]
    Unreadable(sqlx::Error),
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// An fsync failed; nothing is read or written any more. A transaction that was being committed
    /// may turn out to be committed after the restart.
    #[error("fsync failed: the disk may have lost writes")]
    DiskFailed,
    /// The program does not support this database or address.
    #[error("{0}")]
    Unsuitable(String),
    /// A defect of this program or of the database.
    #[error("the statement failed: {}", describe(.0))]
    Query(sqlx::Error),
}

/// The text of a driver error for an operator. The driver appends the source line of PostgreSQL,
/// and reports an exhausted pool without naming it.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => match inner.code() {
            Some(code) => format!("{} ({code})", inner.message()),
            None => inner.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => {
            "no free connection within database.acquire_timeout_ms".to_owned()
        }
        other => other.to_string(),
    }
}

impl StoreError {
    /// Whether a later retry may succeed.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitUnknown(..) | Self::CommitLost(_))
    }

    /// A word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::CommitUnknown(..) | Self::CommitLost(_) => "commit_unknown",
            Self::Conflict(error) => match error.as_database_error().and_then(|e| e.code()) {
                Some(code) if code == "40P01" => "deadlock",
                Some(code) if code == "55P03" => "lock_timeout",
                _ => "conflict",
            },
            Self::Unreadable(_) => "unreadable",
            Self::Corrupt(_) => "corrupt",
            Self::DiskFailed => "disk_failed",
            Self::Unsuitable(_) => "unsuitable",
            Self::Query(_) => "query",
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => inner.into(),
            other => Self::Unsuitable(format!("cannot migrate the database: {other}")),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        // A column with a value that the program never writes, see `decode`.
        let error = match error {
            E::Decode(inner) => match inner.downcast::<Self>() {
                Ok(corrupt) => return *corrupt,
                Err(inner) => E::Decode(inner),
            },
            other => other,
        };
        match &error {
            E::Database(inner) => {
                let code = inner.code().unwrap_or_default();
                match class_of(&code) {
                    ErrorClass::DiskFull => {
                        DISK_FULL.store(true, Ordering::Relaxed);
                        Self::Unavailable(error)
                    }
                    ErrorClass::Unavailable => Self::Unavailable(error),
                    ErrorClass::Conflict => Self::Conflict(error),
                    ErrorClass::Unreadable => Self::Unreadable(error),
                    ErrorClass::Corrupt => Self::Corrupt(inner.message().to_owned()),
                    ErrorClass::DiskFailed => {
                        if !DISK_FAILED.send_replace(true) {
                            tracing::error!(%error, "fsync failed; the process must restart, check the disk");
                        }
                        Self::DiskFailed
                    }
                    ErrorClass::Query => Self::Query(error),
                }
            }
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Query(error),
        }
    }
}

enum ErrorClass {
    DiskFull,
    Unavailable,
    Conflict,
    Unreadable,
    Corrupt,
    DiskFailed,
    Query,
}

/// Classifies an SQLSTATE of PostgreSQL (five characters) or a result code of SQLite (a number
/// whose low byte is the primary code).
fn class_of(code: &str) -> ErrorClass {
    if code.len() == 5 {
        return match (&code[..2], code) {
            (_, "40001" | "40P01" | "55P03") => ErrorClass::Conflict,
            // Statement timeout, connection trouble, insufficient resources, shutdown.
            ("08" | "53" | "57" | "58", _) => ErrorClass::Unavailable,
            // A standby; a session that was terminated because it was idle in a transaction or took
            // too long.
            (_, "25006" | "25P03" | "25P04") => ErrorClass::Unavailable,
            ("XX", _) => ErrorClass::Corrupt,
            _ => ErrorClass::Query,
        };
    }
    let code = code.parse::<i64>().unwrap_or_default();
    // IOERR_FSYNC, IOERR_DIR_FSYNC
    if code == 1034 || code == 1290 {
        return ErrorClass::DiskFailed;
    }
    match code & 0xff {
        13 => ErrorClass::DiskFull,
        // BUSY, LOCKED, NOMEM, READONLY, IOERR, CANTOPEN
        5 | 6 | 7 | 8 | 10 | 14 => ErrorClass::Unavailable,
        // CORRUPT, which is also what EIO on a read becomes (sqlite3VdbeExec)
        11 => ErrorClass::Unreadable,
        // NOTADB
        26 => ErrorClass::Corrupt,
        _ => ErrorClass::Query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_classified_by_what_a_caller_can_do() {
        for code in ["40001", "40P01", "55P03"] {
            assert!(matches!(class_of(code), ErrorClass::Conflict), "{code}");
        }
        for code in ["57014", "57P01", "53300", "08006", "25006", "25P03", "5", "517"] {
            assert!(matches!(class_of(code), ErrorClass::Unavailable), "{code}");
        }
        assert!(matches!(class_of("13"), ErrorClass::DiskFull));
        for code in ["11", "267"] {
            assert!(matches!(class_of(code), ErrorClass::Unreadable), "{code}");
        }
        for code in ["26", "XX001"] {
            assert!(matches!(class_of(code), ErrorClass::Corrupt), "{code}");
        }
        for code in ["1034", "1290"] {
            assert!(matches!(class_of(code), ErrorClass::DiskFailed), "{code}");
        }
        for code in ["23505", "42601", "19", "1"] {
            assert!(matches!(class_of(code), ErrorClass::Query), "{code}");
        }
    }
}
