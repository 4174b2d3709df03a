//! Ratios: fractions of whole numbers that stay exact until they are written, and are then rounded
//! once, half away from zero, at the last digit shown. Every percentage is computed here.

/// A part of a whole, for example a profit and what it cost. A part of nothing counts as 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ratio {
    part: i128,
    whole: i128,
}

impl Ratio {
    /// The most digits after the point of a percentage.
    const PLACES_MAX: u32 = 12;

    /// `part` of `whole`; both are amounts of the same unit.
    pub fn of(part: impl Into<i128>, whole: impl Into<i128>) -> Self {
        Self { part: part.into(), whole: whole.into() }
    }

    /// The change from `before` to `after`, as a part of `before`.
    pub fn change(before: i64, after: i64) -> Self {
        Self::of(i128::from(after) - i128::from(before), before)
    }

    /// The percentage as a count of 10^-`places` of a percent: 1.25 % with two places is 125.
    /// Rounded half away from zero; beyond 64 bits the largest number of the same sign.
    pub fn percent(self, places: u32) -> i64 {
        let scale = 10_i128.pow(places.min(Self::PLACES_MAX) + 2);
        divide_rounded(self.part.saturating_mul(scale), self.whole)
    }
}

/// The quotient rounded half away from zero, 0 when the divisor is 0. Beyond 64 bits it is the
/// largest number of the same sign.
pub fn divide_rounded(dividend: i128, divisor: i128) -> i64 {
    if divisor == 0 {
        return 0;
    }
    let (size, by) = (dividend.unsigned_abs(), divisor.unsigned_abs());
    let rest = size % by;
    let rounded = i64::try_from(size / by + u128::from(rest >= by - rest));
    let is_negative = (dividend < 0) != (divisor < 0);
    match (rounded, is_negative) {
        (Ok(quotient), false) => quotient,
        (Ok(quotient), true) => -quotient,
        (Err(_), false) => i64::MAX,
        (Err(_), true) => i64::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentages_round_half_away_from_zero_at_the_last_digit_shown() {
        let profit = Ratio::change(13_139, 21_000);
        assert_eq!([1, 2, 6].map(|places| profit.percent(places)), [598, 5_983, 59_829_515]);
        let loss = Ratio::change(150_000, 101_000);
        assert_eq!([1, 2, 6].map(|places| loss.percent(places)), [-327, -3_267, -32_666_667]);
        // 1.2451 % is 1.2 % with one place, although 1.25 % would be 1.3 %.
        assert_eq!(Ratio::of(12_451, 1_000_000).percent(1), 12);
        assert_eq!([Ratio::of(1, 8), Ratio::of(-1, 8)].map(|r| r.percent(0)), [13, -13]);
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(Ratio::of(5, 0).percent(2), 0);
        assert_eq!(Ratio::default().percent(6), 0);
    }

    #[test]
    fn what_does_not_fit_saturates_with_its_sign() {
        assert_eq!(Ratio::of(i64::MAX, 1).percent(2), i64::MAX);
        assert_eq!(Ratio::of(i64::MIN, 1).percent(2), i64::MIN);
        assert_eq!(Ratio::of(i64::MIN, -1).percent(2), i64::MAX);
        assert_eq!(Ratio::change(1, i64::MIN).percent(12), i64::MIN);
        assert_eq!(Ratio::of(i128::MIN, 1).percent(12), i64::MIN);
        assert_eq!(divide_rounded(i128::from(i64::MIN), 1), i64::MIN);
        assert_eq!(divide_rounded(i128::MIN, -1), i64::MAX);
    }

    proptest! {
        #[test]
        fn a_quotient_is_never_off_by_more_than_half(
            dividend in any::<i64>(), divisor in any::<i64>().prop_filter("not 0", |d| *d != 0),
        ) {
            let (dividend, divisor) = (i128::from(dividend), i128::from(divisor));
            let off = dividend - i128::from(divide_rounded(dividend, divisor)) * divisor;
            let beyond = dividend / divisor > i128::from(i64::MAX);
            prop_assert!(beyond || off.abs() * 2 <= divisor.abs());
        }

        #[test]
        fn a_gain_and_the_same_loss_have_the_same_digits(part in any::<i64>(), whole in 1i64..) {
            prop_assume!(part > i64::MIN);
            for places in [0, 1, 2, 6] {
                let (gain, loss) = (Ratio::of(part, whole), Ratio::of(-part, whole));
                let (gain, loss) = (gain.percent(places), loss.percent(places));
                prop_assert_eq!(gain.max(-i64::MAX), -loss.max(-i64::MAX));
            }
        }
    }
}
