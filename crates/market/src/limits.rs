//! Limits of the market's settings, checked while TOML is parsed and again when a market is built.

use domain::{Day, Price};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use thiserror::Error;

/// The first day of the embedded series, and the first on which prices can stand still.
pub(crate) const FIRST_DAY: Day = Day(7_306);
/// Its last day.
pub(crate) const LAST_DAY: Day = Day(19_354);
/// The first and the last day that any market is replayed from.
const ANY_DAY: (Day, Day) = (Day(-25_567), Day(47_481));
/// The last day a replay can start on: one session is left after it.
pub(crate) const LAST_START_DAY: Day = Day(19_353);

pub(crate) const DAY_SECONDS: u32 = 86_400;
pub(crate) const MILLION: u32 = 1_000_000;

/// Why a market cannot be built from a configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MarketConfigError {
    #[error("market: expected a day from {first} to {last}, got {day}")]
    DayOutsideSeries { day: Day, first: Day, last: Day },
    /// A live market needs stocks, which are in the database.
    #[error("market: a live market is made of the stocks in the database")]
    LiveNeedsStocks,
    #[error("market: expected {field} from {least} to {most}, got {got}")]
    OutsideLimits { field: &'static str, got: i64, least: i64, most: i64 },
}

pub(crate) fn check(
    field: &'static str,
    got: u32,
    least: u32,
    most: u32,
) -> Result<(), MarketConfigError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    let (got, least, most) = (i64::from(got), i64::from(least), i64::from(most));
    Err(MarketConfigError::OutsideLimits { field, got, least, most })
}

/// Which days a market has is known when it is opened.
pub(crate) fn check_any_day(day: Day) -> Result<(), MarketConfigError> {
    let (first, last) = ANY_DAY;
    if (first..=last).contains(&day) {
        return Ok(());
    }
    Err(MarketConfigError::DayOutsideSeries { day, first, last })
}

pub(crate) fn check_day(day: Day, last: Day) -> Result<(), MarketConfigError> {
    if (FIRST_DAY..=last).contains(&day) {
        return Ok(());
    }
    Err(MarketConfigError::DayOutsideSeries { day, first: FIRST_DAY, last })
}

pub(crate) fn check_tick(tick: Option<Price>) -> Result<(), MarketConfigError> {
    let (least, most) = (1, i64::from(MILLION));
    match tick.map(|tick| tick.0).filter(|tick| !(least..=most).contains(tick)) {
        None => Ok(()),
        Some(got) => {
            Err(MarketConfigError::OutsideLimits { field: "tick, in 1/10,000,", got, least, most })
        }
    }
}

pub(crate) fn start_day<'de, D: Deserializer<'de>>(reader: D) -> Result<Day, D::Error> {
    let day = Day::deserialize(reader)?;
    check_any_day(day).map_err(D::Error::custom).map(|()| day)
}

pub(crate) fn fixed_day<'de, D: Deserializer<'de>>(reader: D) -> Result<Day, D::Error> {
    let day = Day::deserialize(reader)?;
    check_day(day, LAST_DAY).map_err(D::Error::custom).map(|()| day)
}

pub(crate) fn read_tick<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Price>, D::Error> {
    let text = String::deserialize(reader)?;
    if text.is_empty() {
        return Ok(None);
    }
    let tick = Some(Price::parse(&text).map_err(D::Error::custom)?);
    check_tick(tick).map_err(D::Error::custom).map(|()| tick)
}

#[expect(clippy::ref_option, reason = "serde hands the field in like this")]
pub(crate) fn write_tick<S: Serializer>(
    tick: &Option<Price>,
    writer: S,
) -> Result<S::Ok, S::Error> {
    writer.serialize_str(&tick.map(|tick| tick.to_string()).unwrap_or_default())
}
