//! What is done with the whole ledger at once: verifying it, bringing its old months into an
//! archive of Parquet files, letting them go from the database, and bringing them back. It mends
//! nothing; what it finds is reported. When any of it happens is decided by the server.

mod archiver;
mod chain;
mod config;
mod cut;
mod depot;
mod due;
mod erasures_file;
mod error;
mod history;
mod lease;
mod lines;
mod manifest;
mod merkle;
mod month;
mod part;
mod read_back;
mod seal;
mod seals_file;
mod verify;
mod whole;
mod write;

pub use archiver::{Archiver, Cut};
pub use config::{AuditConfig, S3Config, TimeOfDay};
pub use depot::Depot;
pub use erasures_file::ErasuresFile;
pub use error::ArchiveError;
pub use history::{FoundPage, History, HistoryPage, Place};
pub use manifest::{Manifest, Part};
pub use month::verify_month;
pub use seal::{Seal, SealReport, newest_seal, seal, verify_seals};
pub use seals_file::SealsFile;
pub use verify::{Difference, Report, VerifyError, verify, verify_archived, verify_player};
