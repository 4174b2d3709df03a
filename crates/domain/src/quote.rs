//! The quote at which an order is settled.

use crate::{BidAsk, Day, Price, QuoteSource, UnixMicros};

/// A price with its time and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The price of one share, above zero: the middle of bid and ask. Holdings are valued at it.
    pub price: Price,
    /// The tick at this price; 0 in a market without ticks.
    pub tick: Price,
    /// When the price was made.
    pub as_of: UnixMicros,
    /// The market's calendar day (in a replay, a day in history).
    pub market_day: Day,
    /// The source of the price.
    pub source: QuoteSource,
}

impl Quote {
    /// The prices that orders fill at, with the spread of the rules.
    pub fn sides(&self, spread_bps: i64) -> BidAsk {
        BidAsk::around(self.price, self.tick, spread_bps)
    }
}
