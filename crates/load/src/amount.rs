//! Parses decimal numbers of responses as whole numbers: money in the currency's minor units,
//! prices in ten-thousandths, shares in millionths. Nothing is rounded.

/// `-12.5` with 2 places as -1250; `None` for a malformed number or one with more places.
pub(crate) fn fixed(text: &str, places: usize) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > places || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let number: i64 = format!("{whole}{part:0<places$}").parse().ok()?;
    number.checked_mul(sign)
}

/// Money in minor units. The API writes all digits that the currency has: none, two or three.
pub(crate) fn money(text: &str) -> Option<i64> {
    let places = text.split_once('.').map_or(0, |(_, part)| part.len());
    fixed(text, places).filter(|_| matches!(places, 0 | 2 | 3))
}

/// A price in ten-thousandths.
pub(crate) fn price(text: &str) -> Option<i64> {
    fixed(text, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers_are_read_exactly() {
        assert_eq!(
            (money("569.85"), money("-0.20"), money("7"), money("-1.250")),
            (Some(56_985), Some(-20), Some(7), Some(-1_250))
        );
        assert_eq!((price("189.95"), fixed("0.000001", 6)), (Some(1_899_500), Some(1)));
        for text in ["", "-", ".5", "1.2", "1.2345", "1e3", "+1", "1.-1", "99999999999999999999"] {
            assert_eq!(money(text), None, "{text:?}");
        }
    }
}
