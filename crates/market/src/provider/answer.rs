//! What all adapters do with an answer: parse it, check that a quote can be believed, read days and
//! instants. How each provider says no stands with the provider.

use std::collections::HashMap;

use domain::{Day, Price, Symbol, UnixMicros};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::http::Reply;
use super::number::Literal;
use super::{DailyBar, History, ProviderQuote, Refusal, Window};
use crate::PriceUnit;

/// The time zone of the exchanges that the providers' free plans have.
const EXCHANGE_ZONE: &str = "America/New_York";
/// When their sessions end.
const CLOSE: Time = Time::constant(16, 0, 0, 0);
/// How far a provider's clock may be ahead of ours, in seconds.
const AHEAD_S: i64 = 300;

/// The members of an answer that is an object.
pub(super) type Object = HashMap<String, Box<RawValue>>;

/// The answer as what it should be.
pub(super) fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Refusal> {
    serde_json::from_str(body).map_err(|error| {
        // Where, not what: the answer may hold a key.
        let (line, column) = (error.line(), error.column());
        tracing::debug!(line, column, "a provider's answer cannot be read");
        Refusal::Malformed
    })
}

/// The answer as an object, if it is one.
pub(super) fn object(body: &str) -> Option<Object> {
    serde_json::from_str(body).ok()
}

/// The text of a member that is a string.
pub(super) fn text(object: &Object, key: &str) -> Option<String> {
    serde_json::from_str(object.get(key)?.get()).ok()
}

/// What a status alone says, once the body has said nothing.
pub(super) fn refuse_status(reply: &Reply) -> Result<(), Refusal> {
    let retry_after = reply.retry_after;
    match reply.status.as_u16() {
        // A page for people is from somebody in between, who knows neither our plan nor the stock.
        200..=299 | 403 | 404 if reply.is_page() => Err(Refusal::Transient),
        200..=299 => Ok(()),
        401 => Err(Refusal::AuthFailed),
        402 | 403 => Err(Refusal::PlanRestricted { symbol_only: false }),
        404 => Err(Refusal::NotFound),
        429 => Err(Refusal::RateLimited { window: Window::Minute, retry_after }),
        // Redirects are not followed, and nothing else is expected either.
        _ => Err(Refusal::Transient),
    }
}

/// What a quote was told with.
pub(super) struct Told<'a> {
    /// The symbol it is said to be of, where that is said.
    pub(super) symbol: Option<&'a str>,
    pub(super) price: &'a Literal,
    pub(super) previous_close: Option<Price>,
    pub(super) made: Made,
    pub(super) volume: Option<i64>,
    /// The code of the currency or of a smaller unit of it, if it is stated.
    pub(super) currency: Option<String>,
}

/// When a price was made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    /// To the second.
    At(UnixMicros),
    /// Some time on this day.
    On(Day),
}

/// A quote that can be believed by itself: of this stock, above zero, not from the future.
pub(super) fn quote(
    asked: &Symbol,
    told: &Told<'_>,
    now: UnixMicros,
) -> Result<ProviderQuote, Refusal> {
    if told.symbol.is_some_and(|symbol| !symbol.trim().eq_ignore_ascii_case(asked.as_str())) {
        return Err(Refusal::Malformed);
    }
    let price = told.price.price().ok_or(Refusal::Malformed)?;
    let (as_of, market_day) = match told.made {
        Made::At(at) => (at, day_of(at)),
        Made::On(day) if day > day_of(now) => return Err(Refusal::Malformed),
        // While its session lasts, the price is as old as the answer.
        Made::On(day) => (close_of(day).min(now), day),
    };
    if as_of.0 <= 0 || as_of > now.plus_seconds(AHEAD_S) {
        return Err(Refusal::Malformed);
    }
    let (previous_close, volume) = (told.previous_close, told.volume.filter(|volume| *volume >= 0));
    let symbol = asked.clone();
    let (as_of, unit) = (as_of.min(now), unit(told.currency.as_deref())?);
    Ok(ProviderQuote { symbol, price, previous_close, as_of, market_day, volume, unit })
}

/// The unit that a code names.
///
/// # Errors
/// `Malformed` if the code names none.
fn unit(code: Option<&str>) -> Result<Option<PriceUnit>, Refusal> {
    code.map(|code| PriceUnit::parse(code).ok_or(Refusal::Malformed)).transpose()
}

/// A bar as it was told.
pub(super) struct ToldBar<'a> {
    pub(super) day: &'a str,
    pub(super) open: &'a Literal,
    pub(super) high: &'a Literal,
    pub(super) low: &'a Literal,
    pub(super) close: &'a Literal,
    pub(super) volume: &'a Literal,
}

impl ToldBar<'_> {
    /// The bar; `None` where it cannot be believed.
    pub(super) fn read(&self) -> Option<DailyBar> {
        let day = self.day.get(..10).and_then(Day::parse)?;
        let (open, high, low) = (self.open.price(), self.high.price(), self.low.price());
        let close = self.close.price()?;
        let is_sound = high
            .is_none_or(|high| close <= high && open.is_none_or(|open| open <= high))
            && low.is_none_or(|low| close >= low && open.is_none_or(|open| open >= low));
        let volume = self.volume.whole().filter(|volume| *volume >= 0);
        is_sound.then_some(DailyBar { day, open, high, low, close, volume })
    }
}

/// Bars from `from` to `to`, ascending, one a day, in the unit of this currency code, if it is
/// stated. Nothing at all is as good as an unknown stock.
pub(super) fn history(
    told: impl Iterator<Item = Option<DailyBar>>,
    currency: Option<&str>,
    (from, to): (Day, Day),
    now: UnixMicros,
) -> Result<History, Refusal> {
    let unit = unit(currency)?;
    let mut bars = Vec::new();
    let (mut total, mut bad) = (0usize, 0usize);
    for bar in told {
        total += 1;
        match bar {
            Some(bar) if bar.day <= day_of(now) => bars.push(bar),
            _ => bad += 1,
        }
    }
    if bad > 0 {
        tracing::debug!(total, bad, "bars that cannot be believed were left out");
    }
    // A bar that is wrong is an accident, many are another answer than was asked for.
    if bad > 0 && bad * 10 > total {
        return Err(Refusal::Malformed);
    }
    bars.retain(|bar| (from..=to).contains(&bar.day));
    // Stable: of a day that is told twice the first counts.
    bars.sort_by_key(|bar| bar.day);
    bars.dedup_by_key(|bar| bar.day);
    if bars.is_empty() { Err(Refusal::NotFound) } else { Ok(History { bars, unit }) }
}

/// An instant told as seconds since 1970.
pub(super) fn seconds(literal: &Literal) -> Option<UnixMicros> {
    let seconds = literal.whole().filter(|seconds| (0..=32_503_680_000).contains(seconds))?;
    Some(UnixMicros(0).plus_seconds(seconds))
}

/// A web address that a page may lead to.
pub(super) fn website(text: Option<String>) -> Option<String> {
    text.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

/// The day on the clocks of the exchange.
fn day_of(at: UnixMicros) -> Day {
    let timestamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    let date = timestamp.to_zoned(zone()).date();
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    Day::from_civil(i32::from(date.year()), month, day).unwrap_or(at.day())
}

/// The end of a day's session.
fn close_of(day: Day) -> UnixMicros {
    let (year, month, of_month) = day.civil();
    let date = i16::try_from(year).ok().zip(i8::try_from(month).ok());
    let date = date.zip(i8::try_from(of_month).ok());
    let date = date.and_then(|((year, month), day)| jiff::civil::Date::new(year, month, day).ok());
    let close = date.and_then(|date| zone().to_timestamp(DateTime::from_parts(date, CLOSE)).ok());
    close.map_or(day.start(), |close| UnixMicros(close.as_microsecond()))
}

fn zone() -> TimeZone {
    TimeZone::get(EXCHANGE_ZONE).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_a_time_ends_with_its_session() {
        let at = |text: &str| UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let day = Day::parse("2026-11-20").unwrap();
        assert_eq!(close_of(day), at("2026-11-20T21:00:00Z"));
        assert_eq!(close_of(Day::parse("2026-07-06").unwrap()), at("2026-07-06T20:00:00Z"));
        assert_eq!(day_of(at("2026-11-21T04:59:59Z")), day);
    }
}
