//! Instants, days and months, and the traits through which time and randomness enter the
//! program. Their implementations are in `server`.

use std::fmt;

use serde::{Deserialize, Serialize};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// An instant in microseconds since 1970-01-01T00:00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// The same instant `seconds` later (earlier when negative), saturating.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)))
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// This instant without its fraction of a second.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(MICROS_PER_SECOND)))
    }

    /// The calendar day of this instant in UTC.
    pub fn day(self) -> Day {
        let days = self.0.div_euclid(MICROS_PER_DAY);
        Day(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// The ledger month of this instant in UTC.
    pub fn month(self) -> Month {
        let (year, month, _) = self.day().civil();
        Month(i64::from(year) * 100 + i64::from(month))
    }
}

/// RFC 3339 in UTC with six fractional digits, as the original application writes it.
impl fmt::Display for UnixMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.rem_euclid(MICROS_PER_DAY);
        let (seconds, micros) = (rest / MICROS_PER_SECOND, rest % MICROS_PER_SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z", self.day())
    }
}

/// A calendar day, counted from 1970-01-01 = 0 (proleptic Gregorian).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i32);

impl Day {
    /// Builds a day from year, month (1 to 12) and day of month; `None` when there is no such day.
    pub fn from_civil(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Days from civil, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted = (i32::from(month) + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let found = Self(era * 146_097 + day_of_era - 719_468);
        (found.civil() == (year, month, day)).then_some(found)
    }

    /// Year, month (1 to 12) and day of month.
    pub fn civil(self) -> (i32, u8, u8) {
        let z = self.0.saturating_add(719_468);
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
    }

    /// The first instant of this day in UTC.
    pub fn start(self) -> UnixMicros {
        UnixMicros(i64::from(self.0) * MICROS_PER_DAY)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        Self::from_civil(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("expected a date like 2005-01-03, got {text:?}"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// A ledger month as the number `YYYYMM`, in UTC; sorts by time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Month(pub i64);

impl Month {
    /// The month after this one.
    #[must_use]
    pub fn next(self) -> Self {
        if self.0 % 100 == 12 { Self(self.0 + 89) } else { Self(self.0 + 1) }
    }

    /// Reads `YYYY-MM` and `YYYYMM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = match (text.len(), text.split_once('-')) {
            (7, Some(parts)) => parts,
            (6, None) => text.split_at_checked(4)?,
            _ => return None,
        };
        let day = Day::parse(&format!("{year}-{month}-01"))?;
        Some(day.start().month())
    }
}

/// `2026-01`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(100), self.0.rem_euclid(100))
    }
}

/// The source of the time. The server has the system clock, tests have a manual one.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> UnixMicros;
}

/// The source of randomness. The server has the operating system's, tests a seeded one.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with cryptographically secure random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2005-01-03"), Some(Day(12_786)));
        assert_eq!(Day::parse("2023-02-29"), None);
        assert_eq!(Day::parse("2024-02-29").map(|d| d.to_string()), Some("2024-02-29".into()));
        assert_eq!(Day::parse("2024-2-29"), None);
    }

    #[test]
    fn instants_are_written_as_the_original_writes_them() {
        let at = UnixMicros(1_795_394_741_000_042);
        assert_eq!(at.to_string(), "2026-11-23T00:45:41.000042Z");
        assert_eq!(at.month(), Month(202_611));
        assert_eq!(UnixMicros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_month_is_read_in_both_forms_and_written_in_one() {
        for text in ["2024-02", "202402"] {
            assert_eq!(Month::parse(text), Some(Month(202_402)), "{text}");
        }
        assert_eq!(Month(202_402).to_string(), "2024-02");
        for wrong in ["", "2024", "2024-13", "202413", "2024-2", "24-02", "2024-02-01", "2024/02"] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Month::parse("20\u{e9}402"), None);
    }

    #[test]
    fn december_is_followed_by_january() {
        assert_eq!(Month(202_612).next(), Month(202_701));
        assert_eq!(Month(202_601).next(), Month(202_602));
    }

    proptest! {
        #[test]
        fn every_day_survives_its_text(n in -700_000i32..2_900_000) {
            let day = Day(n);
            let (year, month, dom) = day.civil();
            prop_assume!((0..=9999).contains(&year));
            prop_assert_eq!(Day::from_civil(year, month, dom), Some(day));
            prop_assert_eq!(Day::parse(&day.to_string()), Some(day));
            prop_assert_eq!(day.start().day(), day);
        }
    }
}
