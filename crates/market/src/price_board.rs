//! The price board: the last published price of every stock. Readers take no lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Quote, QuoteSource, Rejection, Rules, Symbol, UnixMicros};
use store::{FillsAt, PendingOrder, Valuation};
use thiserror::Error;
use tokio::sync::watch;

use crate::calendar::TradingHours;
use crate::live::CLOSE_GRACE_S;
use crate::price_snapshot::PriceSnapshot;
use crate::quote::{Halt, Listing, StockQuote};
use crate::shared_clock::SharedClock;
use crate::source::MarketSource;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PriceBoardError {
    /// The listings and the source do not have the same number of stocks.
    #[error("price board: the market has {source_stocks} stocks, the listings have {listings}")]
    OtherNumber { source_stocks: usize, listings: usize },
    /// The source has another stock at the position of a listing.
    #[error("price board: expected the listing of {expected} at position {position}, got {got}")]
    OtherStock { position: usize, expected: Symbol, got: Symbol },
    #[error("price board: stock id {0} is listed twice")]
    ListedTwice(i64),
}

/// The last published prices. Shared between threads behind an `Arc`.
#[derive(Debug)]
pub struct PriceBoard {
    listings: Arc<[Listing]>,
    by_id: HashMap<i64, usize>,
    by_symbol: HashMap<Symbol, usize>,
    current: ArcSwap<PriceSnapshot>,
    published: watch::Sender<UnixMicros>,
    clock: Arc<SharedClock>,
}

impl PriceBoard {
    /// A board with the prices of `now`, for the stocks of `source` in its order.
    pub fn new(
        source: &MarketSource,
        listings: Vec<Listing>,
        now: UnixMicros,
    ) -> Result<Self, PriceBoardError> {
        check_order(source, &listings)?;
        let mut by_id = HashMap::with_capacity(listings.len());
        let mut by_symbol = HashMap::with_capacity(listings.len());
        for (position, listing) in listings.iter().enumerate() {
            if by_id.insert(listing.stock_id, position).is_some() {
                return Err(PriceBoardError::ListedTwice(listing.stock_id));
            }
            by_symbol.insert(listing.symbol.clone(), position);
        }
        let listings: Arc<[Listing]> = listings.into();
        let first = PriceSnapshot::of(source, &listings, now);
        let (published, _) = watch::channel(first.as_of);
        let current = ArcSwap::from_pointee(first);
        let clock = Arc::clone(source.clock());
        Ok(Self { listings, by_id, by_symbol, current, published, clock })
    }

    /// Replaces the prices by those of `now`.
    pub fn publish(&self, source: &MarketSource, now: UnixMicros) {
        let next = PriceSnapshot::of(source, &self.listings, now);
        let as_of = next.as_of;
        self.current.store(Arc::new(next));
        // Sent afterwards, so that subscribers find these prices or newer ones.
        self.published.send_replace(as_of);
    }

    /// Notifies subscribers of each publication, with its instant.
    pub fn watch(&self) -> watch::Receiver<UnixMicros> {
        self.published.subscribe()
    }

    /// All stocks, in the order of a snapshot's quotes.
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// The last publication. Read related values from one snapshot.
    pub fn snapshot(&self) -> Arc<PriceSnapshot> {
        self.current.load_full()
    }

    /// The last quote of a stock, whether it can be traded at or not.
    pub fn quote(&self, stock_id: i64) -> Option<Quote> {
        let position = self.position(stock_id)?;
        let current = self.current.load();
        let StockQuote { price, as_of, .. } = current.quote(position)?;
        let (market_day, source) = (current.market_day, current.source);
        Some(Quote { price, tick: current.tick.step(price), as_of, market_day, source })
    }

    /// The quote that a pending order fills at: the saved close of its session, or the present
    /// quote if it was made after the order was accepted and the clock runs.
    pub fn quote_for_pending(
        &self,
        order: &PendingOrder,
        now: UnixMicros,
    ) -> Result<Quote, Rejection> {
        match order.at {
            FillsAt::Close(market_day) => {
                let price = order.close.ok_or(Rejection::NoQuote)?;
                let (tick, source) = {
                    let current = self.current.load();
                    (current.tick.step(price), current.source)
                };
                let mut as_of = order.fills_at;
                if source == QuoteSource::Live {
                    // The saved close is the last quote, which may be in doubt, or old because no
                    // provider answered.
                    let last = self.quote_unless_halted(order.order.stock_id)?;
                    if last.as_of < order.fills_at.plus_seconds(-CLOSE_GRACE_S) {
                        return Err(Rejection::StaleQuote);
                    }
                    as_of = order.fills_at.plus_seconds(CLOSE_GRACE_S);
                }
                Ok(Quote { price, tick, as_of, market_day, source })
            }
            FillsAt::QuoteAfter(after) => {
                self.check_clock(now)?;
                let quote = self.quote_unless_halted(order.order.stock_id)?;
                if quote.as_of > after { Ok(quote) } else { Err(Rejection::StaleQuote) }
            }
        }
    }

    /// The quote that an order of this stock is settled at now. The rules limit its age.
    pub fn quote_for_order(&self, stock_id: i64, now: UnixMicros) -> Result<Quote, Rejection> {
        self.check_clock(now)?;
        if matches!(self.hours(), TradingHours::Closed { .. }) {
            return Err(Rejection::MarketClosed);
        }
        self.quote_unless_halted(stock_id)
    }

    /// Whether orders may be settled at `now` by the game's clock.
    pub fn check_clock(&self, now: UnixMicros) -> Result<(), Rejection> {
        if !self.clock.is_known(now) {
            return Err(Rejection::ClockUnknown);
        }
        if self.clock.is_paused(now) {
            return Err(Rejection::GamePaused);
        }
        Ok(())
    }

    fn quote_unless_halted(&self, stock_id: i64) -> Result<Quote, Rejection> {
        let halt = self.position(stock_id).and_then(|at| self.current.load().halt(at));
        match halt {
            Some(Halt::Unconfirmed) => Err(Rejection::PriceInDoubt),
            Some(Halt::NotTraded) => Err(Rejection::NoQuote),
            Some(Halt::NoClose) | None => self.quote(stock_id).ok_or(Rejection::NoQuote),
        }
    }

    pub fn hours(&self) -> TradingHours {
        self.current.load().hours
    }

    /// The position of a stock in [`Self::listings`] and in a snapshot's quotes.
    pub fn position(&self, stock_id: i64) -> Option<usize> {
        self.by_id.get(&stock_id).copied()
    }

    pub fn find(&self, symbol: &Symbol) -> Option<&Listing> {
        self.listings.get(*self.by_symbol.get(symbol)?)
    }

    /// The valuation of holdings at the present prices, with what these rules count.
    pub fn valuation(&self, rules: &Rules) -> Valuation {
        let current = self.current.load();
        let sessions = usize::try_from(rules.holding_sessions_min).unwrap_or(usize::MAX);
        Valuation {
            prices_json: current.prices_json(),
            market_day: current.market_day,
            held_before: current.previous_day,
            sellable_session: current.day_before(sessions),
            holding_value_min: rules.holding_value_min(),
            minor_unit: rules.minor_unit,
        }
    }

    pub fn prices_json(&self) -> Arc<str> {
        self.current.load().prices_json()
    }
}

fn check_order(source: &MarketSource, listings: &[Listing]) -> Result<(), PriceBoardError> {
    let stocks = source.stocks();
    if stocks.len() != listings.len() {
        let (source_stocks, listings) = (stocks.len(), listings.len());
        return Err(PriceBoardError::OtherNumber { source_stocks, listings });
    }
    let pairs = stocks.into_iter().map(|stock| stock.symbol).zip(listings);
    for (position, (expected, listing)) in pairs.enumerate() {
        if expected != listing.symbol {
            let got = listing.symbol.clone();
            return Err(PriceBoardError::OtherStock { position, expected, got });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MarketConfig;
    use domain::Price;

    const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

    fn source() -> MarketSource {
        MarketSource::new(&MarketConfig::default(), START).unwrap()
    }

    fn listings(source: &MarketSource) -> Vec<Listing> {
        let listing = |(stock_id, symbol)| Listing { stock_id, symbol };
        let symbols = source.stocks().into_iter().map(|stock| stock.symbol);
        (1001..).zip(symbols).map(listing).collect()
    }

    #[test]
    fn a_new_board_has_the_prices_of_its_first_instant() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        let quote = board.quote(1001).unwrap();
        assert_eq!((quote.price, quote.as_of), (Price(9_610), START));
        assert_eq!(quote.market_day.to_string(), "2005-01-03");
        assert_eq!((quote.source, quote.tick), (QuoteSource::Replay, Price(1)));
        assert_eq!(board.quote(1), None);
        let microsoft = board.find(&Symbol::parse("msft").unwrap()).unwrap();
        assert_eq!(board.position(microsoft.stock_id), Some(12));
        assert_eq!(board.find(&Symbol::parse("NONE").unwrap()), None);
    }

    #[test]
    fn publishing_replaces_prices_and_leaves_taken_snapshots_alone() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        let taken = board.snapshot();
        board.publish(&source, UnixMicros(START.0 + 90_500_000));
        assert_eq!(taken.as_of, START);
        assert_eq!(board.snapshot().as_of, START.plus_seconds(90));
        assert_eq!(board.quote(1001).unwrap().as_of, START.plus_seconds(90));
        assert_ne!(board.snapshot().quotes, taken.quotes);
        assert_eq!(board.snapshot().present.step, 30);
    }

    #[test]
    fn shares_may_be_sold_that_were_bought_as_many_finished_sessions_ago_as_the_rules_say() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        let now = UnixMicros(START.0 + 90_500_000);
        board.publish(&source, now);
        let current = board.snapshot();
        assert_eq!(current.day_before(0), Some(current.market_day));
        assert_eq!(current.day_before(1), Some(current.previous_day));
        let finished = source.finished_sessions(now);
        for sessions in [1, 2, 60] {
            let expected = source.session_day(now, finished - sessions);
            assert_eq!(current.day_before(sessions), expected);
            assert!(expected.is_some());
        }
        assert_eq!(current.day_before(61), None);
    }

    #[tokio::test]
    async fn subscribers_are_notified_after_the_prices_are_visible() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        let mut watched = board.watch();
        assert!(!watched.has_changed().unwrap(), "what was there before is no news");
        let later = START.plus_seconds(7);
        board.publish(&source, later);
        watched.changed().await.unwrap();
        assert_eq!((*watched.borrow(), board.snapshot().as_of), (later, later));
    }

    #[test]
    fn the_prices_are_one_json_array_of_pairs() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        let json = board.prices_json();
        assert!(json.starts_with("[[1001,9610],[1002,"), "{json}");
        assert!(json.ends_with("]]"), "{json}");
        assert_eq!(json.matches('[').count(), 21);
    }

    #[test]
    fn the_quotes_are_one_json_array_made_once_for_a_snapshot() {
        let source = source();
        let board = PriceBoard::new(&source, listings(&source), START).unwrap();
        board.publish(&source, UnixMicros(START.0 + 90_500_000));
        let snapshot = board.snapshot();
        let (json, first) = (snapshot.quotes_json(), snapshot.quotes[0]);
        let change = first.change().percent(6);
        let expected = format!("[[1001,{},{change}],[1002,", first.price.0);
        assert!(json.starts_with(&expected), "{json}");
        assert_eq!((json.matches('[').count(), json.matches(',').count()), (21, 59));
        assert!(Arc::ptr_eq(&json, &board.snapshot().quotes_json()));
    }

    #[test]
    fn listings_in_another_order_are_refused() {
        let source = source();
        let board = |listings| PriceBoard::new(&source, listings, START).err();
        let mut swapped = listings(&source);
        swapped.swap(3, 4);
        assert!(matches!(board(swapped), Some(PriceBoardError::OtherStock { position: 3, .. })));
        let mut short = listings(&source);
        short.pop();
        assert!(matches!(board(short), Some(PriceBoardError::OtherNumber { listings: 19, .. })));
        let mut twice = listings(&source);
        twice[5].stock_id = 1001;
        assert_eq!(board(twice), Some(PriceBoardError::ListedTwice(1001)));
    }
}
