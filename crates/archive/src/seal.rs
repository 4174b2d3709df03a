//! A seal: one Merkle root over the heads of all chains at an instant, chained to the seal before.
//! It reveals what a chain alone cannot: a chain that is gone or has lost its end (docs/adr/0011).
//!
//! A leaf is player (8 bytes), version (8 bytes), both big-endian, and the hash of that entry (32
//! bytes), in the order of the players' numbers; the root is that of RFC 6962. A seal's own hash is
//! the SHA-256 of [`Seal::canonical`].

use std::fmt;

use domain::{Hash, UnixMicros};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::SealRow;

/// A seal as it is stored in the file and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The instant of the heads, in microseconds since 1970 UTC.
    pub cut_at: i64,
    /// The number of chains.
    pub players: i64,
    /// The number of entries in all chains.
    pub entries: i64,
    /// The root over all heads, in hexadecimal.
    pub root: String,
    /// The hash of the seal before, in hexadecimal; zeros for the first.
    pub previous: String,
}

impl Seal {
    pub(crate) fn of(row: &SealRow) -> Self {
        let SealRow { cut_at, players, entries, root, previous, .. } = row;
        let (root, previous) = (root.to_string(), previous.to_string());
        Self { cut_at: cut_at.0, players: *players, entries: *entries, root, previous }
    }

    /// The text that is hashed.
    pub fn canonical(&self) -> String {
        let Self { cut_at, players, entries, root, previous } = self;
        format!("openbell-seal-1\n{cut_at}\n{players}\n{entries}\n{root}\n{previous}\n")
    }

    /// The hash that the next seal contains as `previous`.
    pub fn hash(&self) -> Hash {
        Hash(Sha256::digest(self.canonical()).into())
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { players, entries, root, .. } = self;
        write!(f, "{}: {players} chains, {entries} entries, root {root}", UnixMicros(self.cut_at))
    }
}

pub(crate) fn describe_mismatch(apart: &Seal, seal: &Seal) -> String {
    format!("the file has {apart}, the database {seal}")
}
