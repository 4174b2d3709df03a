//! A snapshot of the price board: the quotes and the state of the market at one instant.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use domain::{BidAsk, Day, HOLDING_SESSIONS_MAX, QuoteSource, UnixMicros};

use crate::calendar::TradingHours;
use crate::quote::{Halt, Listing, StockQuote};
use crate::shared_clock::ClockReading;
use crate::source::MarketSource;
use crate::tick::TickRule;
use crate::timetable::MarketTime;

#[derive(Clone, Debug)]
pub struct PriceSnapshot {
    pub as_of: UnixMicros,
    pub market_day: Day,
    /// The day of the session before it.
    pub previous_day: Day,
    /// The days of the last sessions before that of `market_day`, the newest first.
    days_before: Box<[Day]>,
    pub present: MarketTime,
    pub source: QuoteSource,
    pub tick: TickRule,
    pub hours: TradingHours,
    pub clock: ClockReading,
    /// One for each of `PriceBoard::listings`, in their order; price 0 where there is none.
    pub quotes: Vec<StockQuote>,
    /// The halted stocks, ascending by position.
    halts: Vec<(usize, Halt)>,
    prices_json: Arc<str>,
    /// Computed on first use; most snapshots never need it.
    quotes_json: OnceLock<Arc<str>>,
    listings: Arc<[Listing]>,
}

impl PriceSnapshot {
    /// The prices of `now`, for the stocks of `source` in its order.
    pub(crate) fn of(source: &MarketSource, listings: &Arc<[Listing]>, now: UnixMicros) -> Self {
        let mut quotes = Vec::with_capacity(listings.len());
        source.prices(now, &mut quotes);
        Self {
            as_of: now.whole_second(),
            market_day: source.market_day(now),
            previous_day: source.previous_day(now),
            days_before: source.days_before(now, HOLDING_SESSIONS_MAX),
            present: source.present(now),
            source: source.source(),
            tick: source.tick(),
            hours: source.hours(now),
            clock: source.clock_at(now),
            halts: source.halts(now),
            prices_json: prices_json(listings, &quotes),
            quotes_json: OnceLock::new(),
            listings: Arc::clone(listings),
            quotes,
        }
    }

    /// The quote of the stock at this position of the listings; `None` while it has no price.
    pub fn quote(&self, position: usize) -> Option<StockQuote> {
        self.quotes.get(position).copied().filter(|quote| quote.price.0 > 0)
    }

    /// The prices that orders at this quote fill at, with the spread of the rules.
    pub fn sides(&self, quote: &StockQuote, spread_bps: i64) -> BidAsk {
        BidAsk::around(quote.price, self.tick.step(quote.price), spread_bps)
    }

    /// The day of the session so many sessions before that of the prices; `None` where the history
    /// does not go back as far, or more than the rules can name.
    pub(crate) fn day_before(&self, sessions: usize) -> Option<Day> {
        match sessions.checked_sub(1) {
            None => Some(self.market_day),
            Some(position) => self.days_before.get(position).copied(),
        }
    }

    pub fn halt(&self, position: usize) -> Option<Halt> {
        let found = self.halts.binary_search_by_key(&position, |(position, _)| *position).ok()?;
        self.halts.get(found).map(|(_, halt)| *halt)
    }

    /// The age at `now`, in whole seconds, of the oldest quote of a stock that can be traded; 0
    /// without one.
    pub(crate) fn oldest_quote_age_s(&self, now: UnixMicros) -> u32 {
        let can_be_traded = |position| !matches!(self.halt(position), Some(Halt::NotTraded));
        let priced = self.quotes.iter().enumerate().filter(|(_, quote)| quote.price.0 > 0);
        let traded = priced.filter(|(position, _)| can_be_traded(*position));
        let oldest = traded.map(|(_, quote)| quote.as_of.0).min().unwrap_or(now.0);
        u32::try_from((now.0 - oldest).max(0) / 1_000_000).unwrap_or(u32::MAX)
    }

    /// `[[stock_id, price in 1/10,000, change in 1/1,000,000 of a percent], …]`: all quotes as one
    /// parameter of a statement, which sorts by them. Stocks without a price are left out.
    pub fn quotes_json(&self) -> Arc<str> {
        let json = self.quotes_json.get_or_init(|| {
            json_rows(&self.listings, &self.quotes, |json, listing, quote| {
                let change = quote.change().percent(6);
                write!(json, "[{},{},{change}]", listing.stock_id, quote.price.0)
            })
        });
        Arc::clone(json)
    }

    /// `[[stock_id, price in 1/10,000], …]`: all prices as one parameter of a statement.
    /// Stocks without a price are left out.
    pub fn prices_json(&self) -> Arc<str> {
        Arc::clone(&self.prices_json)
    }
}

fn prices_json(listings: &[Listing], quotes: &[StockQuote]) -> Arc<str> {
    json_rows(listings, quotes, |json, listing, quote| {
        write!(json, "[{},{}]", listing.stock_id, quote.price.0)
    })
}

/// A JSON array with what `row` writes for each stock that has a price.
fn json_rows(
    listings: &[Listing],
    quotes: &[StockQuote],
    row: impl Fn(&mut String, &Listing, &StockQuote) -> std::fmt::Result,
) -> Arc<str> {
    let mut json = String::with_capacity(2 + listings.len() * 24);
    json.push('[');
    let priced = listings.iter().zip(quotes).filter(|(_, quote)| quote.price.0 > 0);
    for (position, (listing, quote)) in priced.enumerate() {
        if position > 0 {
            json.push(',');
        }
        // Writing to a `String` cannot fail.
        let _ = row(&mut json, listing, quote);
    }
    json.push(']');
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_of_no_stocks_are_an_empty_array() {
        assert_eq!(prices_json(&[], &[]).as_ref(), "[]");
    }
}
