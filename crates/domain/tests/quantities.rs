//! Numbers as clients write them: a corpus of JSON numbers and typed numbers, and mutations of it.

use domain::{DecimalError, Quantity};
use testkit::Fuzzer;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/quantities");
const TOKENS: &[&str] =
    &["e", "E-", "e+", ".", ",", "-", "+", "0", "'", " ", "\u{a0}", "999999999", "1,000", "000"];

#[test]
fn a_number_that_is_parsed_is_written_and_parsed_again() {
    Fuzzer::new(CORPUS, TOKENS).by_line().run(8_192, |text| {
        let Ok(text) = str::from_utf8(text) else { return };
        for parsed in [Quantity::parse_decimal(text), Quantity::parse_typed(text)] {
            let Ok(quantity) = parsed else { continue };
            assert!(quantity.0 >= 0, "{text}");
            assert_eq!(Quantity::parse_decimal(&quantity.to_string()), Ok(quantity), "{text}");
        }
    });
}

#[test]
fn a_json_number_is_the_same_number_where_a_person_types_it() {
    Fuzzer::new(CORPUS, TOKENS).by_line().run(8_192, |text| {
        let Ok(text) = str::from_utf8(text) else { return };
        if let Ok(quantity) = Quantity::parse_decimal(text) {
            let typed = Quantity::parse_typed(text);
            let is_too_long = text.len() > 100 && typed == Err(DecimalError::NotANumber);
            assert!(typed == Ok(quantity) || is_too_long, "{text}: {typed:?}");
        }
    });
}
