//! The schedule of a game's clock, from a TOML file: on which weekdays, from when to when the clock
//! runs, in a time zone, and the holidays on which it does not.

use domain::{Day, UnixMicros};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::calendar::{Weekday, instant, time};

/// How far a schedule looks for its next and its last change, in days.
const HORIZON_DAYS: i32 = 400;
const HOLIDAYS_MAX: usize = 1_000;

/// Why a file is not a schedule, with the line and its key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, key {key:?}: {problem}")]
pub struct ScheduleError {
    /// From 1.
    pub line: usize,
    pub key: String,
    pub problem: String,
}

/// The hours in which a game's clock runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockSchedule {
    file: ScheduleFile,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleFile {
    #[serde(deserialize_with = "zone")]
    zone: TimeZone,
    weekdays: Vec<Weekday>,
    #[serde(deserialize_with = "time")]
    opens: Time,
    #[serde(deserialize_with = "time")]
    closes: Time,
    #[serde(default)]
    holidays: Vec<Day>,
}

fn zone<'de, D: Deserializer<'de>>(reader: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(reader)?;
    let expected = format!("expected a time zone like \"Africa/Harare\", got {name:?}");
    TimeZone::get(&name).map_err(|_| serde::de::Error::custom(expected))
}

impl ClockSchedule {
    /// Reads a file with the keys `zone`, `weekdays`, `opens`, `closes` and `holidays`.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let file: ScheduleFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            at_offset(text, at, error.message())
        })?;
        let of = |key: &str, problem: &str| {
            let at = text.lines().position(|line| line.trim_start().starts_with(key));
            let problem = problem.to_owned();
            ScheduleError { line: at.unwrap_or(0) + 1, key: key.to_owned(), problem }
        };
        if file.opens >= file.closes {
            return Err(of("closes", "expected a later time than that of `opens`"));
        }
        if file.weekdays.is_empty() {
            return Err(of("weekdays", "expected at least one weekday"));
        }
        if file.holidays.len() > HOLIDAYS_MAX {
            return Err(of("holidays", "expected at most 1000 days"));
        }
        Ok(Self { file })
    }

    /// When the clock runs on a day; `None` if it does not.
    fn hours(&self, day: Day) -> Option<(UnixMicros, UnixMicros)> {
        let ScheduleFile { zone, weekdays, opens, closes, holidays } = &self.file;
        if !weekdays.iter().any(|weekday| weekday.is_of(day)) || holidays.contains(&day) {
            return None;
        }
        let hours = (instant(day, *opens, zone)?, instant(day, *closes, zone)?);
        // A change of the zone's offset can swallow them.
        (hours.0 < hours.1).then_some(hours)
    }

    /// The changes of the days around an instant, ascending: when, and whether it opens.
    fn changes(&self, days: impl Iterator<Item = i32>) -> impl Iterator<Item = (UnixMicros, bool)> {
        let hours = days.filter_map(|day| self.hours(Day(day)));
        hours.flat_map(|(opens_at, closes_at)| [(opens_at, true), (closes_at, false)])
    }

    /// The next changes after an instant, at most `count`: when, and whether it opens.
    pub fn changes_after(&self, now: UnixMicros, count: usize) -> Vec<(UnixMicros, bool)> {
        let today = now.day().0;
        let changes = self.changes(today - 2..today + HORIZON_DAYS);
        changes.filter(|(at, _)| *at > now).take(count).collect()
    }

    /// The last change at or before an instant: when, and whether it opened.
    pub fn last_change(&self, now: UnixMicros) -> Option<(UnixMicros, bool)> {
        let today = now.day().0;
        let changes = self.changes(today - HORIZON_DAYS..today + 2);
        changes.take_while(|(at, _)| *at <= now).last()
    }

    pub fn is_open(&self, now: UnixMicros) -> bool {
        self.last_change(now).is_some_and(|(_, is_open)| is_open)
    }
}

/// The error at a byte of the text, with its line and the key of that line.
fn at_offset(text: &str, at: usize, problem: &str) -> ScheduleError {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let content = text.lines().nth(line - 1).unwrap_or_default();
    let key = content.split('=').next().unwrap_or_default().trim().to_owned();
    ScheduleError { line, key, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHOOL: &str = "zone = \"Africa/Harare\"\n\
        weekdays = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\"]\n\
        opens = \"08:00\"\ncloses = \"16:00\"\nholidays = [\"2026-12-25\"]\n";

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_schedule_opens_and_closes_on_its_weekdays_in_its_zone() {
        let schedule = ClockSchedule::parse(SCHOOL).unwrap();
        // Harare is two hours ahead of UTC. 2026-11-30 is a Monday.
        let monday = at("2026-11-30T06:00:00Z");
        assert!(schedule.is_open(monday));
        assert!(!schedule.is_open(UnixMicros(monday.0 - 1)));
        assert!(!schedule.is_open(at("2026-11-30T14:00:00Z")));
        assert_eq!(schedule.last_change(UnixMicros(monday.0 - 1)), {
            Some((at("2026-11-27T14:00:00Z"), false))
        });
        let next = schedule.changes_after(monday, 2);
        let expected = [(at("2026-11-30T14:00:00Z"), false), (at("2026-12-01T06:00:00Z"), true)];
        assert_eq!(next, expected);
    }

    #[test]
    fn a_holiday_has_no_change() {
        let schedule = ClockSchedule::parse(SCHOOL).unwrap();
        let christmas_eve = schedule.changes_after(at("2026-12-24T14:00:00Z"), 1);
        assert_eq!(christmas_eve, [(at("2026-12-28T06:00:00Z"), true)]);
    }

    #[test]
    fn a_zone_with_summer_time_keeps_its_hours() {
        let text = SCHOOL.replace("Africa/Harare", "Europe/Berlin");
        let schedule = ClockSchedule::parse(&text).unwrap();
        let opens = |text| schedule.changes_after(at(text), 1)[0].0;
        assert_eq!(opens("2026-03-27T15:30:00Z"), at("2026-03-30T06:00:00Z"));
        assert_eq!(opens("2026-03-26T15:30:00Z"), at("2026-03-27T07:00:00Z"));
    }

    #[test]
    fn an_error_names_the_line_and_the_key() {
        for (old, new, line, key, problem) in [
            ("Africa/Harare", "Africa/Hara", 1, "zone", "expected a time zone like"),
            ("\"friday\"", "\"freitag\"", 2, "weekdays", "unknown variant `freitag`"),
            ("08:00", "8 am", 3, "opens", "expected a time like 09:30"),
            ("16:00", "08:00", 4, "closes", "later time"),
            ("2026-12-25", "2026-12-35", 5, "holidays", "expected a date like"),
            ("holidays", "holiday", 5, "holiday", "unknown field"),
        ] {
            let error = ClockSchedule::parse(&SCHOOL.replace(old, new)).unwrap_err();
            assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
            assert!(error.problem.contains(problem), "{error}");
        }
        let none = SCHOOL.replace("zone = \"Africa/Harare\"\n", "");
        assert!(ClockSchedule::parse(&none).unwrap_err().problem.contains("zone"));
    }
}
