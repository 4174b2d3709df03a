//! The live market: the last good price of each stock and the exchange calendar. The refresh job of
//! every node feeds it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Day, Price, StockInfo, UnixMicros};

use crate::calendar::{Calendar, TradingHours};
use crate::config::LiveConfig;
use crate::quote::{Halt, StockQuote};
use crate::timetable::MarketTime;

/// How long after a session's end its last prices may arrive, in seconds.
pub const CLOSE_GRACE_S: i64 = 900;

/// The last good prices of a live market. Shared between threads behind an `Arc`.
#[derive(Debug)]
pub struct LiveMarket {
    calendar: Calendar,
    around_the_clock: bool,
    /// The age above which a price is stale.
    stale_after_s: i64,
    stocks: Vec<StockInfo>,
    /// One for each stock; price 0 without a price.
    quotes: ArcSwap<Vec<StockQuote>>,
    /// The positions of stocks with an unconfirmed price.
    in_doubt: ArcSwap<BTreeSet<usize>>,
}

impl LiveMarket {
    /// A market of these stocks without prices.
    pub(crate) fn new(calendar: Calendar, config: &LiveConfig, stocks: Vec<StockInfo>) -> Self {
        let none = StockQuote { price: Price(0), previous_close: Price(0), as_of: UnixMicros(0) };
        let quotes = ArcSwap::from_pointee(vec![none; stocks.len()]);
        Self {
            calendar,
            around_the_clock: config.around_the_clock,
            // Two refreshes in a row without a newer price.
            stale_after_s: 2 * i64::from(config.refresh_interval_s),
            stocks,
            quotes,
            in_doubt: ArcSwap::default(),
        }
    }

    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Stores quotes by the position of their stock, unless the stored quote is newer. Idempotent.
    /// Returns whether anything changed.
    pub fn feed(&self, quotes: &[(usize, StockQuote)]) -> bool {
        let is_news = |known: &[StockQuote], (position, quote): &(usize, StockQuote)| {
            known.get(*position).is_some_and(|old| quote.as_of >= old.as_of && old != quote)
        };
        // Mostly nothing has changed: then nothing is copied.
        if !quotes.iter().any(|quote| is_news(&self.quotes.load(), quote)) {
            return false;
        }
        self.quotes.rcu(|known| {
            let mut next = Vec::clone(known);
            for (position, quote) in quotes {
                if is_news(&next, &(*position, *quote)) {
                    next[*position] = *quote;
                }
            }
            Arc::new(next)
        });
        true
    }

    /// Sets which stocks have an unconfirmed price, by position. Returns whether anything changed.
    pub fn set_in_doubt(&self, stocks: &[(usize, bool)]) -> bool {
        let is_news = |known: &BTreeSet<usize>, (at, in_doubt): &(usize, bool)| {
            known.contains(at) != *in_doubt
        };
        if !stocks.iter().any(|stock| is_news(&self.in_doubt.load(), stock)) {
            return false;
        }
        self.in_doubt.rcu(|known| {
            let mut next = BTreeSet::clone(known);
            for (position, is_in_doubt) in stocks {
                if *is_in_doubt {
                    next.insert(*position)
                } else {
                    next.remove(position)
                };
            }
            Arc::new(next)
        });
        true
    }

    pub(crate) fn halts(&self) -> Vec<(usize, Halt)> {
        self.in_doubt.load().iter().map(|position| (*position, Halt::Unconfirmed)).collect()
    }

    pub(crate) fn stocks(&self) -> &[StockInfo] {
        &self.stocks
    }

    /// Replaces `quotes` by the last good prices.
    pub(crate) fn quotes(&self, quotes: &mut Vec<StockQuote>) {
        quotes.clear();
        quotes.extend_from_slice(&self.quotes.load());
    }

    pub(crate) fn hours(&self, now: UnixMicros) -> TradingHours {
        if self.around_the_clock || self.calendar.running(now).is_some() {
            return TradingHours::Open;
        }
        TradingHours::Closed { opens_at: self.calendar.next_opening(now) }
    }

    /// Prices before this instant are stale. While the exchange is closed, the last prices of its
    /// last session are fresh.
    pub(crate) fn fresh_since(&self, now: UnixMicros) -> UnixMicros {
        let since = now.plus_seconds(-self.stale_after_s);
        if self.calendar.running(now).is_some() {
            return since;
        }
        let closed = self.calendar.closed_by(now).checked_sub(1);
        let last = closed.map(|session| self.calendar.sessions()[session].closes_at);
        last.map_or(since, |closed_at| since.min(closed_at.plus_seconds(-self.stale_after_s)))
    }

    /// From the opening of a session until its last prices have arrived, its day is current; at all
    /// other times the prices are those of the last close.
    pub(crate) fn present(&self, now: UnixMicros) -> MarketTime {
        let sessions = self.calendar.sessions();
        let finished = self.calendar.closed_by(now.plus_seconds(-CLOSE_GRACE_S));
        let Some(next) = sessions.get(finished) else {
            let session = sessions.len().saturating_sub(1);
            return MarketTime { session, step: 0, ended: true, pass: 0 };
        };
        let running = (now.seconds() - next.opens_at.seconds()).max(0);
        let running = if now < next.opens_at { 0 } else { running.max(1) };
        let step = u32::try_from(running).unwrap_or(u32::MAX);
        MarketTime { session: finished, step, ended: false, pass: 0 }
    }

    pub(crate) fn day(&self, session: usize) -> Day {
        self.calendar.sessions()[session].day
    }

    /// When the last prices of a session have arrived.
    pub(crate) fn closed_at(&self, session: usize) -> UnixMicros {
        self.calendar.sessions()[session].closes_at.plus_seconds(CLOSE_GRACE_S)
    }

    /// The next session that ends after `now`, and its end.
    pub(crate) fn next_close(&self, now: UnixMicros) -> Option<(usize, UnixMicros)> {
        let session = self.calendar.closed_by(now);
        Some((session, self.calendar.sessions().get(session)?.closes_at))
    }

    /// The present prices as the closes of the newest finished session; `None` for an older one,
    /// and while the next one runs. A stock without a price has 0.
    pub(crate) fn closes(&self, now: UnixMicros, session: usize) -> Option<Vec<Price>> {
        let present = self.present(now);
        if session + 1 != present.finished_sessions() || !present.at_close() {
            return None;
        }
        Some(self.quotes.load().iter().map(|quote| quote.price).collect())
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> String {
        let hours = if self.around_the_clock { ", around the clock" } else { "" };
        format!("live: {} stocks by the calendar of {}{hours}", self.stocks.len(), {
            self.calendar.name()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Symbol;

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn market(around_the_clock: bool) -> LiveMarket {
        let stock = |symbol: &str| StockInfo {
            symbol: Symbol::parse(symbol).unwrap(),
            name: symbol.to_owned(),
            category: "Tech".to_owned(),
            description: String::new(),
            kid_friendly_description: String::new(),
            fun_fact: None,
        };
        let stocks = vec![stock("ONE"), stock("TWO")];
        let config = LiveConfig { around_the_clock, ..LiveConfig::default() };
        LiveMarket::new(Calendar::embedded("NYSE").unwrap(), &config, stocks)
    }

    fn quote(price: i64, as_of: &str) -> StockQuote {
        StockQuote { price: Price(price), previous_close: Price(price), as_of: at(as_of) }
    }

    fn prices(market: &LiveMarket) -> Vec<i64> {
        let mut quotes = Vec::new();
        market.quotes(&mut quotes);
        quotes.iter().map(|quote| quote.price.0).collect()
    }

    #[test]
    fn the_newest_price_wins_in_any_order_of_arrival() {
        let market = market(false);
        assert_eq!(prices(&market), [0, 0], "nothing is known yet");
        assert!(market.feed(&[(1, quote(500, "2026-11-27T15:00:00Z"))]));
        assert!(!market.feed(&[(1, quote(500, "2026-11-27T15:00:00Z"))]), "the same again");
        assert!(!market.feed(&[(1, quote(400, "2026-11-27T14:59:59Z"))]), "an older one");
        assert!(!market.feed(&[(2, quote(400, "2026-11-27T15:00:01Z"))]), "no such stock");
        assert!(
            market.feed(&[
                (0, quote(7, "2026-11-27T15:00:01Z")),
                (1, quote(9, "2026-11-25T15:00:00Z")),
            ])
        );
        assert_eq!(prices(&market), [7, 500]);
    }

    #[test]
    fn orders_are_taken_while_the_exchange_trades_or_around_the_clock() {
        let thanksgiving = at("2026-11-26T15:00:00Z");
        let opens_at = Some(at("2026-11-27T14:30:00Z"));
        assert_eq!(market(false).hours(thanksgiving), TradingHours::Closed { opens_at });
        assert_eq!(market(true).hours(thanksgiving), TradingHours::Open);
        assert_eq!(market(false).hours(at("2026-11-27T14:30:00Z")), TradingHours::Open);
        let early = TradingHours::Closed { opens_at: Some(at("2026-11-30T14:30:00Z")) };
        assert_eq!(market(false).hours(at("2026-11-27T18:00:00Z")), early);
    }

    #[test]
    fn a_price_is_fresh_for_two_refreshes_and_over_a_closed_exchange() {
        let since = |text| market(false).fresh_since(at(text));
        assert_eq!(since("2026-11-25T15:00:00Z"), at("2026-11-25T14:50:00Z"));
        assert_eq!(since("2026-11-25T21:00:00Z"), at("2026-11-25T20:50:00Z"));
        assert_eq!(since("2026-11-27T14:29:59Z"), at("2026-11-25T20:50:00Z"));
    }

    #[test]
    fn a_close_is_public_when_its_last_prices_are_in() {
        let market = market(false);
        let day = |text| market.day(market.present(at(text)).priced_session()).to_string();
        assert_eq!(day("2026-11-25T14:29:59Z"), "2026-11-24");
        assert_eq!(day("2026-11-25T14:30:00Z"), "2026-11-25");
        let finished = |text| market.present(at(text)).finished_sessions();
        let grace = finished("2026-11-25T21:14:59Z");
        assert_eq!(finished("2026-11-25T21:15:00Z"), grace + 1);
        assert_eq!(day("2026-11-25T21:14:59Z"), "2026-11-25");
        assert_eq!(day("2026-11-26T15:00:00Z"), "2026-11-25", "Thanksgiving");
        assert!(market.present(at("2030-01-01T00:00:00Z")).ended);
    }

    #[test]
    fn closes_are_returned_between_two_sessions_only() {
        let market = market(false);
        market.feed(&[(0, quote(7, "2026-11-25T20:59:00Z"))]);
        let newest = |text| market.present(at(text)).finished_sessions() - 1;
        let evening = "2026-11-25T22:00:00Z";
        let session = newest(evening);
        assert_eq!(market.closes(at(evening), session), Some(vec![Price(7), Price(0)]));
        assert_eq!(market.closes(at(evening), session - 1), None, "they are no longer stored");
        let running = "2026-11-27T14:30:01Z";
        assert_eq!(newest(running), session);
        assert_eq!(market.closes(at(running), session), None, "the prices are of another day");
    }
}
