//! Errors of archiving, restoring and sealing.

use domain::Month;
use parquet::errors::ParquetError;
use store::StoreError;
use thiserror::Error;

/// An error of the archive. The month stays in its state, unless its files are damaged: then it is
/// written again.
#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error("cannot read or write the ledger")]
    Store(#[from] StoreError),
    /// The URL of the archive is invalid.
    #[error("audit.archive_url: {0}")]
    Address(String),
    /// The directory or object store failed.
    #[error("cannot {what} {name}")]
    Storage {
        what: &'static str,
        name: String,
        #[source]
        source: object_store::Error,
    },
    #[error("audit.archive_url: the bucket does not exist")]
    NoBucket,
    #[error("{0} is missing in the archive")]
    Missing(String),
    /// A file has other bytes or entries than were written.
    #[error("{name} is damaged: {what}")]
    Damaged {
        name: String,
        /// What was found, and what was expected.
        what: String,
    },
    /// The archive has other entries than the database.
    #[error("{name} differs from the ledger: {what}")]
    Differs { name: String, what: String },
    #[error("cannot write entries as Parquet")]
    Encode(#[source] ParquetError),
    #[error("cannot write {name} as JSON")]
    Serialize {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    /// A file on the local disk failed: a temporary copy, or the file of seals or erasures.
    #[error("cannot read or write {0} on the local disk")]
    Local(String, #[source] std::io::Error),
    /// Another node holds the lease.
    #[error("another process is archiving")]
    Busy,
    /// Another node took the lease meanwhile.
    #[error("another process has taken the archive lease")]
    LeaseLost,
    #[error("month {0} is on hold")]
    Held(Month),
    /// The month is unknown, or in another state than is needed.
    #[error("month {month} {what}")]
    WrongState { month: Month, what: String },
    /// The ledger or the file of seals differs from a seal.
    #[error("the sealed ledger has changed: {0}")]
    SealMismatch(String),
    #[error(
        "this node's clock is more than five minutes ahead of the database's: set the clocks of \
         both, then seals are made again"
    )]
    ClockAhead,
    /// A task panicked or was aborted.
    #[error("a task of the archive was aborted")]
    TaskAborted,
}

impl ArchiveError {
    /// The error with all its sources in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }

    /// Whether the files have to be written again.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Damaged { .. } | Self::Differs { .. })
    }

    pub(crate) fn damaged(name: &str, what: &impl ToString) -> Self {
        Self::Damaged { name: name.to_owned(), what: what.to_string() }
    }
}
