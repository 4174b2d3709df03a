//! Opens the configured archive of the ledger, and the files that are kept apart from the database.

use std::sync::Arc;

use archive::{ArchiveError, ArchiveStore, Archiver, ErasuresFile, History, SealsFile};
use store::Store;

use super::config::Config;
use super::nodes::node_name;
use crate::clock::SystemClock;
use crate::error::CommandError;

/// An archiver for the configured archive; its leases have a holder of their own.
pub(crate) fn open_archiver(config: &Config, store: &Store) -> Result<Archiver, CommandError> {
    let clock = Arc::new(SystemClock);
    let archive = open_archive(config)?;
    Ok(Archiver::new(store.clone(), archive, &config.audit, clock, node_name()))
}

/// Histories across the database and the archive, if there is one.
pub(super) fn open_history(config: &Config, store: &Store) -> Result<History, CommandError> {
    Ok(History::new(store.clone(), find_archive(config)?))
}

pub(crate) fn find_archive(config: &Config) -> Result<Option<ArchiveStore>, CommandError> {
    let has_archive = !config.audit.archive_url.is_empty();
    has_archive.then(|| open_archive(config)).transpose()
}

pub(crate) fn open_archive(config: &Config) -> Result<ArchiveStore, CommandError> {
    let url = &config.audit.archive_url;
    if url.is_empty() {
        let text = "it is empty: set a directory or s3://bucket/prefix";
        return Err(ArchiveError::Address(text.to_owned()).into());
    }
    Ok(ArchiveStore::open(url, &config.audit.s3)?)
}

/// The configured file of seals, or the one beside an SQLite database.
pub(crate) fn find_seals_file(config: &Config) -> Option<SealsFile> {
    config.kept_apart(&config.audit.seals_file, "seals.jsonl").map(SealsFile::new)
}

/// The configured file of erasures, or the one beside an SQLite database.
pub(crate) fn find_erasures_file(config: &Config) -> Option<ErasuresFile> {
    config.kept_apart(&config.audit.erasures_file, "erasures.jsonl").map(ErasuresFile::new)
}
