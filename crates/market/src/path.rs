//! The path of prices between two closes, in whole numbers. The real path within a day is unknown,
//! so it is drawn: at each step all stocks have covered the same share of the way from their last
//! close to the next. The share varies between -1 and 1 and ends at 1.
//!
//! The share is chosen so that ticks do not predict the rest of the session. Of a Brownian path
//! that ends above zero, the share is the probability, at the present second, of ending above zero
//! minus that of ending below. For a player who does not know whether the next closes are above or
//! below the last, the present price is the mean of the possible closes
//! (docs/adr/0019-secret-chance.md).

use domain::Price;

use crate::mixer::{BELL_DEVIATION, bell, mix_two};
use crate::public_path::{Bridge, swing};
use crate::quote::StockQuote;
use crate::seed::{MarketRng, RngKey, StreamId, StreamPurpose};
use crate::tick::TickRule;
use crate::timetable::MarketTime;

/// The number of earlier sessions that measure how much a stock moves.
pub(crate) const CALM_SESSIONS: usize = 20;

/// Stands for the close of a stock that had none yet.
pub(crate) const NO_CLOSE: i64 = -1;

/// One standard deviation of the Brownian path at its end, as a power of two.
const DEVIATION_BITS: u32 = 20;
/// The whole way, as a power of two.
const WHOLE_BITS: u32 = 24;
/// The step of [`CHANCES`] as a power of two: a thirty-second of a deviation.
const STEP_BITS: u32 = DEVIATION_BITS - 5;

/// `erf(k / 32 / sqrt(2))` in 2^-24, for k from 0 to 160: how likely a bell-shaped draw is within
/// k/32 deviations of zero.
#[rustfmt::skip]
const CHANCES: [i64; 161] = [
    0, 418_253, 836_098, 1_253_128, 1_668_938, 2_083_127, 2_495_298, 2_905_062, 3_312_035,
    3_715_840, 4_116_113, 4_512_496, 4_904_643, 5_292_223, 5_674_914, 6_052_408, 6_424_414,
    6_790_653, 7_150_862, 7_504_795, 7_852_223, 8_192_931, 8_526_723, 8_853_421, 9_172_864,
    9_484_907, 9_789_425, 10_086_309, 10_375_468, 10_656_828, 10_930_332, 11_195_941, 11_453_629,
    11_703_390, 11_945_231, 12_179_174, 12_405_257, 12_623_531, 12_834_059, 13_036_919, 13_232_198,
    13_419_997, 13_600_425, 13_773_604, 13_939_661, 14_098_735, 14_250_970, 14_396_519, 14_535_538,
    14_668_192, 14_794_648, 14_915_079, 15_029_658, 15_138_565, 15_241_979, 15_340_081, 15_433_054,
    15_521_079, 15_604_338, 15_683_013, 15_757_283, 15_827_327, 15_893_321, 15_955_438, 16_013_848,
    16_068_720, 16_120_218, 16_168_501, 16_213_726, 16_256_046, 16_295_609, 16_332_557, 16_367_031,
    16_399_164, 16_429_086, 16_456_923, 16_482_793, 16_506_814, 16_529_094, 16_549_741, 16_568_854,
    16_586_532, 16_602_865, 16_617_941, 16_631_843, 16_644_651, 16_656_438, 16_667_276, 16_677_232,
    16_686_367, 16_694_743, 16_702_413, 16_709_431, 16_715_847, 16_721_705, 16_727_050, 16_731_921,
    16_736_356, 16_740_391, 16_744_057, 16_747_385, 16_750_404, 16_753_139, 16_755_615, 16_757_854,
    16_759_877, 16_761_703, 16_763_349, 16_764_832, 16_766_166, 16_767_366, 16_768_443, 16_769_410,
    16_770_277, 16_771_053, 16_771_747, 16_772_368, 16_772_922, 16_773_416, 16_773_857, 16_774_249,
    16_774_598, 16_774_908, 16_775_183, 16_775_427, 16_775_643, 16_775_835, 16_776_004, 16_776_153,
    16_776_285, 16_776_401, 16_776_504, 16_776_594, 16_776_673, 16_776_743, 16_776_804, 16_776_857,
    16_776_904, 16_776_945, 16_776_981, 16_777_012, 16_777_040, 16_777_063, 16_777_084, 16_777_102,
    16_777_118, 16_777_131, 16_777_143, 16_777_153, 16_777_162, 16_777_170, 16_777_176, 16_777_182,
    16_777_187, 16_777_191, 16_777_195, 16_777_198, 16_777_200, 16_777_203, 16_777_205, 16_777_206,
];

/// The closes around the running session, for every stock in the same order.
pub(crate) struct SessionCloses<'a> {
    /// The key of each stock's public path.
    pub(crate) keys: &'a [u64],
    /// The closes two sessions ago.
    pub(crate) before: &'a [i64],
    /// The last public closes, from which the session starts.
    pub(crate) open: &'a [i64],
    /// The closes at which it ends.
    pub(crate) close: &'a [i64],
    /// The sums of the absolute changes of the last `changes` finished sessions, for a public path.
    pub(crate) change_sums: &'a [i64],
    /// The number of these sessions, at most [`CALM_SESSIONS`].
    pub(crate) changes: i64,
}

pub(crate) struct TickAt<'a> {
    pub(crate) rng: &'a MarketRng,
    pub(crate) present: MarketTime,
    /// The steps of a session.
    pub(crate) steps: u32,
    pub(crate) tick: TickRule,
    pub(crate) as_of: domain::UnixMicros,
}

/// Replaces `quotes` by the prices of one instant. A stock has no price before its first close.
pub(crate) fn write_quotes(
    at: &TickAt<'_>,
    running: &SessionCloses<'_>,
    quotes: &mut Vec<StockQuote>,
) {
    quotes.clear();
    let quote = |price: i64, previous: i64| {
        if price == NO_CLOSE {
            return StockQuote { price: Price(0), previous_close: Price(0), as_of: at.as_of };
        }
        // On its first day a stock has not changed.
        let previous = if previous == NO_CLOSE { price } else { previous };
        StockQuote {
            price: at.tick.round(Price(price)),
            previous_close: at.tick.round(Price(previous)),
            as_of: at.as_of,
        }
    };
    if at.present.ended {
        let pairs = running.close.iter().zip(running.open);
        quotes.extend(pairs.map(|(&close, &open)| quote(close, open)));
        return;
    }
    if at.present.at_close() {
        let pairs = running.open.iter().zip(running.before);
        quotes.extend(pairs.map(|(&open, &before)| quote(open, before)));
        return;
    }
    let MarketTime { pass, session, step, .. } = at.present;
    if at.rng.is_public_path(pass, session) {
        let key = mix_two(at.rng.public_seed(), session as u64);
        let bridge = Bridge::to(key, step, at.steps);
        quotes.extend((0..running.keys.len()).map(|i| {
            if running.open[i] == NO_CLOSE {
                return quote(NO_CLOSE, NO_CLOSE);
            }
            let swing = swing(running.change_sums[i], running.changes);
            let price = bridge.price(running.keys[i], running.open[i], running.close[i], swing);
            quote(price, running.open[i])
        }));
        return;
    }
    let id = StreamId { purpose: StreamPurpose::Path, pass, session };
    let way = PathShare::at(&at.rng.key, id, step, at.steps);
    let pairs = running.open.iter().zip(running.close);
    quotes.extend(pairs.map(|(&open, &close)| match open {
        NO_CLOSE => quote(NO_CLOSE, NO_CLOSE),
        open => quote(way.price(open, close), open),
    }));
}

/// The share of the way between two closes that all prices have covered, in 2^-24.
pub(crate) struct PathShare(i64);

impl PathShare {
    /// The share at `second` of a session, which lies within it: 0 < `second` < `length`.
    pub(crate) fn at(key: &RngKey, id: StreamId, second: u32, length: u32) -> Self {
        let draw = |number| (bell(key.draw(id, number)) << DEVIATION_BITS) / BELL_DEVIATION;
        let walk = walk_at(&draw, second, length);
        let left = length.saturating_sub(second).max(1);
        // The reciprocal of the deviation of the rest of the path, in 2^-16.
        let wide = ((u64::from(length) << 32) / u64::from(left)).isqrt();
        Self(share((walk * i64::try_from(wide).unwrap_or(i64::MAX >> 32)) >> 16))
    }

    /// The price between these two closes. Prices are below 2^36.
    pub(crate) fn price(&self, open: i64, close: i64) -> i64 {
        open + (((close - open) * self.0) >> WHOLE_BITS)
    }
}

/// A Brownian path that ends above zero, by midpoint displacement: its end is the draw 0 without
/// its sign, and the midpoint of a span is displaced by the draw of the span's number.
fn walk_at(draw: &impl Fn(u32) -> i64, second: u32, length: u32) -> i64 {
    let (mut low, mut high) = ((0u32, 0i64), (length, draw(0).abs()));
    let mut number = 1u32;
    while low.0 < second && second < high.0 {
        let middle = low.0 + (high.0 - low.0) / 2;
        let (left, right) = (u64::from(middle - low.0), u64::from(high.0 - middle));
        // A Brownian bridge's variance at the midpoint, as a part of the path's, in 2^-32.
        let variance = ((left * right) << 32) / ((left + right) * u64::from(length));
        let deviation = i64::try_from(variance.isqrt()).unwrap_or(0);
        let part = i64::from(middle - low.0);
        let between = ((high.1 - low.1) * part).div_euclid(i64::from(high.0 - low.0));
        let walk = low.1 + between + ((draw(number) * deviation) >> 16);
        let is_before = second < middle;
        if second == middle {
            return walk;
        }
        if is_before {
            high = (middle, walk);
        } else {
            low = (middle, walk);
        }
        number = number * 2 + u32::from(!is_before);
    }
    if second >= high.0 { high.1 } else { low.1 }
}

/// How likely a bell-shaped draw is below `deviations`, less how likely it is above: from -1 to 1,
/// in 2^-24.
fn share(deviations: i64) -> i64 {
    let (far, rest) = (deviations.abs() >> STEP_BITS, deviations.abs() & ((1 << STEP_BITS) - 1));
    let at = usize::try_from(far).unwrap_or(usize::MAX);
    let share = match (CHANCES.get(at), CHANCES.get(at.saturating_add(1))) {
        (Some(&this), Some(&next)) => this + (((next - this) * rest) >> STEP_BITS),
        _ => 1 << WHOLE_BITS,
    };
    if deviations < 0 { -share } else { share }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u64) -> RngKey {
        RngKey::new(&format!("{number:032x}"))
    }

    fn id(session: usize) -> StreamId {
        StreamId { purpose: StreamPurpose::Path, pass: 0, session }
    }

    /// The shares of a session at these seconds, in thousandths, for many sessions.
    fn shares(sessions: usize, seconds: &[u32], length: u32) -> Vec<Vec<i64>> {
        let key = key(1);
        let share =
            |session, second| (PathShare::at(&key, id(session), second, length).0 * 1_000) >> 24;
        (0..sessions).map(|s| seconds.iter().map(|second| share(s, *second)).collect()).collect()
    }

    #[test]
    fn the_chances_are_those_of_the_bell() {
        // 68.27 %, 95.45 % and 99.73 % of all draws are within one, two and three deviations.
        let within = [32, 64, 96].map(|at| (CHANCES[at] * 10_000 + (1 << 23)) >> 24);
        assert_eq!(within, [6_827, 9_545, 9_973]);
        assert!(CHANCES.is_sorted());
        assert_eq!((share(0), share(i64::MAX), share(-(9 << 20))), (0, 1 << 24, -(1 << 24)));
        assert_eq!(share(-(1 << 20)), -share(1 << 20));
    }

    #[test]
    fn the_share_begins_at_nothing_and_ends_at_the_whole_way() {
        let length = 86_400;
        let at = |second| PathShare::at(&key(3), id(5), second, length).0;
        assert!(at(1).abs() < 1 << 18, "{}", at(1));
        assert!(at(length - 1) > (1 << 24) - (1 << 10), "{}", at(length - 1));
        assert_eq!(PathShare(1 << 24).price(70_000, 65_001), 65_001);
        assert_eq!(PathShare(-(1 << 23)).price(70_000, 65_000), 72_500);
    }

    #[test]
    fn a_share_nearly_always_moves_and_goes_as_far_as_the_stock() {
        let seconds: Vec<u32> = (1..60).collect();
        let paths = shares(1_000, &seconds, 60);
        let (mut still, mut squares) = (0, 0);
        for path in &paths {
            let mut before = 0;
            for share in path.iter().copied().chain([1_000]) {
                still += i64::from(share == before);
                squares += (share - before).pow(2);
                before = share;
            }
        }
        let (steps, paths) = (paths.len() as i64 * 60, paths.len() as i64);
        assert!(still * 10 < steps, "{still} of {steps}");
        // The squares of all steps add up to that of the whole way, on average.
        assert!((930_000..1_070_000).contains(&(squares / paths)), "{}", squares / paths);
    }

    #[test]
    fn a_viewer_who_does_not_know_the_direction_expects_no_further_move() {
        // Half of all closes are below: the viewer sees the share with a sign that he cannot know.
        for (second, length) in [(1, 60), (20, 60), (45, 60), (59, 60), (600, 3_600)] {
            let paths = shares(6_000, &[second], length);
            let seen: Vec<(i64, i64)> = paths
                .iter()
                .enumerate()
                .map(|(at, path)| if at % 2 == 0 { (path[0], 1_000) } else { (-path[0], -1_000) })
                .collect();
            for (from, to) in [(-1_000, -600), (-600, -200), (-200, 200), (200, 600), (600, 1_000)]
            {
                let there: Vec<_> = seen.iter().filter(|s| (from..to).contains(&s.0)).collect();
                if there.len() < 300 {
                    continue;
                }
                let rest: i64 = there.iter().map(|(share, end)| end - share).sum();
                let (mean, count) = (rest / there.len() as i64, there.len() as i64);
                // Three deviations of a mean of draws that are at most 1,000 from it.
                assert!(
                    mean.abs() < 3_000 / count.isqrt() + 5,
                    "{second} {from}: {mean} of {count}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_price_lies_between_the_close_and_its_mirror_image(
            number: u64, session in 0usize..100_000, second in 1u32..86_400,
            open in 1i64..1 << 36, close in 1i64..1 << 36,
        ) {
            let way = PathShare::at(&key(number), id(session), second, 86_400);
            let far = (close - open).abs();
            prop_assert!((way.price(open, close) - open).abs() <= far + 1);
        }
    }
}
