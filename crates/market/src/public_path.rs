//! The price path of games older than secret seeds, drawn by `mixer`. Such a game finishes its
//! running session on this path; all other sessions use `path`.

use crate::mixer::{BELL_DEVIATION, bell, mix, mix_two};

/// The standard deviation of a session's change, from the mean of its absolute changes: for a bell
/// it is 1.25 times as large.
pub(crate) fn swing(change_sum: i64, changes: i64) -> i64 {
    if changes == 0 { 0 } else { change_sum * 5 / (changes * 4) }
}

/// The halvings that lead from a whole session to one of its seconds.
pub(crate) struct Bridge {
    halvings: Vec<Halving>,
}

struct Halving {
    /// The key from which the midpoint's random draw is computed.
    key: u64,
    /// Where the midpoint lies between its ends, in 1/65,536.
    share: i64,
    /// How far a draw of [`bell`] displaces it, in 1/65,536 of a swing and of a draw.
    reach: i64,
    /// Whether the wanted second lies before the midpoint.
    before: bool,
}

impl Bridge {
    /// The way to `second`, which lies within the session: 0 < `second` < `length`.
    pub(crate) fn to(session_key: u64, second: u32, length: u32) -> Self {
        let (mut low, mut high) = (0u32, length);
        let (second, mut node) = (second.min(length), 1u64);
        let mut halvings = Vec::with_capacity(17);
        while high - low > 1 && low < second && second < high {
            let middle = low + (high - low) / 2;
            let before = second < middle;
            let (left, right) = (u64::from(middle - low), u64::from(high - middle));
            // A Brownian bridge's variance at the midpoint, as a part of the session's, in 2^-32.
            let variance = ((left * right) << 32) / ((left + right) * u64::from(length));
            let deviation = i64::try_from(variance.isqrt()).unwrap_or(0);
            halvings.push(Halving {
                key: mix_two(session_key, node),
                share: ((left << 16) / (left + right)) as i64,
                reach: deviation * 65_536 / BELL_DEVIATION,
                before,
            });
            if before {
                high = middle;
            } else {
                low = middle;
            }
            node = node * 2 + u64::from(!before);
        }
        Self { halvings }
    }

    /// The price of a stock there, not rounded to a tick and not yet kept above zero. Prices are
    /// below 2^36 and shares, reaches and draws below 2^18, so nothing comes near 64 bits.
    pub(crate) fn price(&self, key: u64, open: i64, close: i64, swing: i64) -> i64 {
        let (mut low, mut high, mut price) = (open, close, open);
        for halving in &self.halvings {
            let draw = bell(mix(key ^ halving.key)) * halving.reach / 65_536;
            price = low + (high - low) * halving.share / 65_536 + swing * draw / 65_536;
            if halving.before {
                high = price;
            } else {
                low = price;
            }
        }
        price
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The whole path, worked out from the top down without skipping anything.
    fn whole_path(key: u64, length: u32, open: i64, close: i64, swing: i64) -> Vec<i64> {
        let mut path = vec![0; length as usize + 1];
        path[0] = open;
        path[length as usize] = close;
        let mut spans = vec![(0usize, length as usize, 1u64)];
        while let Some((low, high, node)) = spans.pop() {
            if high - low < 2 {
                continue;
            }
            let middle = low + (high - low) / 2;
            let (left, right) = ((middle - low) as u64, (high - middle) as u64);
            let variance = ((left * right) << 32) / ((left + right) * u64::from(length));
            let reach = variance.isqrt() as i64 * 65_536 / BELL_DEVIATION;
            let draw = bell(mix(7 ^ mix_two(key, node))) * reach / 65_536;
            let share = ((left << 16) / (left + right)) as i64;
            path[middle] =
                path[low] + (path[high] - path[low]) * share / 65_536 + swing * draw / 65_536;
            spans.push((low, middle, node * 2));
            spans.push((middle, high, node * 2 + 1));
        }
        path
    }

    #[test]
    fn without_a_swing_the_path_is_straight() {
        let at = |second| Bridge::to(3, second, 60).price(7, 100_000, 160_000, 0);
        assert!((1..60).all(|s| (at(s) - (100_000 + 1_000 * i64::from(s))).abs() < 8));
    }

    #[test]
    fn the_middle_of_the_path_swings_half_as_far_as_a_session() {
        let bridge = Bridge::to(3, 1_800, 3_600);
        let off = |key: u64| bridge.price(mix(key), 1_000_000, 1_000_000, 10_000) - 1_000_000;
        let squares: i64 = (0..20_000).map(|key| off(key).pow(2)).sum();
        let deviation = (squares / 20_000).isqrt();
        assert!((4_900..5_100).contains(&deviation), "{deviation}");
    }

    #[test]
    fn a_path_moves_at_nearly_every_second() {
        let path = whole_path(3, 60, 500_000, 502_000, 8_000);
        let moves = path.windows(2).filter(|pair| pair[0] / 100 != pair[1] / 100).count();
        assert!(moves > 50, "{moves}");
    }

    proptest! {
        #[test]
        fn random_access_equals_the_whole_path(
            key: u64, length in 2u32..400, open in 1i64..10_000_000, close in 1i64..10_000_000,
            swing in 0i64..100_000,
        ) {
            let path = whole_path(key, length, open, close, swing);
            for second in 1..length {
                let price = Bridge::to(key, second, length).price(7, open, close, swing);
                prop_assert_eq!(price, path[second as usize]);
            }
        }

        #[test]
        fn the_longest_sessions_and_the_highest_prices_fit(
            key: u64, stock: u64, second in 1u32..86_400, open in 1i64..1 << 35,
            close in 1i64..1 << 35,
        ) {
            let bridge = Bridge::to(key, second, 86_400);
            prop_assert!(bridge.halvings.len() <= 17);
            let price = bridge.price(stock, open, close, 1 << 34);
            prop_assert!(price.abs() < 1 << 40);
        }
    }
}
