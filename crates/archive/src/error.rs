//! Why a month could not be brought further on its way into the archive, or back.

use domain::Month;
use parquet::errors::ParquetError;
use store::StoreError;
use thiserror::Error;

/// What was met while archiving. The month stays in its state, unless what was written of it is
/// damaged: then it is written again.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The database failed.
    #[error("cannot read or write the ledger")]
    Store(#[from] StoreError),
    /// The address of the archive cannot be used.
    #[error("audit.archive_url: {0}")]
    Address(String),
    /// Where the archive is failed.
    #[error("cannot {what} {name}")]
    Storage {
        /// What was attempted.
        what: &'static str,
        /// The file.
        name: String,
        /// What was met.
        #[source]
        source: object_store::Error,
    },
    /// The store answers, but does not have the bucket.
    #[error("audit.archive_url: the bucket does not exist")]
    NoBucket,
    /// A file is not there.
    #[error("{0} is missing in the archive")]
    Missing(String),
    /// A file is not what was written.
    #[error("{name} is damaged: {what}")]
    Damaged {
        /// The file.
        name: String,
        /// What was found, and what was expected.
        what: String,
    },
    /// The archive says something else than the database.
    #[error("{name} differs from the ledger: {what}")]
    Differs {
        /// The file.
        name: String,
        /// Where, and how.
        what: String,
    },
    /// Entries cannot be written as Parquet.
    #[error("cannot write entries as Parquet")]
    Encode(#[source] ParquetError),
    /// A record cannot be written as JSON.
    #[error("cannot write {name} as JSON")]
    Serialize {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    /// A file on its way could not be kept on this machine's disk.
    #[error("cannot keep {0} on the way")]
    Local(String, #[source] std::io::Error),
    /// Another node archives.
    #[error("another process is archiving")]
    Busy,
    /// Another node has begun to archive meanwhile.
    #[error("another process has begun to archive meanwhile")]
    LeaseLost,
    /// The month is on hold.
    #[error("month {0} is on hold")]
    Held(Month),
    /// The archive does not know the month, or it is not in the state that is needed.
    #[error("month {month} {what}")]
    WrongState {
        /// Which.
        month: Month,
        /// What is wrong with it.
        what: String,
    },
    /// The ledger, or the file of seals, does not have any more what was sealed.
    #[error("what was sealed has changed: {0}")]
    SealMismatch(String),
    /// A task of this program ended early.
    #[error("a step was stopped")]
    TaskAborted,
}

impl ArchiveError {
    /// The error with all its sources, for the record.
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

    /// Whether what was written has to be written again.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Damaged { .. } | Self::Differs { .. })
    }

    pub(crate) fn damaged(name: &str, what: &impl ToString) -> Self {
        Self::Damaged { name: name.to_owned(), what: what.to_string() }
    }
}
