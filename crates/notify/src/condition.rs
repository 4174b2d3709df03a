//! The conditions that operators are notified of, and what a node observes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::severity::Severity;

/// The longest key. With the name of the game it fits into PagerDuty's 255 characters.
const KEY_LENGTH_MAX: usize = 64;

/// The conditions that the server evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// The circuit breaker of a price provider is not closed.
    CircuitOpen,
    /// Most prices are older than they may be.
    PricesStale,
    /// The database does not respond.
    DatabaseAway,
    /// Writes fail because the disk is full.
    DiskFull,
    /// The disk has few free bytes.
    DiskLow,
    /// The program or its data contradicts itself.
    InvariantBroken,
    /// The chain heads are not sealed.
    SealFailed,
    /// The newest backup is too old, or there is no backup.
    BackupOld,
}

impl ConditionKind {
    pub const ALL: [Self; 8] = [
        Self::CircuitOpen,
        Self::PricesStale,
        Self::DatabaseAway,
        Self::DiskFull,
        Self::DiskLow,
        Self::InvariantBroken,
        Self::SealFailed,
        Self::BackupOld,
    ];

    /// Its name in keys, logs and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::PricesStale => "prices_stale",
            Self::DatabaseAway => "database_away",
            Self::DiskFull => "disk_full",
            Self::DiskLow => "disk_low",
            Self::InvariantBroken => "invariant_broken",
            Self::SealFailed => "seal_failed",
            Self::BackupOld => "backup_old",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::DatabaseAway | Self::DiskFull | Self::InvariantBroken => Severity::Critical,
            Self::PricesStale | Self::SealFailed => Severity::Error,
            Self::CircuitOpen | Self::DiskLow | Self::BackupOld => Severity::Warning,
        }
    }

    /// The kind of a key; `None` for a condition of a script.
    fn of_key(key: &str) -> Option<Self> {
        let name = key.split_once(':').map_or(key, |(name, _)| name);
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What identifies an incident within a game: a condition, and its part after a colon where parts
/// fail independently, as in `circuit_open:finnhub`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConditionKey(String);

/// A malformed key.
#[derive(Debug, Error)]
#[error("a condition is 1 to 64 of a to z, 0 to 9, `_`, `-`, `.`, `:` and `@`, got {0:?}")]
pub struct ConditionError(String);

impl ConditionKey {
    pub fn of(kind: ConditionKind) -> Self {
        Self(kind.as_str().to_owned())
    }

    pub fn of_part(kind: ConditionKind, part: &str) -> Self {
        Self(format!("{}:{part}", kind.as_str()))
    }

    /// Parses the key of a script or of a lease.
    ///
    /// # Errors
    /// The text is malformed.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || b"0123456789_-.:@".contains(&byte);
        let is_key = (1..=KEY_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_allowed);
        if is_key { Ok(Self(text.to_owned())) } else { Err(ConditionError(text.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `None` for a condition of a script.
    pub fn kind(&self) -> Option<ConditionKind> {
        ConditionKind::of_key(&self.0)
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A condition that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedCondition {
    pub severity: Severity,
    /// One sentence without secrets.
    pub summary: String,
    /// For how long it must hold before it is an incident, in seconds.
    pub after_s: i64,
}

/// What a node observes at one instant. A condition that is in neither set does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    pub raised: BTreeMap<ConditionKey, RaisedCondition>,
    /// Conditions that cannot be evaluated at present; their incidents stay as they are.
    pub unknown: BTreeSet<ConditionKind>,
}

impl Observations {
    /// Adds a condition that holds, with the severity of its kind.
    pub fn raise(&mut self, key: ConditionKey, after_s: i64, summary: String) {
        let severity = key.kind().map_or(Severity::Error, ConditionKind::severity);
        self.raised.insert(key, RaisedCondition { severity, summary, after_s });
    }

    pub(crate) fn is_unknown(&self, key: &ConditionKey) -> bool {
        key.kind().is_some_and(|kind| self.unknown.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_kind_of_its_first_part() {
        let key = ConditionKey::of_part(ConditionKind::CircuitOpen, "finnhub");
        assert_eq!(key.as_str(), "circuit_open:finnhub");
        assert_eq!(key.kind(), Some(ConditionKind::CircuitOpen));
        assert_eq!(ConditionKey::parse("circuit_open:finnhub").unwrap(), key);
        assert_eq!(ConditionKey::parse("unit_failed:backup@1.service").unwrap().kind(), None);
        for kind in ConditionKind::ALL {
            assert_eq!(ConditionKey::of(kind).kind(), Some(kind));
        }
    }

    #[test]
    fn a_malformed_key_is_rejected_with_what_was_expected() {
        for text in ["", "Load", "a b", "a/b", &"x".repeat(65)] {
            let error = ConditionKey::parse(text).expect_err("rejected").to_string();
            assert!(error.starts_with("a condition is 1 to 64 of a to z"), "{error}");
        }
    }
}
