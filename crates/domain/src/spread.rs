//! Bid and ask around the market price, at which orders fill. Settlement, pages and API share it.

use crate::{Price, Side};

/// The denominator of the spread on each side: basis points, halved.
const BPS_OF_BOTH_SIDES: i128 = 20_000;
/// The factor of half a tick in the same unit.
const HALF_TICK: i128 = BPS_OF_BOTH_SIDES / 2;

/// The two prices of a quote that orders fill at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BidAsk {
    /// The price of one share for a seller.
    pub bid: Price,
    /// The price of one share for a buyer.
    pub ask: Price,
}

impl BidAsk {
    /// The prices around `mid`: on each side half a `tick` and half of `spread_bps` (hundredths of
    /// a percent of `mid`), together rounded outward to 1/10,000. The bid stays above zero.
    pub fn around(mid: Price, tick: Price, spread_bps: i64) -> Self {
        let scaled = i128::from(tick.0.max(0)) * HALF_TICK
            + i128::from(mid.0.max(0)) * i128::from(spread_bps.max(0));
        let margin = (scaled + BPS_OF_BOTH_SIDES - 1) / BPS_OF_BOTH_SIDES;
        let margin = i64::try_from(margin).unwrap_or(i64::MAX);
        let bid = Price(mid.0.saturating_sub(margin).max(1));
        Self { bid, ask: Price(mid.0.saturating_add(margin)) }
    }

    /// The price that an order of this side fills at.
    pub fn of(self, side: Side) -> Price {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn around(mid: i64, tick: i64, spread_bps: i64) -> (i64, i64) {
        let sides = BidAsk::around(Price(mid), Price(tick), spread_bps);
        (sides.bid.0, sides.ask.0)
    }

    #[test]
    fn the_spread_is_half_a_tick_and_half_of_the_rules_on_each_side() {
        // 0.961: 0.00005 of the tick and 0.00024025 of the rules.
        assert_eq!(around(9_610, 1, 5), (9_607, 9_613));
        // 189.95: 0.005 and 0.0474875.
        assert_eq!(around(1_899_500, 100, 5), (1_898_975, 1_900_025));
        assert_eq!(around(1_899_500, 100, 0), (1_899_450, 1_899_550));
        assert_eq!(around(1_899_500, 0, 0), (1_899_500, 1_899_500));
    }

    #[test]
    fn half_a_tick_is_rounded_outward_and_the_bid_stays_above_zero() {
        assert_eq!(around(9_610, 1, 0), (9_609, 9_611));
        assert_eq!(around(1, 1, 0), (1, 2));
        assert_eq!(around(2, 1, 1_000), (1, 3));
    }

    proptest! {
        #[test]
        fn the_sides_lie_at_least_half_a_tick_and_half_the_spread_apart_from_the_middle(
            mid in 1i64..=10_000_000_000, tick in 1i64..1_000_000, bps in 0i64..=1_000,
        ) {
            let (bid, ask) = around(mid, tick, bps);
            let least = |margin: i64| margin * 20_000 >= tick * 10_000 + mid * bps;
            prop_assert!(least(ask - mid));
            prop_assert!(least(mid - bid) || bid == 1);
            prop_assert!(!least(ask - mid - 1), "no more than is needed");
            prop_assert!(bid > 0 && bid <= mid && mid < ask);
        }

        #[test]
        fn a_price_and_its_neighbor_keep_their_order_on_both_sides(
            mid in 1i64..10_000_000_000, step in 1i64..100_000, tick in 1i64..1_000_000,
            bps in 0i64..=1_000,
        ) {
            let ((bid, ask), (higher_bid, higher_ask)) =
                (around(mid, tick, bps), around(mid + step, tick, bps));
            prop_assert!(bid <= higher_bid && ask < higher_ask);
        }
    }
}
