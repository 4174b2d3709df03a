//! The tick rule of a market: the steps in which its prices move. The step at a price also bounds
//! the distance of bid and ask from it.

use domain::Price;

/// Prices below the first move by the second; higher ones by [`COARSEST`].
const LADDER: [(Price, Price); 2] = [(Price(10_000), Price(1)), (Price(100_000), Price(10))];
const COARSEST: Price = Price(100);

/// The steps in which the prices of a market move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TickRule {
    /// 0.0001 below 1, 0.001 below 10, and 0.01 from there on.
    #[default]
    Ladder,
    Fixed(Price),
}

impl TickRule {
    pub fn new(step: Option<Price>) -> Self {
        step.map_or(Self::Ladder, Self::Fixed)
    }

    pub fn step(self, price: Price) -> Price {
        match self {
            Self::Ladder => {
                let found = LADDER.iter().find(|(below, _)| price < *below);
                found.map_or(COARSEST, |(_, step)| *step)
            }
            Self::Fixed(step) => step,
        }
    }

    /// The nearest multiple of the step above zero.
    pub fn round(self, price: Price) -> Price {
        price.round_to_tick(self.step(price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_step_follows_the_price() {
        let round = |price| TickRule::Ladder.round(Price(price)).0;
        assert_eq!([0, 1, 9_613, 9_999].map(round), [1, 1, 9_613, 9_999]);
        assert_eq!([10_004, 10_005, 99_994].map(round), [10_000, 10_010, 99_990]);
        assert_eq!([99_995, 100_049, 100_050].map(round), [100_000, 100_000, 100_100]);
        assert_eq!(TickRule::Fixed(Price(100)).round(Price(9_613)), Price(9_600));
    }

    /// Any price, and often one near a border of the ladder.
    fn prices() -> impl Strategy<Value = i64> {
        prop_oneof![-10i64..11_000, 99_000i64..101_000, 0i64..20_000_000_000]
    }

    proptest! {
        #[test]
        fn rounding_keeps_the_order_of_prices_and_is_done_once(
            one in prices(), other in prices(), step in prop::option::of(1i64..1_000_001),
        ) {
            let rule = TickRule::new(step.map(Price));
            let (low, high) = (Price(one.min(other)), Price(one.max(other)));
            let (low, high) = (rule.round(low), rule.round(high));
            prop_assert!(low <= high);
            prop_assert!(low.0 > 0);
            prop_assert_eq!(rule.round(low), low);
            prop_assert_eq!(low.0 % rule.step(low).0, 0);
        }

        #[test]
        fn rounding_moves_a_price_by_half_a_step_at_most(price in 1i64..20_000_000_000) {
            let rounded = TickRule::Ladder.round(Price(price));
            let step = TickRule::Ladder.step(Price(price));
            prop_assert!((rounded.0 - price).abs() * 2 <= step.0);
        }
    }
}
