//! Numbers in responses of providers, parsed from their literal text, as JSON strings or numbers.

use domain::Price;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::decimal::{Decimal, PRICE_PLACES};

/// The literal text of a JSON string or number; `None` for `null`, other values and words for a
/// missing value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JsonLiteral(Option<String>);

impl JsonLiteral {
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The price, rounded to four places; `None` unless it is above zero and at most
    /// [`Price::MAX`].
    pub(super) fn price(&self) -> Option<Price> {
        let price = Decimal::parse(self.text()?)?.rounded_to(PRICE_PLACES)?;
        let price = i64::try_from(price).ok().map(Price)?;
        (price.0 > 0 && price <= Price::MAX).then_some(price)
    }

    /// A whole number, like a volume or an instant; a fraction is rounded.
    pub(super) fn whole(&self) -> Option<i64> {
        Decimal::parse(self.text()?)?.whole()
    }
}

impl<'de> Deserialize<'de> for JsonLiteral {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> JsonLiteral {
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
    fn malformed_prices_are_rejected() {
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

    #[test]
    fn numbers_of_the_corpus_and_their_mutations_are_parsed_without_a_panic() {
        const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/json_numbers");
        const TOKENS: &[&str] =
            &["e", "E-", "e+", ".", "-", "0", "9999999999", "\"", "None", "\\u0030"];
        let parse = |json: &[u8]| {
            let Ok(json) = str::from_utf8(json) else { return };
            let Ok(literal) = serde_json::from_str::<JsonLiteral>(json) else { return };
            assert!(literal.price().is_none_or(|price| price.0 > 0 && price <= Price::MAX));
            // A number means the same as a string and as a number.
            if let Some(text) = literal.text().filter(|_| !json.trim().starts_with('"')) {
                let as_string = read(&format!("\"{text}\""));
                assert_eq!(
                    (as_string.price(), as_string.whole()),
                    (literal.price(), literal.whole())
                );
            }
        };
        testkit::Fuzzer::new(CORPUS, TOKENS).by_line().run(4_096, parse);
    }

    proptest! {
        #[test]
        fn any_json_is_parsed_without_a_panic(
            number in "-?[0-9]{0,45}(\\.[0-9]{0,45})?([eE][-+]?[0-9]{1,12})?", text in ".{0,50}",
        ) {
            for json in [number.clone(), format!("\"{number}\""), text] {
                if let Ok(literal) = serde_json::from_str::<JsonLiteral>(&json) {
                    let price = literal.price();
                    prop_assert!(price.is_none_or(|price| price.0 > 0 && price <= Price::MAX));
                    let _whole = literal.whole();
                }
            }
        }

        #[test]
        fn every_spelling_of_a_price_has_its_value(
            units in 1i64..10_000_000_000,
            zeros in 0usize..9,
        ) {
            let (price, zeros) = (Price(units), "0".repeat(zeros));
            let decimal = format!("{}.{:04}{zeros}", units / 10_000, units % 10_000);
            for json in [decimal.clone(), format!("\" {decimal} \""), format!("{units}e-4")] {
                prop_assert_eq!(read(&json).price(), Some(price), "{}", json);
            }
        }

        #[test]
        fn a_price_is_rounded_half_up(units in 1i64..1_000_000_000, rest in 0i64..1_000) {
            let json = format!("{}.{:04}{rest:03}", units / 10_000, units % 10_000);
            prop_assert_eq!(read(&json).price(), Some(Price(units + i64::from(rest >= 500))));
        }
    }
}
