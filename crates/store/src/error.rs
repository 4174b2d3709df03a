//! Faults of the database, sorted by what a caller can do about them. Refused orders are not here:
//! they are `domain::Rejection`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tokio::sync::watch;

use crate::UnknownCommit;

/// Whether the disk has failed to keep what was written to it. A second try may claim to have kept
/// what is lost (PostgreSQL's wiki, "Fsync Errors"), so there is no way back but a new process that
/// reads what is really there.
static DISK_FAILED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Whether SQLite found no room on its disk since this was last cleared.
static DISK_FULL: AtomicBool = AtomicBool::new(false);

/// Whether writes failed because the disk is full, until [`clear_disk_full`].
pub fn is_disk_full() -> bool {
    DISK_FULL.load(Ordering::Relaxed)
}

/// Records that there is room again; the next write that finds none sets it anew.
pub fn clear_disk_full() {
    DISK_FULL.store(false, Ordering::Relaxed);
}

/// Waits until the disk has failed to keep what was written to it: the process must end then.
pub async fn disk_failed() {
    // The sender lives as long as the program.
    let _ = DISK_FAILED.subscribe().wait_for(|failed| *failed).await;
}

/// What is told while the database is known to be away.
pub(crate) fn away() -> StoreError {
    let error = std::io::Error::new(std::io::ErrorKind::NotConnected, "it does not answer");
    StoreError::Unavailable(sqlx::Error::Io(error))
}

/// Refuses all further work once the disk has failed.
pub(crate) fn check_disk() -> Result<(), StoreError> {
    if *DISK_FAILED.borrow() { Err(StoreError::DiskFailed) } else { Ok(()) }
}

/// A fault met while talking to the database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, is busy or full: try again later. Nothing is known to
    /// be written; of a batch, nothing was.
    #[error("the database is not available: {}", words(.0))]
    Unavailable(sqlx::Error),
    /// The same when the answer to a batch's COMMIT was waited for: it may have been written.
    #[error("the answer to a COMMIT was lost: {}", words(.1))]
    CommitUnknown(UnknownCommit, sqlx::Error),
    /// Another transaction won: the same work can be tried again at once.
    #[error("the transaction lost against another one: {}", words(.0))]
    Conflict(sqlx::Error),
    /// SQLite read pages that make no sense: the file is damaged, or its disk failed to read it,
    /// which SQLite reports in the same way.
    #[error("the database file is damaged, or its disk failed to read it: {}", words(.0))]
    Unreadable(sqlx::Error),
    /// The database is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The disk did not keep what was written to it; nothing is read or written any more. What was
    /// being committed when it failed may be found by the next process.
    #[error("the disk failed to keep what was written")]
    DiskFailed,
    /// The database or its address is not one this program can run on.
    #[error("{0}")]
    Unsuitable(String),
    /// Anything else: a defect of this program or of the database.
    #[error("the database refused a statement: {}", words(.0))]
    Fault(sqlx::Error),
}

/// What an error of the driver says to an operator. The driver adds the line of PostgreSQL's own
/// source to a message, and reports a pool without connections without saying of what.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => match inner.code() {
            Some(code) => format!("{} ({code})", inner.message()),
            None => inner.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => {
            "no connection was free within database.acquire_timeout_ms".to_owned()
        }
        other => other.to_string(),
    }
}

impl StoreError {
    /// Whether waiting may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitUnknown(..))
    }

    /// The kind as one word, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::CommitUnknown(..) => "in_doubt",
            Self::Conflict(error) => match error.as_database_error().and_then(|e| e.code()) {
                Some(code) if code == "40P01" => "deadlock",
                Some(code) if code == "55P03" => "lock_timeout",
                _ => "conflict",
            },
            Self::Unreadable(_) => "unreadable",
            Self::Corrupt(_) => "corrupt",
            Self::DiskFailed => "disk_failed",
            Self::Unsuitable(_) => "unsuitable",
            Self::Fault(_) => "fault",
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
        match &error {
            E::Database(inner) => {
                let code = inner.code().unwrap_or_default();
                match kind_of(&code) {
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
                            tracing::error!(%error, "the disk failed; nothing is written any more");
                        }
                        Self::DiskFailed
                    }
                    ErrorClass::Fault => Self::Fault(error),
                }
            }
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Fault(error),
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
    Fault,
}

/// SQLSTATE of PostgreSQL (five characters), or the result code of SQLite (a number, whose low byte
/// is the primary code).
fn kind_of(code: &str) -> ErrorClass {
    if code.len() == 5 {
        return match (&code[..2], code) {
            (_, "40001" | "40P01" | "55P03") => ErrorClass::Conflict,
            // Statement time-out, connection trouble, too little of something, shutting down.
            ("08" | "53" | "57" | "58", _) => ErrorClass::Unavailable,
            // A standby that is not promoted yet; a session that was ended within a transaction
            // because it was idle, or took too long.
            (_, "25006" | "25P03" | "25P04") => ErrorClass::Unavailable,
            ("XX", _) => ErrorClass::Corrupt,
            _ => ErrorClass::Fault,
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
        _ => ErrorClass::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_can_be_done() {
        for code in ["40001", "40P01", "55P03"] {
            assert!(matches!(kind_of(code), ErrorClass::Conflict), "{code}");
        }
        for code in ["57014", "57P01", "53300", "08006", "25006", "25P03", "5", "517"] {
            assert!(matches!(kind_of(code), ErrorClass::Unavailable), "{code}");
        }
        assert!(matches!(kind_of("13"), ErrorClass::DiskFull));
        for code in ["11", "267"] {
            assert!(matches!(kind_of(code), ErrorClass::Unreadable), "{code}");
        }
        for code in ["26", "XX001"] {
            assert!(matches!(kind_of(code), ErrorClass::Corrupt), "{code}");
        }
        for code in ["1034", "1290"] {
            assert!(matches!(kind_of(code), ErrorClass::DiskFailed), "{code}");
        }
        for code in ["23505", "42601", "19", "1"] {
            assert!(matches!(kind_of(code), ErrorClass::Fault), "{code}");
        }
    }
}
