//! The units in which providers quote stocks, and the conversion into the game's currency.

use std::collections::HashMap;

use domain::{Currency, DailyBar, Price, Symbol};

use crate::PriceUnit;
use crate::provider::{PriceHistory, ProviderError, ProviderQuote};

/// The units in which providers quote stocks.
#[derive(Clone, Debug, Default)]
pub struct StockUnits {
    currency: Currency,
    places: HashMap<Symbol, u32>,
}

impl StockUnits {
    /// The prices of the stocks in `places` are in units of 10^-n of the game's currency, because
    /// exchanges quote some in hundredths of it; those of all other stocks are in the currency.
    pub fn new(currency: Currency, places: Vec<(Symbol, u32)>) -> Self {
        Self { currency, places: places.into_iter().collect() }
    }

    /// The power of ten by which a stock's prices are divided: that of the stated unit, or else
    /// that of the stock.
    ///
    /// # Errors
    /// `NotFound` if the stated unit is of another currency.
    fn places(&self, symbol: &Symbol, stated: Option<&PriceUnit>) -> Result<u32, ProviderError> {
        let Some(unit) = stated else {
            return Ok(self.places.get(symbol).copied().unwrap_or_default());
        };
        let expected = self.currency.code();
        if unit.currency == expected {
            return Ok(unit.places);
        }
        tracing::warn!(%symbol, currency = unit.currency, expected, "prices in another currency");
        Err(ProviderError::NotFound)
    }

    /// A quote in the game's currency.
    ///
    /// # Errors
    /// `NotFound` if it is stated in another currency.
    pub(super) fn quote(&self, quote: ProviderQuote) -> Result<ProviderQuote, ProviderError> {
        let places = self.places(&quote.symbol, quote.unit.as_ref())?;
        let previous_close = quote.previous_close.map(|close| divided(close, places));
        Ok(ProviderQuote { price: divided(quote.price, places), previous_close, ..quote })
    }

    /// The bars of a history in the game's currency.
    ///
    /// # Errors
    /// `NotFound` if it is stated in another currency.
    pub(super) fn bars(
        &self,
        symbol: &Symbol,
        history: &PriceHistory,
    ) -> Result<Vec<DailyBar>, ProviderError> {
        let places = self.places(symbol, history.unit.as_ref())?;
        let price = |price: Price| divided(price, places);
        let bar = |bar: &DailyBar| DailyBar {
            open: bar.open.map(price),
            high: bar.high.map(price),
            low: bar.low.map(price),
            close: price(bar.close),
            ..*bar
        };
        Ok(history.bars.iter().map(bar).collect())
    }
}

/// A price divided by 10^`places`, rounded half up and above zero.
fn divided(price: Price, places: u32) -> Price {
    let power = 10i64.saturating_pow(places);
    Price((price.0.saturating_add(power / 2) / power).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_in_pence_is_a_price_in_pounds() {
        assert_eq!(divided(Price(725_000), 2), Price(7_250));
        assert_eq!(divided(Price(725_050), 2), Price(7_251));
        assert_eq!(divided(Price(3), 2), Price(1));
    }
}
