//! Doubt of prices that jump: what differs much from the last good price needs a second source that
//! confirms it. No provider is queried here. What each provider reported is known to this node
//! alone and lost when it ends; that a stock's price is in doubt is stored with its quote.

use domain::{Price, Symbol, UnixMicros};
use moka::sync::Cache;

use crate::provider::{ProviderKind, ProviderQuote};

/// After how long the same provider may confirm what it told, in seconds.
pub const CONFIRM_S: i64 = 60;
/// Of how many stocks a doubted price is remembered.
const DOUBTS_MAX: u64 = 10_000;

/// A price and who told it.
pub(super) type Told = (ProviderKind, ProviderQuote);

/// What was told and is not believed yet.
pub(super) struct Doubts {
    jump_percent_max: u32,
    kept: Cache<Symbol, Doubt>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    provider: ProviderKind,
    price: Price,
    since: UnixMicros,
}

impl Doubts {
    pub(super) fn new(jump_percent_max: u32) -> Self {
        Self { jump_percent_max, kept: Cache::new(DOUBTS_MAX) }
    }

    /// Whether a price differs from a known one by no more than a jump, which is a share of the
    /// known one.
    pub(super) fn is_near(&self, known: Price, price: Price) -> bool {
        let (known, price) = (i128::from(known.0), i128::from(price.0));
        (price - known).abs() * 100 <= known * i128::from(self.jump_percent_max)
    }

    /// Whether two providers tell the same.
    pub(super) fn agree(&self, one: &Told, two: &Told) -> bool {
        one.0 != two.0 && self.is_near(one.1.price, two.1.price)
    }

    /// Whether the same provider told the same before, long enough ago. Otherwise it is remembered
    /// that it told it now.
    pub(super) fn is_confirmed(&self, (provider, quote): &Told, now: UnixMicros) -> bool {
        let symbol = &quote.symbol;
        let known = self.kept.get(symbol);
        let same =
            known.filter(|old| old.provider == *provider && self.is_near(old.price, quote.price));
        match same {
            Some(doubt) if doubt.since.plus_seconds(CONFIRM_S) <= now => {
                self.kept.invalidate(symbol);
                true
            }
            Some(_) => false,
            None => {
                let price = quote.price;
                tracing::warn!(%symbol, %provider, %price, "a price jumped, and is not believed");
                let doubt = Doubt { provider: *provider, price, since: now };
                self.kept.insert(symbol.clone(), doubt);
                false
            }
        }
    }

    /// A price was believed.
    pub(super) fn forget(&self, symbol: &Symbol) {
        self.kept.invalidate(symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_more_than_a_share_of_the_known_price() {
        let doubts = Doubts::new(25);
        for (known, price, is_near) in [
            (10_000, 12_500, true),
            (10_000, 12_501, false),
            (10_000, 7_500, true),
            (10_000, 7_499, false),
            (1, 1, true),
            (1, 2, false),
            (i64::MAX, 1, false),
            (1, i64::MAX, false),
        ] {
            assert_eq!(doubts.is_near(Price(known), Price(price)), is_near, "{known} {price}");
        }
    }
}
