//! The file of erased users, outside of the database: a restored backup contains these users again.
//! It holds ids and instants, no names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use store::{Erasure, Store};

use crate::error::ArchiveError;
use crate::json_lines::JsonLinesFile;

/// Erasures of one page.
const ROWS: i64 = 1_000;
/// How late an erasure may be committed, in seconds: ids and instants do not ascend exactly.
const LATE_S: i64 = 600;

/// The file of erasures.
#[derive(Clone, Debug)]
pub struct ErasuresFile(JsonLinesFile<Erasure>);

impl ErasuresFile {
    /// The file at a path; it is created with the first erasure.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(JsonLinesFile::new(path.into()))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Appends the erasures since an instant (microseconds since 1970) that the file lacks. Returns
    /// how many, and the instant to continue from.
    pub async fn append_missing(
        &self,
        store: &Store,
        since: i64,
    ) -> Result<(u64, i64), ArchiveError> {
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

    /// Erases the users of the file again that a backup has restored. Returns how many. After an
    /// error it can be repeated.
    pub async fn erase_again(&self, store: &Store) -> Result<u64, ArchiveError> {
        let mut erased = 0;
        for erasure in self.0.read().await? {
            erased += u64::from(store.erase_again(erasure).await?);
        }
        Ok(erased)
    }
}
