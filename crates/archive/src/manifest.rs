//! The manifest of a month: its files and their totals. The same text is stored beside the files
//! and in the database.

use domain::{Hash, Month};
use serde::{Deserialize, Serialize};
use store::KeyRange;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The month, YYYYMM.
    pub month: Month,
    /// The version of the files' columns.
    pub schema: u32,
    /// The version of the program that wrote them.
    pub program: String,
    pub entries: u64,
    /// The first and the last key (player, version); `None` without entries.
    pub keys: Option<[(i64, i64); 2]>,
    /// SHA-256 over the hashes of all entries in the order of their keys, in hexadecimal.
    pub digest: String,
    /// The files, in the order of their entries.
    pub parts: Vec<ArchivePart>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivePart {
    /// The name below the archive's URL.
    pub name: String,
    pub entries: u64,
    /// The first and the last key (player, version).
    pub keys: [(i64, i64); 2],
    /// The size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
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

pub(crate) fn hex(digest: [u8; 32]) -> String {
    Hash(digest).to_string()
}
