//! The quote at which an order is settled.

use crate::{BidAsk, Day, Price, QuoteSource, UnixMicros};

/// A price with its time and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The price of one share, above zero: the middle of bid and ask, which holdings are valued at.
    pub price: Price,
    /// The step of the market's prices at this one; 0 where they have none.
    pub tick: Price,
    /// When the price was made.
    pub as_of: UnixMicros,
    /// The market's calendar day (in a replay, a day in history).
    pub market_day: Day,
    /// Where it comes from.
    pub source: QuoteSource,
}

impl Quote {
    /// What orders fill at under rules with this spread.
    pub fn sides(&self, spread_bps: i64) -> BidAsk {
        BidAsk::around(self.price, self.tick, spread_bps)
    }
}
