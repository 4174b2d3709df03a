//! The quote of a stock in the market, and what restricts trading at it.

use domain::{Price, Ratio, Symbol, UnixMicros};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub stock_id: i64,
    pub symbol: Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockQuote {
    /// The price of one share; 0 while the stock has none.
    pub price: Price,
    /// The close before the quote's market day.
    pub previous_close: Price,
    pub as_of: UnixMicros,
}

impl StockQuote {
    /// The change since the previous close.
    pub fn change(&self) -> Ratio {
        self.price.change_since(self.previous_close)
    }
}

/// What restricts trading of a stock that has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A later price is not confirmed yet.
    Unconfirmed,
    /// It has no close in this session: its price is that of the session before.
    NoClose,
    /// It has had no close for two sessions or more, and is not traded until it has one.
    NotTraded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_has_its_change_since_the_previous_close() {
        let (price, previous_close) = (Price(10_125), Price(10_000));
        let quote = StockQuote { price, previous_close, as_of: UnixMicros(0) };
        assert_eq!(quote.change().percent(2), 125);
    }
}
