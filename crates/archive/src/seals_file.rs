//! Where seals are kept apart from the database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::ArchiveError;
use crate::json_lines::JsonLinesFile;
use crate::seal::{Seal, describe_mismatch};

/// The file of seals.
#[derive(Clone, Debug)]
pub struct SealsFile(JsonLinesFile<Seal>);

impl SealsFile {
    /// The file with this name, which is made with the first seal.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(JsonLinesFile::new(path.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a seal, unless it is there, and brings it to the disk.
    ///
    /// # Errors
    /// `Unsealed` when another one of its instant is there, else what was met.
    pub(crate) async fn keep(&self, seal: &Seal) -> Result<(), ArchiveError> {
        match self.read().await?.get(&seal.cut_at) {
            Some(found) if found == seal => Ok(()),
            Some(other) => Err(ArchiveError::SealMismatch(describe_mismatch(other, seal))),
            None => self.0.add(std::slice::from_ref(seal)).await,
        }
    }

    /// All seals by their instants.
    ///
    /// # Errors
    /// `Local` when it cannot be read, `Damaged` when a line is no seal.
    pub async fn read(&self) -> Result<BTreeMap<i64, Seal>, ArchiveError> {
        let seals = self.0.read().await?;
        Ok(seals.into_iter().map(|seal| (seal.cut_at, seal)).collect())
    }
}
