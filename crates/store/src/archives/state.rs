//! The archive state of a month, as stored and as read.

use domain::{Hash, Month, UnixMicros};

use crate::decode::word_column;
use crate::query::row;

/// The archive state of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveState {
    /// The month is over; nothing is archived yet.
    Due,
    /// The files are being written. Files left by a crash are overwritten.
    Writing,
    /// The files are written but not yet read back.
    Written,
    /// The files were read back and match the database.
    Verified,
    /// The entries are deleted from the database.
    Dropped,
}

impl ArchiveState {
    /// All states, in the order of their transitions.
    pub const ALL: [Self; 5] =
        [Self::Due, Self::Writing, Self::Written, Self::Verified, Self::Dropped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Verified => "verified",
            Self::Dropped => "dropped",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

word_column!(ArchiveState, "state of a month in the archive");

/// The first and the last key (player, version) of a month's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub first: (i64, i64),
    pub last: (i64, i64),
}

/// The archive state of one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRow {
    pub month: Month,
    pub state: ArchiveState,
    /// The folder of its files.
    pub location: String,
    /// The list of its files as JSON.
    pub manifest: Option<String>,
    pub entries: i64,
    /// `None` if the month has no entries.
    pub keys: Option<KeyRange>,
    /// SHA-256 over the hashes of its entries, in the order of their keys.
    pub digest: Option<Hash>,
    /// Whether a hold prevents its deletion.
    pub is_held: bool,
    /// Whether the deletion of its entries has begun.
    pub is_cut: bool,
    /// The fencing token of the last state change.
    pub fence: i64,
    /// The error of the last failed attempt.
    pub error: Option<String>,
    pub updated_at: UnixMicros,
}

impl ArchiveRow {
    /// Whether the ledger must hold every archived entry of this month.
    pub fn is_in_ledger(&self) -> bool {
        matches!(self.state, ArchiveState::Written | ArchiveState::Verified) && !self.is_cut
    }
}

/// A month with the fencing token and the time of a change.
#[derive(Clone, Copy, Debug)]
pub struct FencedMonth {
    pub month: Month,
    /// The fencing token of the lease.
    pub fence: i64,
    pub now: UnixMicros,
}

/// The files written for a month.
#[derive(Clone, Debug)]
pub struct ArchiveFiles {
    pub location: String,
    /// The list of the files as JSON.
    pub manifest: String,
    /// How many entries are in them.
    pub entries: i64,
    pub keys: Option<KeyRange>,
    pub digest: Hash,
}

row! {
    pub(super) struct ArchiveRecord {
        month: Month,
        state: ArchiveState,
        location: String,
        manifest: Option<String>,
        entries: i64,
        first_player: Option<i64>,
        first_version: Option<i64>,
        last_player: Option<i64>,
        last_version: Option<i64>,
        digest: Option<Hash>,
        held: i64,
        fence: i64,
        error: Option<String>,
        updated_at: UnixMicros,
        cut: i64,
    }
}

impl ArchiveRecord {
    pub(super) fn read(self) -> ArchiveRow {
        let keys =
            match (self.first_player, self.first_version, self.last_player, self.last_version) {
                (Some(a), Some(b), Some(c), Some(d)) => {
                    Some(KeyRange { first: (a, b), last: (c, d) })
                }
                _ => None,
            };
        ArchiveRow {
            month: self.month,
            state: self.state,
            location: self.location,
            manifest: self.manifest,
            entries: self.entries,
            keys,
            digest: self.digest,
            is_held: self.held != 0,
            is_cut: self.cut != 0,
            fence: self.fence,
            error: self.error,
            updated_at: self.updated_at,
        }
    }
}
