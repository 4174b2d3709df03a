//! The time zone in which the player's day is a calendar day.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::{Day, UnixMicros};

/// A time zone of the IANA database that is part of the program. Neither the system's database nor
/// the environment is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayZone {
    zone: TimeZone,
    name: String,
}

impl DayZone {
    /// The zone of a name like `Africa/Harare`, in the spelling of the database.
    pub fn parse(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        Some(Self { zone, name })
    }

    /// The local date. Where clocks are put back over midnight, an instant may have an earlier date
    /// than one before it.
    pub fn day(&self, now: UnixMicros) -> Day {
        let Ok(instant) = Timestamp::from_microsecond(now.0) else { return now.day() };
        let offset = self.zone.to_offset(instant);
        now.plus_seconds(offset.seconds().into()).day()
    }
}

impl fmt::Display for DayZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for DayZone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name).ok_or_else(|| {
            format!(
                "expected a time zone of the IANA database like \"Africa/Harare\", got {name:?}"
            )
        })
    }
}

impl From<DayZone> for String {
    fn from(zone: DayZone) -> Self {
        zone.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<Timestamp>().expect("an instant").as_microsecond())
    }

    fn day(zone: &str, instant: &str) -> String {
        DayZone::parse(zone).expect("a zone").day(at(instant)).to_string()
    }

    #[test]
    fn the_day_is_the_local_date() {
        assert_eq!(day("Africa/Harare", "2026-11-30T21:59:59Z"), "2026-11-30");
        assert_eq!(day("Africa/Harare", "2026-11-30T22:00:00Z"), "2026-12-01");
        assert_eq!(day("UTC", "2026-11-30T23:59:59.999999Z"), "2026-11-30");
        // Summer time began on 2026-03-29 and ended on 2026-10-25.
        for (begins, date) in [
            ("2026-03-28T23:00:00Z", "2026-03-29"),
            ("2026-03-29T22:00:00Z", "2026-03-30"),
            ("2026-10-24T22:00:00Z", "2026-10-25"),
            ("2026-10-25T23:00:00Z", "2026-10-26"),
        ] {
            assert_eq!(day("Europe/Berlin", begins), date);
            let before = UnixMicros(at(begins).0 - 1);
            let zone = DayZone::parse("Europe/Berlin").expect("a zone");
            assert_eq!(zone.day(before).0 + 1, zone.day(at(begins)).0, "{begins}");
        }
        // In Beirut the clocks were put forward at midnight.
        assert_eq!(day("Asia/Beirut", "2026-03-28T21:59:59Z"), "2026-03-28");
        assert_eq!(day("Asia/Beirut", "2026-03-28T22:00:00Z"), "2026-03-29");
    }

    #[test]
    fn only_names_of_the_database_are_zones() {
        let named = DayZone::parse("africa/harare").map(|zone| zone.to_string());
        assert_eq!(named.as_deref(), Some("Africa/Harare"));
        for name in ["", "Zimbabwe", "Africa/Nowhere", "+02:00", "CAT-2", "../etc/passwd"] {
            assert_eq!(DayZone::parse(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_date_is_skipped_or_repeated(
            zone in prop::sample::select(
                &["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"][..]),
            hour in 0i64..(20 * 365 * 24),
        ) {
            let zone = DayZone::parse(zone).expect("a zone");
            let now = UnixMicros(1_577_836_800_000_000).plus_seconds(hour * 3600);
            let step = zone.day(now.plus_seconds(3600)).0 - zone.day(now).0;
            prop_assert!((0..=1).contains(&step), "{}", step);
        }
    }
}
