//! Confirmation of price jumps: a price far from the last good one needs a second provider, or the
//! same one again after a minute. Unconfirmed prices are kept in memory only; whether a price is in
//! doubt is stored with its quote.

use domain::{Price, Symbol, UnixMicros};
use moka::sync::Cache;

use crate::provider::{ProviderKind, ProviderQuote};

/// The delay after which a provider may confirm its own price, in seconds.
pub const CONFIRM_S: i64 = 60;
/// The most unconfirmed prices in memory.
const UNCONFIRMED_MAX: u64 = 10_000;

/// A quote and the provider that returned it.
pub(super) type UpstreamQuote = (ProviderKind, ProviderQuote);

/// Price jumps that are not confirmed yet.
pub(super) struct PriceJumps {
    jump_percent_max: u32,
    pending: Cache<Symbol, PendingJump>,
}

#[derive(Clone, Copy, Debug)]
struct PendingJump {
    provider: ProviderKind,
    price: Price,
    since: UnixMicros,
}

impl PriceJumps {
    pub(super) fn new(jump_percent_max: u32) -> Self {
        Self { jump_percent_max, pending: Cache::new(UNCONFIRMED_MAX) }
    }

    /// Whether the difference is at most `jump_percent_max` percent of the known price.
    pub(super) fn is_near(&self, known: Price, price: Price) -> bool {
        let (known, price) = (i128::from(known.0), i128::from(price.0));
        (price - known).abs() * 100 <= known * i128::from(self.jump_percent_max)
    }

    /// Whether two different providers returned prices near each other.
    pub(super) fn agree(&self, one: &UpstreamQuote, two: &UpstreamQuote) -> bool {
        one.0 != two.0 && self.is_near(one.1.price, two.1.price)
    }

    /// Whether the same provider returned a price near this one at least [`CONFIRM_S`] ago.
    /// Otherwise the price is recorded.
    pub(super) fn is_confirmed(&self, (provider, quote): &UpstreamQuote, now: UnixMicros) -> bool {
        let symbol = &quote.symbol;
        let known = self.pending.get(symbol);
        let same =
            known.filter(|old| old.provider == *provider && self.is_near(old.price, quote.price));
        match same {
            Some(jump) if jump.since.plus_seconds(CONFIRM_S) <= now => {
                self.pending.invalidate(symbol);
                true
            }
            Some(_) => false,
            None => {
                let price = quote.price;
                tracing::warn!(%symbol, %provider, %price, "a price jump needs confirmation by a second provider, or by the same one after a minute");
                let jump = PendingJump { provider: *provider, price, since: now };
                self.pending.insert(symbol.clone(), jump);
                false
            }
        }
    }

    /// Removes the candidate of a stock, after a price was accepted.
    pub(super) fn clear(&self, symbol: &Symbol) {
        self.pending.invalidate(symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_more_than_a_share_of_the_known_price() {
        let jumps = PriceJumps::new(25);
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
            assert_eq!(jumps.is_near(Price(known), Price(price)), is_near, "{known} {price}");
        }
    }
}
