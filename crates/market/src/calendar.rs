//! Exchange calendars: the trading sessions of each day, from a file of hours and holidays.

use domain::{Day, UnixMicros};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

const EMBEDDED: &str = include_str!("../data/calendars.toml");

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CalendarError {
    #[error("calendar: {0}")]
    Malformed(String),
    #[error("calendar: expected one of the exchanges {known}, got {name:?}")]
    UnknownExchange { name: String, known: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradingSession {
    /// The day in the exchange's time zone.
    pub day: Day,
    pub opens_at: UnixMicros,
    /// Exclusive.
    pub closes_at: UnixMicros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradingHours {
    Open,
    Closed {
        /// When the exchange opens; `None` if its calendar ends before.
        opens_at: Option<UnixMicros>,
    },
    /// The game's clock is paused.
    Paused {
        /// The planned end of the pause.
        resumes_at: Option<UnixMicros>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    currency: String,
    /// Ascending, at least one.
    sessions: Vec<TradingSession>,
}

impl Calendar {
    /// The exchange of this name in the built-in calendars, `NYSE` or `ZSE`.
    pub fn embedded(name: &str) -> Result<Self, CalendarError> {
        Self::read(EMBEDDED, name)
    }

    /// The exchange of this name in a file like `data/calendars.toml` of this crate.
    pub fn read(file: &str, name: &str) -> Result<Self, CalendarError> {
        let file: CalendarFile = toml::from_str(file)
            .map_err(|error| CalendarError::Malformed(error.message().to_owned()))?;
        let found = file.exchange.iter().find(|exchange| exchange.name == name);
        let Some(exchange) = found else {
            let known: Vec<&str> = file.exchange.iter().map(|one| one.name.as_str()).collect();
            let (name, known) = (name.to_owned(), known.join(", "));
            return Err(CalendarError::UnknownExchange { name, known });
        };
        let sessions = exchange.sessions()?;
        if sessions.is_empty() {
            return Err(CalendarError::Malformed(format!("{name} has no session")));
        }
        let currency = exchange.currency.clone();
        Ok(Self { name: exchange.name.clone(), currency, sessions })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The currency of its prices (ISO 4217).
    pub fn currency(&self) -> &str {
        &self.currency
    }

    pub fn sessions(&self) -> &[TradingSession] {
        &self.sessions
    }

    pub fn running(&self, now: UnixMicros) -> Option<TradingSession> {
        let session = *self.sessions.get(self.closed_by(now))?;
        (session.opens_at <= now).then_some(session)
    }

    /// When the next session opens; `None` if the calendar ends before.
    pub fn next_opening(&self, now: UnixMicros) -> Option<UnixMicros> {
        let next = self.sessions.partition_point(|session| session.opens_at <= now);
        self.sessions.get(next).map(|session| session.opens_at)
    }

    /// How many sessions have closed at `now`: those numbered below this.
    pub fn closed_by(&self, now: UnixMicros) -> usize {
        self.sessions.partition_point(|session| session.closes_at <= now)
    }

    pub fn session_on(&self, day: Day) -> Option<TradingSession> {
        let found = self.sessions.binary_search_by_key(&day, |session| session.day);
        found.ok().map(|at| self.sessions[at])
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    exchange: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    name: String,
    zone: String,
    currency: String,
    #[serde(deserialize_with = "time")]
    opens: Time,
    #[serde(deserialize_with = "time")]
    closes: Time,
    #[serde(deserialize_with = "time")]
    closes_early: Time,
    first: Day,
    last: Day,
    holidays: Vec<Day>,
    early: Vec<Day>,
    #[serde(default = "weekend")]
    rest: Vec<Weekday>,
}

/// A day of the week, in the order of the days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Weekday {
    Thursday,
    Friday,
    Saturday,
    Sunday,
    Monday,
    Tuesday,
    Wednesday,
}

impl Weekday {
    pub(crate) fn is_of(self, day: Day) -> bool {
        self as i32 == day.0.rem_euclid(7)
    }
}

fn weekend() -> Vec<Weekday> {
    vec![Weekday::Saturday, Weekday::Sunday]
}

pub(crate) fn time<'de, D: Deserializer<'de>>(reader: D) -> Result<Time, D::Error> {
    let text = String::deserialize(reader)?;
    let expected = || serde::de::Error::custom(format!("expected a time like 09:30, got {text:?}"));
    Time::strptime("%H:%M", &text).map_err(|_| expected())
}

impl Exchange {
    fn sessions(&self) -> Result<Vec<TradingSession>, CalendarError> {
        let malformed = |what: &str| CalendarError::Malformed(format!("{}: {what}", self.name));
        if self.opens >= self.closes || self.opens >= self.closes_early {
            return Err(malformed("it must open before it closes"));
        }
        let span = i64::from(self.last.0) - i64::from(self.first.0);
        if !(0..=36_525).contains(&span) {
            return Err(malformed(
                "the first day must not be after the last, nor a century before",
            ));
        }
        let zone = TimeZone::get(&self.zone).map_err(|_| malformed("no such time zone"))?;
        let days = (self.first.0..=self.last.0).map(Day);
        let rests = |day: Day| self.rest.iter().any(|one| one.is_of(day));
        let traded = days.filter(|day| !rests(*day) && !self.holidays.contains(day));
        let session = |day: Day| {
            let closes = if self.early.contains(&day) { self.closes_early } else { self.closes };
            Some(TradingSession {
                day,
                opens_at: instant(day, self.opens, &zone)?,
                closes_at: instant(day, closes, &zone)?,
            })
        };
        let sessions = traded.map(session).collect::<Option<Vec<_>>>();
        sessions.ok_or_else(|| malformed("a day is outside of what can be reckoned with"))
    }
}

pub(crate) fn instant(day: Day, time: Time, zone: &TimeZone) -> Option<UnixMicros> {
    let (year, month, of_month) = day.civil();
    let (month, of_month) = (i8::try_from(month).ok()?, i8::try_from(of_month).ok()?);
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, month, of_month).ok()?;
    let zoned = zone.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(UnixMicros(zoned.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn days_of(calendar: &Calendar, year: i32) -> usize {
        calendar.sessions().iter().filter(|session| session.day.civil().0 == year).count()
    }

    #[test]
    fn new_york_trades_as_many_days_as_it_announced() {
        let calendar = Calendar::embedded("NYSE").unwrap();
        assert_eq!([2025, 2026, 2027, 2028].map(|y| days_of(&calendar, y)), [250, 251, 251, 251]);
        assert_eq!((calendar.name(), calendar.currency()), ("NYSE", "USD"));
    }

    #[test]
    fn a_session_runs_by_the_clocks_of_its_exchange() {
        let calendar = Calendar::embedded("NYSE").unwrap();
        // Summer and winter time: 13:30 and 14:30 in UTC.
        for (before, open, last, closed) in [
            ("2026-07-06T13:29:59Z", "2026-07-06T13:30:00Z", "2026-07-06T19:59:59Z", "20:00"),
            ("2026-11-25T14:29:59Z", "2026-11-25T14:30:00Z", "2026-11-25T20:59:59Z", "21:00"),
            ("2026-11-27T14:29:59Z", "2026-11-27T14:30:00Z", "2026-11-27T17:59:59Z", "18:00"),
        ] {
            assert_eq!(calendar.running(at(before)), None, "{before}");
            let session = calendar.running(at(open)).expect("a session");
            assert_eq!(calendar.running(at(last)), Some(session), "{last}");
            assert_eq!(session.closes_at, at(&format!("{}T{closed}:00Z", session.day)));
            assert_eq!(calendar.running(session.closes_at), None);
            assert_eq!(calendar.session_on(session.day), Some(session));
        }
    }

    #[test]
    fn a_closed_exchange_has_a_next_opening() {
        let calendar = Calendar::embedded("NYSE").unwrap();
        // Thanksgiving of 2026, then a weekend.
        let thanksgiving = at("2026-11-26T15:00:00Z");
        assert_eq!(calendar.running(thanksgiving), None);
        assert_eq!(calendar.next_opening(thanksgiving), Some(at("2026-11-27T14:30:00Z")));
        let saturday = at("2026-11-28T12:00:00Z");
        assert_eq!(calendar.next_opening(saturday), Some(at("2026-11-30T14:30:00Z")));
        assert_eq!(calendar.next_opening(at("2028-12-29T22:00:00Z")), None);
    }

    #[test]
    fn harare_rests_on_its_own_holidays() {
        let calendar = Calendar::embedded("ZSE").unwrap();
        assert_eq!(calendar.running(at("2026-08-10T08:00:00Z")), None, "Heroes' Day");
        let session = calendar.running(at("2026-08-12T08:00:00Z")).expect("a session");
        assert_eq!(session.opens_at, at("2026-08-12T07:30:00Z"));
        assert_eq!(session.closes_at, at("2026-08-12T11:00:00Z"));
        assert_eq!(calendar.currency(), "ZWG");
    }

    #[test]
    fn sessions_ascend_and_never_overlap() {
        for name in ["NYSE", "ZSE"] {
            let calendar = Calendar::embedded(name).unwrap();
            for pair in calendar.sessions().windows(2) {
                assert!(pair[0].opens_at < pair[0].closes_at);
                assert!(pair[0].closes_at < pair[1].opens_at);
            }
            let second = calendar.sessions()[1];
            assert_eq!(calendar.closed_by(second.closes_at), 2);
            assert_eq!(calendar.closed_by(UnixMicros(second.closes_at.0 - 1)), 1);
        }
    }

    #[test]
    fn an_exchange_may_rest_on_other_days() {
        let line = "early = []";
        let file = EMBEDDED.replace(line, "early = []\nrest = [\"friday\"]");
        let calendar = Calendar::read(&file, "ZSE").unwrap();
        let trades = |day| calendar.session_on(Day::parse(day).unwrap()).is_some();
        assert!(trades("2026-11-28") && trades("2026-11-29") && !trades("2026-11-27"));
    }

    #[test]
    fn a_bad_file_is_refused_with_a_reason() {
        let unknown = Calendar::embedded("LSE").unwrap_err().to_string();
        assert_eq!(unknown, "calendar: expected one of the exchanges NYSE, ZSE, got \"LSE\"");
        for (from, to, expected) in [
            ("\"09:30\"", "\"9.30\"", "a time like 09:30"),
            ("\"09:30\"", "\"17:00\"", "must open before it closes"),
            ("America/New_York", "America/Gotham", "no such time zone"),
            ("first = \"2025", "first = \"2029", "must not be after the last"),
            ("\"2025-01-09\"", "\"2025-01-32\"", "a date like"),
            ("currency", "money", "unknown field"),
        ] {
            let file = EMBEDDED.replacen(from, to, 1);
            let error = Calendar::read(&file, "NYSE").unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
