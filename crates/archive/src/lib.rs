//! Verifies the ledger, writes its old months to an archive of Parquet files, drops them from the
//! database and restores them. It reports differences and repairs nothing. The server schedules it.

mod archive_store;
mod archived_months;
mod archiver;
mod chain;
mod config;
mod drop_month;
mod erasures_file;
mod error;
mod history;
mod json_lines;
mod lease;
mod manifest;
mod merkle;
mod metric_families;
mod month;
mod part;
mod read_back;
mod retention;
mod seal;
mod sealing;
mod seals_file;
mod settled_by;
mod verify;
mod write;

pub use archive_store::ArchiveStore;
pub use archiver::{Archiver, DroppedMonth};
pub use config::{AuditConfig, S3Config, TimeOfDay};
pub use erasures_file::ErasuresFile;
pub use error::ArchiveError;
pub use history::{FilteredHistoryPage, History, HistoryCursor, HistoryPage};
pub use manifest::{ArchivePart, Manifest};
pub use metric_families::METRIC_FAMILIES;
pub use month::verify_month;
pub use seal::Seal;
pub use sealing::{SealReport, newest_seal, seal, verify_seals};
pub use seals_file::SealsFile;
pub use verify::{Difference, Report, VerifyError, verify, verify_archived, verify_player};
