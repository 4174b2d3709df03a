//! The record of who was forgotten, apart from the database: a backup that is put back has these
//! people again, and does not know that. It holds numbers and instants, no name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use store::{Erasure, Store};

use crate::error::ArchiveError;
use crate::json_lines::JsonLinesFile;

/// Erasures that are read at once.
const ROWS: i64 = 1_000;
/// For how long an erasure may be committed after one that is later, in seconds.
const LATE_S: i64 = 600;

/// The file of erasures.
#[derive(Clone, Debug)]
pub struct ErasuresFile(JsonLinesFile<Erasure>);

impl ErasuresFile {
    /// The file with this name, which is made with the first erasure.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(JsonLinesFile::new(path.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds what the database has recorded since an instant and the file lacks, in microseconds
    /// since 1970; how many there were, and the instant from which to go on.
    ///
    /// # Errors
    /// What was met.
    pub async fn keep(&self, store: &Store, since: i64) -> Result<(u64, i64), ArchiveError> {
        let mut after = Erasure { erased_at: since, user_id: i64::MIN, registered_at: i64::MIN };
        let (mut found, mut added) = (None, 0);
        loop {
            let page = store.erasures_page(after, ROWS).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let known = match &mut found {
                Some(known) => known,
                None => found.insert(BTreeSet::from_iter(self.0.read().await?)),
            };
            let missing: Vec<_> = page.iter().copied().filter(|one| known.insert(*one)).collect();
            if !missing.is_empty() {
                self.0.add(&missing).await?;
                added += missing.len() as u64;
            }
        }
        Ok((added, since.max(after.erased_at.saturating_sub(LATE_S * 1_000_000))))
    }

    /// Forgets everybody again who is in the file and came back with a backup; how many that were.
    ///
    /// # Errors
    /// What was met; some are forgotten then, and it can be done again.
    pub async fn erase_again(&self, store: &Store) -> Result<u64, ArchiveError> {
        let mut erased = 0;
        for erasure in self.0.read().await? {
            erased += u64::from(store.erase_again(erasure).await?);
        }
        Ok(erased)
    }
}
