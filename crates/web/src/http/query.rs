//! Query strings, parsed as in the original API: lenient parameters are clamped, strict ones are
//! rejected with the original texts.

use std::convert::Infallible;
use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::PageRequest;
use domain::text::TextKind;

use crate::http::input::text_of;
use crate::problem::{FieldErrors, Problem};

/// The decoded parameters of a request, in their order.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    /// Parses a query string or the body of a form.
    pub(crate) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The value of a parameter; the last of several, as in the original API.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let mut last_first = self.0.iter().rev();
        last_first.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// An integer as cast by PHP: the leading digits, or 0.
    pub(crate) fn lenient_integer(&self, name: &str) -> Option<i64> {
        self.find(name).map(cast)
    }

    /// `page` and `per_page`, clamped.
    pub(crate) fn lenient_page(&self, per_page: i64, per_page_max: i64) -> PageRequest {
        let page = self.lenient_integer("page").unwrap_or(1);
        let per_page = self.lenient_integer("per_page").unwrap_or(per_page);
        PageRequest::clamped(page, per_page, per_page_max)
    }

    /// Starts parsing strict parameters.
    pub(crate) fn strict(&self) -> Fields<'_> {
        Fields { query: self, errors: FieldErrors::default() }
    }

    fn is_list(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('[')))
    }
}

/// Parses strict parameters and collects their errors. Blank values count as absent.
pub(crate) struct Fields<'a> {
    query: &'a Query,
    errors: FieldErrors,
}

impl<'a> Fields<'a> {
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let label = name.replace('_', " ");
        let text = self.value(name, || format!("The {label} field must be an integer."))?;
        let (least, most) = (range.start(), range.end());
        let read = match strict_integer(text) {
            None => Err(format!("The {label} field must be an integer.")),
            Some(n) if n < *least => Err(format!("The {label} field must be at least {least}.")),
            Some(n) if n > *most => {
                Err(format!("The {label} field must not be greater than {most}."))
            }
            Some(n) => Ok(n),
        };
        self.errors.collect(name, read)
    }

    /// A text of this kind whose length in characters is in a range.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        kind: TextKind,
        range: RangeInclusive<usize>,
    ) -> Option<String> {
        let label = name.replace('_', " ");
        let text = self.value(name, || format!("The {label} field must be a string."))?;
        let text = self.errors.collect(name, text_of(text, kind, &label))?;
        let (length, least, most) = (text.chars().count(), range.start(), range.end());
        let read = if length < *least {
            Err(format!("The {label} field must be at least {least} characters."))
        } else if length > *most {
            Err(format!("The {label} field must not be greater than {most} characters."))
        } else {
            Ok(text)
        };
        self.errors.collect(name, read)
    }

    /// A parameter that `parse` accepts.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        length_max: usize,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name, TextKind::Line, 0..=length_max)?;
        let parsed = parse(&text).ok_or_else(|| format!("The selected {name} is invalid."));
        self.errors.collect(name, parsed)
    }

    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.errors.finish()
    }

    fn value(&mut self, name: &'static str, not_one: impl Fn() -> String) -> Option<&'a str> {
        if self.query.is_list(name) {
            return self.errors.collect(name, Err(not_one()));
        }
        self.query.find(name).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// The leading digits after whitespace and a sign; saturating.
fn cast(text: &str) -> i64 {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let size = digits
        .fold(0i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -size } else { size }
}

/// An integer as accepted by PHP's filter: no leading zeros, no overflow.
fn strict_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    (!leading_zero).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes a text as browsers do in a form: a space is a plus.
    fn encode(text: &str) -> String {
        let mut encoded = String::new();
        for byte in text.bytes() {
            match byte {
                b' ' => encoded.push('+'),
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'*' => {
                    encoded.push(char::from(byte));
                }
                _ => encoded.push_str(&format!("%{byte:02x}")),
            }
        }
        encoded
    }

    /// The only value of a query.
    fn decode(text: &str) -> String {
        Query::parse(&format!("q={text}")).find("q").unwrap().to_owned()
    }

    proptest! {
        #[test]
        fn encoding_and_decoding_round_trip(text in any::<String>()) {
            prop_assert_eq!(decode(&encode(&text)), text.as_str());
            let all: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&all), text);
        }

        #[test]
        fn pairs_round_trip_through_a_form(
            pairs in prop::collection::vec(("\\PC{1,8}", any::<String>()), 0..8),
        ) {
            let written = |(name, value): &(String, String)| {
                encode(name) + "=" + &encode(value)
            };
            let written: Vec<String> = pairs.iter().map(written).collect();
            let query = Query::parse(&written.join("&"));
            let last = |name: &str| pairs.iter().rev().find(|(known, _)| known == name);
            for (name, _) in &pairs {
                let expected = last(name).map(|(_, value)| value.as_str());
                prop_assert_eq!(query.find(name), expected);
            }
            prop_assert_eq!(query.into_pairs(), pairs);
        }

        #[test]
        fn any_query_is_parsed_without_a_panic(text in "[%&=+0-9a-fA-F\\[\\]é]{0,60}|.{0,60}") {
            let pairs = text.split('&').filter(|pair| !pair.is_empty()).count();
            let query = Query::parse(&text);
            query.lenient_page(20, 100);
            let mut fields = query.strict();
            fields.integer("page", 1..=9);
            fields.text("search", TextKind::Search, 2..=50);
            let _ = fields.finish();
            prop_assert_eq!(query.into_pairs().len(), pairs);
        }

        #[test]
        fn malformed_escapes_are_kept(text in "(%[g-z0-9]?[g-z]?|[a-f])*") {
            let has_escape = text.as_bytes().windows(3).any(|window| {
                window[0] == b'%' && window[1..].iter().all(u8::is_ascii_hexdigit)
            });
            prop_assume!(!has_escape);
            prop_assert_eq!(decode(&text), text);
        }

        #[test]
        fn strict_integers_have_one_spelling(number: i64, text in "[-+0-9a-z. ]{0,21}") {
            prop_assert_eq!(strict_integer(&number.to_string()), Some(number));
            if let Some(found) = strict_integer(&text) {
                let plain = text.strip_prefix('+').unwrap_or(&text);
                prop_assert!(found.to_string() == plain || plain == "-0");
            }
            cast(&text);
        }
    }

    #[test]
    fn parameters_are_decoded_and_the_last_of_several_wins() {
        let query = Query::parse("a=1&a=2&b=x+y%20z&c=%e4%bd%a0&d=%zz%&e&f=%FF");
        assert_eq!(query.find("a"), Some("2"));
        assert_eq!(query.find("b"), Some("x y z"));
        assert_eq!(query.find("c"), Some("\u{4f60}"));
        assert_eq!(query.find("d"), Some("%zz%"));
        assert_eq!((query.find("e"), query.find("f")), (Some(""), Some("\u{fffd}")));
        assert_eq!(query.find("g"), None);
    }

    #[test]
    fn lenient_numbers_are_cast() {
        let cases =
            [("12abc", 12), (" -5", -5), ("", 0), ("abc", 0), ("99999999999999999999", i64::MAX)];
        for (text, number) in cases {
            assert_eq!(cast(text), number, "{text:?}");
        }
    }

    #[test]
    fn strict_integers_are_whole_and_fit() {
        assert_eq!((strict_integer("5"), strict_integer("-0")), (Some(5), Some(0)));
        for text in ["01", "1.0", "1e3", "abc", "9223372036854775808", "--1"] {
            assert_eq!(strict_integer(text), None, "{text:?}");
        }
    }

    #[test]
    fn lists_are_errors_and_blanks_are_absent() {
        let query = Query::parse("page[]=1&search=++&category[0]=x");
        let mut fields = query.strict();
        assert_eq!(fields.integer("page", 1..=9), None);
        assert_eq!(fields.text("search", TextKind::Search, 2..=50), None);
        assert_eq!(fields.text("category", TextKind::Line, 0..=9), None);
        assert!(fields.finish().is_err());
        let query = Query::parse("search=++");
        let mut fields = query.strict();
        assert_eq!(fields.text("search", TextKind::Search, 2..=50), None);
        assert!(fields.finish().is_ok());
    }
}
