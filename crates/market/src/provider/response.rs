//! Shared by the adapters: parses responses and validates quotes, bars, days and instants.

use std::collections::HashMap;

use domain::{DailyBar, Day, Price, Symbol, UnixMicros};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::http::ProviderResponse;
use super::number::JsonLiteral;
use super::{PriceHistory, ProviderError, ProviderQuote, QuotaWindow, SearchHit};
use crate::PriceUnit;

/// The time zone of the exchanges that the providers' free plans have.
const EXCHANGE_ZONE: &str = "America/New_York";
/// When their sessions end.
const CLOSE: Time = Time::constant(16, 0, 0, 0);
/// How far a provider's clock may be ahead, in seconds.
const AHEAD_S: i64 = 300;

/// The fields of a daily bar of most providers.
pub(super) const BAR: [&str; 5] = ["open", "high", "low", "close", "volume"];

pub(super) fn parse<T: DeserializeOwned>(body: &str) -> Result<T, ProviderError> {
    serde_json::from_str(body).map_err(|error| {
        // The position only: the body may contain a key.
        let (line, column) = (error.line(), error.column());
        tracing::debug!(line, column, "cannot parse a provider response");
        ProviderError::Malformed
    })
}

/// Parses one member of a JSON object.
pub(super) fn member<T: DeserializeOwned>(body: &str, name: &str) -> Result<T, ProviderError> {
    let members: HashMap<String, Box<RawValue>> = parse(body)?;
    parse(members.get(name).ok_or(ProviderError::Malformed)?.get())
}

/// The members of a JSON object that are strings or numbers. Other members read as missing.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct JsonFields(HashMap<String, JsonLiteral>);

impl JsonFields {
    /// The fields of a body, if it is a JSON object.
    pub(super) fn of(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.text()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn required(&self, name: &str) -> Result<String, ProviderError> {
        self.text(name).ok_or(ProviderError::Malformed)
    }

    pub(super) fn price(&self, name: &str) -> Option<Price> {
        self.0.get(name)?.price()
    }

    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.whole()
    }

    /// An instant in Unix seconds.
    pub(super) fn instant(&self, name: &str) -> Option<UnixMicros> {
        let seconds = self.whole(name).filter(|seconds| (0..=32_503_680_000).contains(seconds))?;
        Some(UnixMicros(0).plus_seconds(seconds))
    }

    /// A day, which a time may follow.
    pub(super) fn day(&self, name: &str) -> Option<Day> {
        self.get(name)?.get(..10).and_then(Day::parse)
    }

    /// A URL that a page may link to.
    pub(super) fn website(&self, name: &str) -> Option<String> {
        self.text(name).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
    }

    /// A daily bar, whose open, high, low, close and volume have these `names`; `None` if it is
    /// implausible.
    pub(super) fn bar(&self, day: Option<Day>, names: [&str; 5]) -> Option<DailyBar> {
        let [open, high, low, close, volume] = names;
        let (open, high, low) = (self.price(open), self.price(high), self.price(low));
        let (day, close) = day.zip(self.price(close))?;
        let is_sound = high
            .is_none_or(|high| close <= high && open.is_none_or(|open| open <= high))
            && low.is_none_or(|low| close >= low && open.is_none_or(|open| open >= low));
        let volume = self.whole(volume).filter(|volume| *volume >= 0);
        is_sound.then_some(DailyBar { day, open, high, low, close, volume })
    }

    /// Checks that they are of the requested stock.
    pub(super) fn check_symbol(&self, name: &str, requested: &Symbol) -> Result<(), ProviderError> {
        let returned = self.get(name).ok_or(ProviderError::Malformed)?;
        let is_same = returned.eq_ignore_ascii_case(requested.as_str());
        if is_same { Ok(()) } else { Err(ProviderError::Malformed) }
    }
}

/// The search hits; rows without a symbol or a name are left out. `Malformed` if all rows are.
pub(super) fn hits(
    rows: &[JsonFields],
    hit: impl FnMut(&JsonFields) -> Option<SearchHit>,
) -> Result<Vec<SearchHit>, ProviderError> {
    let hits: Vec<SearchHit> = rows.iter().filter_map(hit).collect();
    if hits.is_empty() && !rows.is_empty() { Err(ProviderError::Malformed) } else { Ok(hits) }
}

/// Maps a status to an error, if the body has none.
pub(super) fn check_status(reply: &ProviderResponse) -> Result<(), ProviderError> {
    let retry_after = reply.retry_after;
    match reply.status.as_u16() {
        // HTML comes from a proxy in between, not from the API.
        200..=299 | 403 | 404 if reply.is_html() => Err(ProviderError::Transient),
        200..=299 => Ok(()),
        401 => Err(ProviderError::AuthFailed),
        402 | 403 => Err(ProviderError::PlanRestricted { symbol_only: false }),
        404 => Err(ProviderError::NotFound),
        429 => Err(ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after }),
        // Redirects are not followed; other statuses are not expected.
        _ => Err(ProviderError::Transient),
    }
}

pub(super) struct RawQuote<'a> {
    pub(super) price: Option<Price>,
    pub(super) previous_close: Option<Price>,
    pub(super) made: Option<QuoteTime>,
    pub(super) volume: Option<i64>,
    /// The code of the currency or of a smaller unit of it, if it is stated.
    pub(super) currency: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum QuoteTime {
    /// To the second.
    At(UnixMicros),
    /// Some time on this day.
    On(Day),
}

/// Validates a quote: above zero, not from the future.
pub(super) fn quote(
    symbol: &Symbol,
    raw: &RawQuote<'_>,
    now: UnixMicros,
) -> Result<ProviderQuote, ProviderError> {
    let (price, made) = raw.price.zip(raw.made).ok_or(ProviderError::Malformed)?;
    let (as_of, market_day) = match made {
        QuoteTime::At(at) => (at, day_of(at)),
        QuoteTime::On(day) if day > day_of(now) => return Err(ProviderError::Malformed),
        // While its session lasts, the price is as old as the response.
        QuoteTime::On(day) => (close_of(day).min(now), day),
    };
    if as_of.0 <= 0 || as_of > now.plus_seconds(AHEAD_S) {
        return Err(ProviderError::Malformed);
    }
    let (previous_close, volume) = (raw.previous_close, raw.volume.filter(|volume| *volume >= 0));
    let (symbol, as_of, unit) = (symbol.clone(), as_of.min(now), unit(raw.currency)?);
    Ok(ProviderQuote { symbol, price, previous_close, as_of, market_day, volume, unit })
}

fn unit(code: Option<&str>) -> Result<Option<PriceUnit>, ProviderError> {
    code.map(|code| PriceUnit::parse(code).ok_or(ProviderError::Malformed)).transpose()
}

/// The bars from `from` to `to`, ascending, one a day. `NotFound` without bars.
pub(super) fn history(
    raw: impl Iterator<Item = Option<DailyBar>>,
    currency: Option<&str>,
    (from, to): (Day, Day),
    now: UnixMicros,
) -> Result<PriceHistory, ProviderError> {
    let unit = unit(currency)?;
    let mut bars = Vec::new();
    let (mut total, mut bad) = (0usize, 0usize);
    for bar in raw {
        total += 1;
        match bar {
            Some(bar) if bar.day <= day_of(now) => bars.push(bar),
            _ => bad += 1,
        }
    }
    if bad > 0 {
        tracing::debug!(total, bad, "implausible bars were left out");
    }
    // A few bad bars are tolerated; many are a wrong response.
    if bad > 0 && bad * 10 > total {
        return Err(ProviderError::Malformed);
    }
    bars.retain(|bar| (from..=to).contains(&bar.day));
    // Stable: the first bar of a day wins.
    bars.sort_by_key(|bar| bar.day);
    bars.dedup_by_key(|bar| bar.day);
    if bars.is_empty() { Err(ProviderError::NotFound) } else { Ok(PriceHistory { bars, unit }) }
}

/// The day in the time zone of the exchange.
fn day_of(at: UnixMicros) -> Day {
    let timestamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    let date = timestamp.to_zoned(zone()).date();
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    Day::from_civil(i32::from(date.year()), month, day).unwrap_or(at.day())
}

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
    fn hits_without_a_symbol_or_a_name_are_left_out() {
        let search = |body: &str| {
            let rows: Vec<JsonFields> = serde_json::from_str(body).unwrap();
            let hit = |fields: &JsonFields| {
                let (symbol, name) = (fields.text("symbol")?, fields.text("name")?);
                let (kind, region, exchange, currency) = (None, None, None, None);
                Some(SearchHit { symbol, name, kind, region, exchange, currency })
            };
            let symbols = |hits: Vec<SearchHit>| hits.into_iter().map(|hit| hit.symbol).collect();
            hits(&rows, hit).map(symbols)
        };
        let good = r#"{"symbol":"A","name":"Ada"}"#;
        for bad in [r#"{"symbol":"","name":"B"}"#, r#"{"symbol":"B"}"#, r#"{"name":"B"}"#] {
            assert_eq!(search(&format!("[{bad},{good}]")), Ok(vec!["A".to_owned()]), "{bad}");
            assert_eq!(search(&format!("[{bad}]")), Err(ProviderError::Malformed), "{bad}");
        }
        assert_eq!(search("[]"), Ok(Vec::<String>::new()));
    }

    #[test]
    fn a_bar_without_a_day_or_a_close_is_one_implausible_bar() {
        let (from, now) = (Day::parse("2026-11-02").unwrap(), UnixMicros(1_796_000_000_000_000));
        let read = |bad: &str| {
            let row = |day: i32| format!(r#"{{"date":"2026-11-{day:02}","close":"1.5"}}"#);
            let rows: Vec<String> = (2..22).map(row).chain([bad.to_owned()]).collect();
            let rows: Vec<JsonFields> =
                serde_json::from_str(&format!("[{}]", rows.join(","))).unwrap();
            let bars = rows.iter().map(|row| row.bar(row.day("date"), BAR));
            history(bars, None, (from, Day::parse("2026-11-30").unwrap()), now).unwrap().bars.len()
        };
        assert_eq!(read(r#"{"date":"2026-11-22","close":"1.5"}"#), 21);
        for bad in [r#"{"date":"2026-11-22"}"#, r#"{"close":"1.5"}"#, r#"{"date":"x","close":"1"}"#]
        {
            assert_eq!(read(bad), 20, "{bad}");
        }
    }

    #[test]
    fn a_day_without_a_time_ends_with_its_session() {
        let at = |text: &str| UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let day = Day::parse("2026-11-20").unwrap();
        assert_eq!(close_of(day), at("2026-11-20T21:00:00Z"));
        assert_eq!(close_of(Day::parse("2026-07-06").unwrap()), at("2026-07-06T20:00:00Z"));
        assert_eq!(day_of(at("2026-11-21T04:59:59Z")), day);
    }
}
