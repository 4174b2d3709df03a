//! Converts total XP to levels and back. Only the total is stored, so that new thresholds need no
//! migration.

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerEntry;

/// The level thresholds of a game: level `n` needs `thresholds[n-1]` XP more, and beyond that list
/// `n × step` more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LevelsFile", into = "LevelsFile")]
pub struct Levels {
    step: i64,
    thresholds: Vec<i64>,
    /// Total XP at which the level after each listed one begins.
    ends: Vec<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelsFile {
    step: i64,
    #[serde(default)]
    thresholds: Vec<i64>,
}

impl TryFrom<LevelsFile> for Levels {
    type Error = String;
    fn try_from(file: LevelsFile) -> Result<Self, String> {
        Self::new(file.step, file.thresholds)
    }
}

impl From<Levels> for LevelsFile {
    fn from(levels: Levels) -> Self {
        Self { step: levels.step, thresholds: levels.thresholds }
    }
}

/// The level and XP of a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The level, from 1.
    pub level: i64,
    /// XP earned within this level.
    pub xp_in_level: i64,
    /// XP this level needs in all before the next one begins.
    pub next_level_xp: i64,
}

impl Levels {
    /// Validates the thresholds; the error describes what is expected.
    pub fn new(step: i64, thresholds: Vec<i64>) -> Result<Self, String> {
        let allowed = 1..=1_000_000_000;
        if !allowed.contains(&step) {
            return Err(format!("expected a step from 1 to 1000000000, got {step}"));
        }
        if let Some(bad) = thresholds.iter().find(|t| !allowed.contains(*t)) {
            return Err(format!("expected thresholds from 1 to 1000000000, got {bad}"));
        }
        if thresholds.len() > 1000 {
            return Err(format!("expected at most 1000 thresholds, got {}", thresholds.len()));
        }
        let end = |total: &mut i64, threshold: &i64| {
            *total += threshold;
            Some(*total)
        };
        let ends = thresholds.iter().scan(0, end).collect();
        Ok(Self { step, thresholds, ends })
    }

    /// XP that `level` needs before the next one begins.
    pub fn needed(&self, level: i64) -> i64 {
        let listed = usize::try_from(level - 1).ok().and_then(|i| self.thresholds.get(i));
        listed.copied().unwrap_or_else(|| level.saturating_mul(self.step))
    }

    /// Total XP at which `level` begins.
    fn begins_at(&self, level: i64) -> i128 {
        let (listed, done) = (self.ends.len(), level - 1);
        match usize::try_from(done) {
            Ok(done) if done <= listed => {
                done.checked_sub(1).map_or(0, |last| i128::from(self.ends[last]))
            }
            _ => {
                // The sum of listed+1 ..= done, times the step.
                let (done, step) = (i128::from(done), i128::from(self.step));
                self.listed_end() + step * (done * (done + 1) - self.listed_products()) / 2
            }
        }
    }

    /// Level, XP within it and the threshold of the next, from the total.
    pub fn progress(&self, total_xp: i64) -> Progress {
        let total = total_xp.max(0);
        let beyond = i128::from(total) - self.listed_end();
        let done = if beyond < 0 {
            self.ends.partition_point(|end| *end <= total) as i128
        } else {
            // The largest with done × (done + 1) ≤ all.
            let all = 2 * beyond / i128::from(self.step) + self.listed_products();
            ((4 * all + 1).isqrt() - 1) / 2
        };
        let level = i64::try_from(done + 1).unwrap_or(i64::MAX);
        let within = i64::try_from(i128::from(total) - self.begins_at(level)).unwrap_or(i64::MAX);
        Progress { level, xp_in_level: within, next_level_xp: self.needed(level) }
    }

    /// Total XP at which the levels that are not listed begin.
    fn listed_end(&self) -> i128 {
        self.ends.last().copied().unwrap_or(0).into()
    }

    /// `n × (n + 1)` of the listed levels.
    fn listed_products(&self) -> i128 {
        let listed = self.ends.len() as i128;
        listed * (listed + 1)
    }

    /// The new level, if this entry reached one.
    pub fn reached_by(&self, entry: &LedgerEntry) -> Option<Progress> {
        let earned = entry.xp_trade.saturating_add(entry.xp_achievements);
        let before = self.progress(entry.total_xp_after.saturating_sub(earned));
        Some(self.progress(entry.total_xp_after)).filter(|after| after.level > before.level)
    }

    /// The total XP of a player at `level` with `xp_in_level`; the inverse of [`Levels::progress`].
    pub fn total_xp(&self, level: i64, xp_in_level: i64) -> i64 {
        i64::try_from(self.begins_at(level) + i128::from(xp_in_level)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn default_levels() -> Levels {
        Levels::new(1000, vec![]).expect("good")
    }

    #[test]
    fn level_n_needs_n_thousand_more() {
        let at = |xp| {
            let p = default_levels().progress(xp);
            (p.level, p.xp_in_level, p.next_level_xp)
        };
        assert_eq!(at(0), (1, 0, 1000));
        assert_eq!(at(999), (1, 999, 1000));
        assert_eq!(at(1000), (2, 0, 2000));
        assert_eq!(at(2999), (2, 1999, 2000));
        assert_eq!(at(3000), (3, 0, 3000));
        assert_eq!(at(-7), (1, 0, 1000));
    }

    #[test]
    fn listed_thresholds_come_first() {
        let levels = Levels::new(100, vec![10, 20]).expect("good");
        let level = |xp| levels.progress(xp).level;
        assert_eq!([level(9), level(10), level(29), level(30)], [1, 2, 2, 3]);
        assert_eq!(levels.progress(30).next_level_xp, 300);
        assert_eq!([level(329), level(330)], [3, 4]);
    }

    #[test]
    fn bad_thresholds_are_refused() {
        assert!(Levels::new(0, vec![]).is_err());
        assert!(Levels::new(1, vec![5, -1]).is_err());
        assert!(Levels::new(1, vec![1; 1001]).is_err());
    }

    proptest! {
        #[test]
        fn level_is_monotone_in_xp_and_back(
            xp in 0i64..1_000_000_000_000, more in 0i64..1_000_000, step in 1i64..5000,
            list in prop::collection::vec(1i64..5000, 0..8),
        ) {
            let levels = Levels::new(step, list).expect("good");
            let (a, b) = (levels.progress(xp), levels.progress(xp + more));
            prop_assert!((a.level, a.xp_in_level) <= (b.level, b.xp_in_level));
            prop_assert!(a.xp_in_level < a.next_level_xp);
            prop_assert_eq!(levels.total_xp(a.level, a.xp_in_level), xp);
        }
    }
}
