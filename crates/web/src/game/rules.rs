//! Changes of the rules by operators.

/// The tag that nodes publish after a change of the rules, so that the others read it at once.
pub const RULES_TAG: &str = "game_rules";
/// The most characters of the reason of a change.
pub(crate) const REASON_LENGTH_MAX: usize = 500;
