//! Numbers as text, for the API, files and pages: values are exact and are rounded once, half away
//! from zero; "-0.00" does not occur. Percentages of a whole are not adjusted to add up to 100.
//! Only pages group digits, in `pages::format`.

use domain::{Price, Quantity, Ratio};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A percentage with two places: `59.83`, `-0.45`.
pub(crate) fn percent(ratio: Ratio) -> String {
    percent_to(ratio, 2)
}

pub(crate) fn percent_to(ratio: Ratio, places: u32) -> String {
    fixed(ratio.percent(places).into(), places)
}

/// `units` of 10^-`places`, with all their digits: `-0.45`.
pub(crate) fn fixed(units: i128, places: u32) -> String {
    let places = usize::try_from(places).unwrap_or(0);
    let digits = format!("{:0width$}", units.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if units < 0 { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A price or a difference of prices with all four places: `191.2400`.
pub(crate) fn padded_price(price: Price) -> String {
    fixed(price.0.into(), 4)
}

/// A JSON number with these digits, without trailing zeros.
pub(crate) fn json_number(text: &str) -> Value {
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text.contains('.') { trimmed } else { text };
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A number of shares, serialized as a JSON number without passing through a float.
pub(crate) struct Shares(pub(crate) Quantity);

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let literal = RawValue::from_string(self.0.to_string());
        literal.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl PartialSchema for Shares {
    fn schema() -> RefOr<Schema> {
        let number = utoipa::openapi::schema::Type::Number;
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(number)
            .description(Some("A number of shares: whole, or with up to six decimal places."))
            .examples([3])
            .into()
    }
}

impl ToSchema for Shares {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_half_away_from_zero_at_its_last_digit() {
        let profit = Ratio::change(13_139, 21_000);
        assert_eq!([2, 6].map(|places| percent_to(profit, places)), ["59.83", "59.829515"]);
        let loss = Ratio::change(150_000, 101_000);
        assert_eq!([2, 6].map(|places| percent_to(loss, places)), ["-32.67", "-32.666667"]);
        assert_eq!(percent_to(Ratio::of(1, 8), 0), "13");
    }

    #[test]
    fn a_number_that_is_rounded_to_zero_has_no_sign() {
        assert_eq!(percent(Ratio::of(-1, 1_000_000)), "0.00");
        assert_eq!(percent_to(Ratio::of(-1, 1_000_000), 6), "-0.000100");
        assert_eq!([fixed(0, 2), fixed(-5, 2), fixed(-5, 0)], ["0.00", "-0.05", "-5"]);
    }

    #[test]
    fn a_json_number_has_the_digits_of_its_text() {
        let number = |text| json_number(text).to_string();
        assert_eq!(
            [number("191.2400"), number("-0.5000"), number("3.0000")],
            ["191.24", "-0.5", "3"]
        );
        assert_eq!((number("100"), json_number("x")), ("100".to_owned(), Value::Null));
        assert_eq!(padded_price(Price(8)), "0.0008");
    }

    #[test]
    fn fixed_numbers_have_all_their_digits() {
        for units in [i128::from(i64::MIN), -1, 0, 7, 1_234_567, i128::from(u64::MAX)] {
            for places in 1..12 {
                let text = fixed(units, places);
                let after = text.split_once('.').map_or(0, |(_, after)| after.len());
                assert_eq!((text.replace('.', "").parse(), after), (Ok(units), places as usize));
            }
        }
    }
}
