//! The file of seals, outside of the database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::ArchiveError;
use crate::json_lines::JsonLinesFile;
use crate::seal::{Seal, describe_mismatch};

#[derive(Clone, Debug)]
pub struct SealsFile(JsonLinesFile<Seal>);

impl SealsFile {
    /// The file at a path; it is created with the first seal.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(JsonLinesFile::new(path.into()))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Appends a seal unless the file has it.
    ///
    /// # Errors
    /// `SealMismatch` if the file has another seal of this instant.
    pub(crate) async fn append(&self, seal: &Seal) -> Result<(), ArchiveError> {
        match self.read().await?.get(&seal.cut_at) {
            Some(found) if found == seal => Ok(()),
            Some(other) => Err(ArchiveError::SealMismatch(describe_mismatch(other, seal))),
            None => self.0.add(std::slice::from_ref(seal)).await,
        }
    }

    /// All seals by instant.
    ///
    /// # Errors
    /// `Local` if the file cannot be read, `Damaged` if a line is malformed.
    pub async fn read(&self) -> Result<BTreeMap<i64, Seal>, ArchiveError> {
        let seals = self.0.read().await?;
        Ok(seals.into_iter().map(|seal| (seal.cut_at, seal)).collect())
    }
}
