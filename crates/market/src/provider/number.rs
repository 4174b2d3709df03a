//! Numbers as providers write them, read from their literal text: as strings or as JSON numbers,
//! with a point, an exponent or too many digits. No value passes through a float.

use domain::Price;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The most characters of a number that is read.
const LENGTH_MAX: usize = 40;
/// Places of a price.
const PRICE_PLACES: i32 = 4;

/// The literal text of a JSON string or number; `None` for `null`, for what is neither, and for the
/// words that stand for a missing value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal(Option<String>);

impl Literal {
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, unless it is empty.
    pub(super) fn into_text(self) -> Option<String> {
        self.0
    }

    /// A price, as [`decimal_price`] reads it.
    pub(super) fn price(&self) -> Option<Price> {
        decimal_price(self.text()?)
    }

    /// A whole number, as which a volume or an instant is told; a fraction is rounded.
    pub(super) fn whole(&self) -> Option<i64> {
        scaled(self.text()?, 0).and_then(|whole| i64::try_from(whole).ok())
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(reader)?.get();
        let text = if raw.starts_with('"') {
            serde_json::from_str::<String>(raw).ok()
        } else if raw.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            Some(raw.to_owned())
        } else {
            None
        };
        let missing = |text: &str| matches!(text, "" | "None" | "-" | "N/D" | "null");
        let text = text.map(|text| text.trim().to_owned());
        Ok(Self(text.filter(|text| !missing(text))))
    }
}

/// A price above zero and at most the highest that is traded at, rounded half up to four places.
fn decimal_price(text: &str) -> Option<Price> {
    let price = i64::try_from(scaled(text, PRICE_PLACES)?).ok().map(Price)?;
    (price.0 > 0 && price <= Price::MAX).then_some(price)
}

/// `text` × 10^`places`, rounded half up. `None` for what is no decimal number or does not fit.
fn scaled(text: &str, places: i32) -> Option<i128> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let fraction = i32::try_from(fraction.len()).ok()?;
    let shift = exponent.checked_sub(fraction)?.checked_add(places)?;
    let value = if shift >= 0 {
        // Past the largest number that fits, nothing but zero does.
        let power = 10i128.checked_pow(u32::try_from(shift).ok()?);
        if number == 0 { 0 } else { number.checked_mul(power?)? }
    } else {
        let power = 10i128.checked_pow(shift.unsigned_abs());
        // The half is looked for in the rest: added to the number it might not fit.
        let round = |power| number / power + i128::from(number % power >= power / 2);
        power.map_or(0, round)
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Literal {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn prices_are_read_exactly() {
        for (json, expected) in [
            ("102.4", 1_024_000),
            ("\"102.4000\"", 1_024_000),
            ("\" 102.40000 \"", 1_024_000),
            ("101", 1_010_000),
            ("124.16999816894531", 1_241_700),
            ("0.00005", 1),
            ("1.5e2", 1_500_000),
            ("1024E-1", 1_024_000),
            ("0.1", 1_000),
        ] {
            assert_eq!(read(json).price(), Some(Price(expected)), "{json}");
        }
    }

    #[test]
    fn what_is_no_price_is_none() {
        for json in [
            "0",
            "0.0",
            "\"0.00004\"",
            "-1",
            "null",
            "\"\"",
            "\"None\"",
            "\"-\"",
            "\"N/D\"",
            "\"NaN\"",
            "\"Infinity\"",
            "1e308",
            "1e-400",
            "1e99999999999",
            "\"1,024.5\"",
            "\"$5\"",
            "\"0x10\"",
            "\".5\"",
            "true",
            "[]",
            "{}",
            "1000001",
            "\"1.2.3\"",
            "\"--1\"",
            "\"1e\"",
        ] {
            assert_eq!(read(json).price(), None, "{json}");
        }
    }

    #[test]
    fn numbers_at_the_end_of_what_fits_are_read_without_a_panic() {
        // The largest number of 128 bits, whose half up is one more.
        let longest = read("1.70141183460469231731687303715884105727");
        assert_eq!((longest.price(), longest.whole()), (Some(Price(17_014)), Some(2)));
        for json in ["1e-2147483648", "1e2147483647", "0.1e-2147483648"] {
            let number = read(json);
            assert_eq!(number.price(), None, "{json}");
            assert!(matches!(number.whole(), None | Some(0)), "{json}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_in_many_ways() {
        for json in ["1234567", "\"1234567\"", "1.234567e6", "1234567.0"] {
            assert_eq!(read(json).whole(), Some(1_234_567), "{json}");
        }
        assert_eq!(read("null").whole(), None);
        assert_eq!(read("0e50").whole(), Some(0));
    }
}
