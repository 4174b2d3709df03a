//! Reads numbers of the earlier database from their decimal text, without floats.

/// A number in units of 10^-scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScaledNumber {
    pub(super) units: i64,
    /// Whether the text has no more digits than the unit. Further ones are rounded, halves away
    /// from zero.
    pub(super) is_exact: bool,
}

/// Reads `-12.50`; `None` for any other text, and beyond 64 bits.
pub(super) fn parse_scaled(text: &str, scale: usize) -> Option<ScaledNumber> {
    let text = text.trim();
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let (kept, cut) = fraction.split_at(scale.min(fraction.len()));
    let zeros = std::iter::repeat_n(b'0', scale - kept.len());
    let mut units: i64 = 0;
    for digit in whole.bytes().chain(kept.bytes()).chain(zeros) {
        units = units.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    if cut.bytes().next().is_some_and(|digit| digit >= b'5') {
        units = units.checked_add(1)?;
    }
    let is_exact = cut.bytes().all(|digit| digit == b'0');
    Some(ScaledNumber { units: if is_negative { -units } else { units }, is_exact })
}

/// Reads a whole number, also as `5.0`.
pub(super) fn parse_whole(text: &str) -> Option<i64> {
    parse_scaled(text, 0).filter(|number| number.is_exact).map(|number| number.units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_rounded_and_marked() {
        let read = |text| parse_scaled(text, 2).map(|number| (number.units, number.is_exact));
        assert_eq!(read("10000.00"), Some((1_000_000, true)));
        assert_eq!(read(" 9430.1 "), Some((943_010, true)));
        assert_eq!(read("-0.05"), Some((-5, true)));
        assert_eq!(read("7"), Some((700, true)));
        assert_eq!(read("0.145"), Some((15, false)));
        assert_eq!(read("0.144000"), Some((14, false)));
        assert_eq!(read("1.230000"), Some((123, true)));
        for text in ["", "-", ".5", "1e3", "1.0e+15", "abc", "1,5", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!((parse_whole("5"), parse_whole("5.0")), (Some(5), Some(5)));
        assert_eq!((parse_whole("-3"), parse_whole("1.5")), (Some(-3), None));
    }
}
