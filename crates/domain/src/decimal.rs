//! Parses quantities: JSON numbers by value (`5`, `5.0` and `50e-1` are one quantity), and numbers
//! as people type them, with groups of digits. No float is involved, and the work is bounded by the
//! length of the text.

use thiserror::Error;

use crate::Quantity;

/// The digits after the point of a quantity.
const PLACES: i64 = 6;
/// The most digits that a quantity in its unit has.
const DIGITS_MAX: i64 = 19;
/// The longest text that a person types, in bytes.
const TYPED_LENGTH_MAX: usize = 100;

/// Why a text is not a quantity.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// Below zero.
    #[error("below zero")]
    Negative,
    /// Its value has more than six digits after the point.
    #[error("more than {PLACES} digits after the point")]
    TooFine,
    /// More than 64 bits.
    #[error("too large")]
    TooLarge,
    /// The text has two meanings; this is an unambiguous spelling of the likelier one.
    #[error("ambiguous; write {0}")]
    Ambiguous(String),
}

impl Quantity {
    /// Parses a number by the grammar of JSON (RFC 8259).
    pub fn parse_decimal(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (digits, exponent) = match digits.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
            None => (digits, 0),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(DecimalError::NotANumber),
            None => (digits, ""),
        };
        let is_padded = whole.len() > 1 && whole.starts_with('0');
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if whole.is_empty() || is_padded || !all_digits {
            return Err(DecimalError::NotANumber);
        }
        let units = scale(whole, fraction, exponent)?;
        if negative && units > 0 { Err(DecimalError::Negative) } else { Ok(Self(units)) }
    }

    /// Parses a number as a person types it: with a decimal point and groups of three digits, which
    /// are separated as on the pages (`1,000.25`) or by spaces or apostrophes.
    ///
    /// # Errors
    /// `Ambiguous` for a decimal comma and for groups of another size.
    pub fn parse_typed(text: &str) -> Result<Self, DecimalError> {
        let text = text.trim();
        if text.len() > TYPED_LENGTH_MAX {
            return Err(DecimalError::NotANumber);
        }
        let text: String = text.chars().map(plain).collect();
        let text = text.strip_prefix('+').unwrap_or(&text);
        if !text.contains([',', ' ', '\'']) && text.matches('.').count() < 2 {
            return Self::parse_plain(text);
        }
        match ungrouped(text) {
            Some(number) => Self::parse_plain(&number),
            None => Err(ambiguous(text)),
        }
    }

    /// Accepts leading zeros and a missing digit beside the point.
    fn parse_plain(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        if !digits.bytes().any(|b| b.is_ascii_digit()) {
            return Err(DecimalError::NotANumber);
        }
        let digits = digits.strip_suffix('.').unwrap_or(digits);
        let trimmed = digits.trim_start_matches('0');
        let zero = if trimmed.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
        let sign = if negative { "-" } else { "" };
        Self::parse_decimal(&format!("{sign}{zero}{trimmed}"))
    }
}

/// Saturates: beyond its range no quantity fits.
fn parse_exponent(text: &str) -> Result<i64, DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let size = digits.bytes().fold(0_i64, |size, digit| {
        (size.saturating_mul(10).saturating_add(i64::from(digit - b'0'))).min(i64::from(i32::MAX))
    });
    Ok(if negative { -size } else { size })
}

/// The units of `whole.fraction` × 10^`exponent`, of digits only.
fn scale(whole: &str, fraction: &str, exponent: i64) -> Result<i64, DecimalError> {
    let digits = || whole.bytes().chain(fraction.bytes());
    let length = length(whole) + length(fraction);
    let zeros_before =
        length - digits().position(|b| b != b'0').map_or(0, |at| length - to_i64(at));
    let significant = digits().rev().skip_while(|b| *b == b'0').count();
    let zeros_after = length - to_i64(significant);
    let significant = to_i64(significant) - zeros_before;
    if significant <= 0 {
        return Ok(0);
    }
    // The value is the significant digits × 10^shift units.
    let shift = exponent - self::length(fraction) + zeros_after + PLACES;
    if shift < 0 {
        return Err(DecimalError::TooFine);
    }
    if significant + shift > DIGITS_MAX {
        return Err(DecimalError::TooLarge);
    }
    let skip = usize::try_from(zeros_before).unwrap_or(usize::MAX);
    let take = usize::try_from(significant).unwrap_or(0);
    let number = digits().skip(skip).take(take);
    let number = number.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let power = u32::try_from(shift).ok().and_then(|shift| 10_i128.checked_pow(shift));
    let units = power.and_then(|power| number.checked_mul(power));
    units.and_then(|units| i64::try_from(units).ok()).ok_or(DecimalError::TooLarge)
}

fn length(digits: &str) -> i64 {
    to_i64(digits.len())
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 4)
}

/// Normalizes digits of other scripts, spaces, apostrophes and the minus sign.
fn plain(c: char) -> char {
    let digit = |zero: char| u32::from(c).checked_sub(u32::from(zero)).filter(|digit| *digit < 10);
    let zeros = ['\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}'];
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{3000}' => ' ',
        '’' | '‘' | '\u{2bc}' => '\'',
        '\u{66c}' | '，' => ',',
        '\u{66b}' | '．' => '.',
        '\u{2212}' => '-',
        _ => zeros.into_iter().find_map(digit).and_then(|n| char::from_digit(n, 10)).unwrap_or(c),
    }
}

/// The number without its separators; `None` unless they stand between groups of three digits.
fn ungrouped(text: &str) -> Option<String> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let separator = whole.chars().find(|c| !c.is_ascii_digit())?;
    let groups: Vec<&str> = whole.split(separator).collect();
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (first, rest) = groups.split_first()?;
    let is_first = (1..=3).contains(&first.len()) && !first.starts_with('0') && all_digits(first);
    let are_rest = rest.iter().all(|group| group.len() == 3 && all_digits(group));
    if !is_first || !are_rest || !fraction.is_none_or(all_digits) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(format!("{sign}{}{fraction}", groups.concat()))
}

/// An unambiguous spelling of the likelier number: the last of two different separators, or a
/// single comma, is the decimal mark.
fn ambiguous(text: &str) -> DecimalError {
    let is_separator = |c: char| matches!(c, ',' | '.' | ' ' | '\'');
    let separators: Vec<(usize, char)> =
        text.char_indices().filter(|(_, c)| is_separator(*c)).collect();
    let last = separators.last().copied();
    let is_point = last.is_some_and(|(_, last)| {
        matches!(last, ',' | '.') && separators.iter().filter(|(_, c)| *c == last).count() == 1
    });
    let point = last.filter(|_| is_point).map(|(at, _)| at);
    let spelled: String = text
        .char_indices()
        .filter_map(|(at, c)| match c {
            _ if Some(at) == point => Some('.'),
            c if is_separator(c) => None,
            c => Some(c),
        })
        .collect();
    match Quantity::parse_plain(&spelled) {
        Ok(quantity) => DecimalError::Ambiguous(quantity.to_string()),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_value_of_a_number_counts_and_not_its_spelling() {
        for (text, units) in [
            ("5", 5_000_000),
            ("5.0", 5_000_000),
            ("50e-1", 5_000_000),
            ("0.05E+2", 5_000_000),
            ("1.50", 1_500_000),
            ("1e-05", 10),
            ("1.0000000", 1_000_000),
            ("0", 0),
            ("-0.00", 0),
            ("0e999999999999999999999", 0),
            ("9223372036854.775807", i64::MAX),
        ] {
            assert_eq!(Quantity::parse_decimal(text), Ok(Quantity(units)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_quantity_is_refused_with_its_reason() {
        use DecimalError::{Negative, NotANumber, TooFine, TooLarge};
        for text in ["", "-", ".", "1.", ".5", "+1", "01", "1e", "1e+", "NaN", "Infinity", "0x1"] {
            assert_eq!(Quantity::parse_decimal(text), Err(NotANumber), "{text}");
        }
        for text in ["1,5", "1 ", "1.2.3", "1e1e1", "1e1.5", "١", "--1", "1-"] {
            assert_eq!(Quantity::parse_decimal(text), Err(NotANumber), "{text}");
        }
        for text in ["0.0000001", "1e-7", "1.5e-6", "1e-99999999999999999999"] {
            assert_eq!(Quantity::parse_decimal(text), Err(TooFine), "{text}");
        }
        for text in ["9223372036854.775808", "1e13", "1e400", "1e99999999999999999999"] {
            assert_eq!(Quantity::parse_decimal(text), Err(TooLarge), "{text}");
        }
        assert_eq!(Quantity::parse_decimal("-0.5"), Err(Negative));
        assert_eq!(Quantity::parse_decimal(&"9".repeat(100_000)), Err(TooLarge));
    }

    #[test]
    fn typed_numbers_may_have_groups_of_three_digits() {
        for (text, units) in [
            ("1.50", 1_500_000),
            (" 3 ", 3_000_000),
            ("3,000", 3_000_000_000),
            ("1,234,567.25", 1_234_567_250_000),
            ("3\u{202f}000", 3_000_000_000),
            ("3 000", 3_000_000_000),
            ("3’000.5", 3_000_500_000),
            (".5", 500_000),
            ("5.", 5_000_000),
            ("007", 7_000_000),
            ("+2", 2_000_000),
            ("٣", 3_000_000),
            ("３", 3_000_000),
        ] {
            assert_eq!(Quantity::parse_typed(text), Ok(Quantity(units)), "{text}");
        }
    }

    #[test]
    fn an_ambiguous_number_is_refused_with_a_spelling_that_is_not() {
        for (text, instead) in [
            ("1,5", "1.5"),
            ("1,50", "1.5"),
            ("0,500", "0.5"),
            ("1.234,56", "1234.56"),
            ("1.234.567", "1234567"),
            ("1,00,000", "100000"),
            ("12 34", "1234"),
            ("1,234 567", "1234567"),
        ] {
            let error = DecimalError::Ambiguous(instead.to_owned());
            assert_eq!(Quantity::parse_typed(text), Err(error), "{text}");
        }
        for text in ["", ",", "a,b", "NaN", "--1,000", "\0", "1\u{0}"] {
            assert_eq!(Quantity::parse_typed(text), Err(DecimalError::NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_quantity_is_read_as_it(units in 0_i64.., zeros in 0_usize..30) {
            let quantity = Quantity(units);
            let text = quantity.to_string();
            let point = if text.contains('.') { "" } else { "." };
            let padded = format!("{text}{point}{}", "0".repeat(zeros + 1));
            prop_assert_eq!(Quantity::parse_decimal(&text), Ok(quantity));
            prop_assert_eq!(Quantity::parse_decimal(&padded), Ok(quantity));
            prop_assert_eq!(Quantity::parse_typed(&padded), Ok(quantity));
            prop_assert_eq!(Quantity::parse_decimal(&format!("{units}e-6")), Ok(quantity));
        }

        #[test]
        fn no_text_is_read_with_a_fault(text in ".{0,60}", number in "[-+0-9.,eE ']{0,40}") {
            for text in [text, number] {
                _ = Quantity::parse_decimal(&text);
                if let Err(DecimalError::Ambiguous(instead)) = Quantity::parse_typed(&text) {
                    prop_assert!(Quantity::parse_typed(&instead).is_ok(), "{}", instead);
                }
            }
        }
    }
}
