//! The list of a month's files and what they add up to. It lies beside the files and, the same
//! text, in the database.

use domain::{Hash, Month};
use serde::{Deserialize, Serialize};
use store::KeyRange;

/// What was written of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The month, YYYYMM.
    pub month: Month,
    /// Which columns the files have.
    pub schema: u32,
    /// The version of the program that wrote them.
    pub program: String,
    /// Entries in all files.
    pub entries: u64,
    /// The first and the last key (player, version); none without entries.
    pub keys: Option<[(i64, i64); 2]>,
    /// SHA-256 over the hashes of all entries in the order of their keys, in hexadecimal.
    pub digest: String,
    /// The files, in the order of their entries.
    pub parts: Vec<ArchivePart>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivePart {
    /// Its name below the archive's address.
    pub name: String,
    /// Entries in it.
    pub entries: u64,
    /// The first and the last key (player, version) in it.
    pub keys: [(i64, i64); 2],
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub(crate) fn key_range(&self) -> Option<KeyRange> {
        self.keys.map(|[first, last]| KeyRange { first, last })
    }

    /// The size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// A digest as text.
pub(crate) fn hex(digest: [u8; 32]) -> String {
    Hash(digest).to_string()
}
