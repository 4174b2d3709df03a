//! Query strings, read as the original reads them: some routes clamp whatever they get, others
//! refuse it in the original's words. Bodies are read in `body`.

use std::convert::Infallible;
use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::PageRequest;
use domain::text::TextKind;

use crate::input::text_of;
use crate::problem::{FieldErrors, Problem};

/// The parameters of a request, decoded, in their order.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    /// What stands in an address after `?`, and in a form.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(split.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    /// All of them.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The value of a parameter; of several the last, as in the original.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let mut last_first = self.0.iter().rev();
        last_first.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A whole number as PHP's cast makes it: as many digits as there are, else 0.
    pub(crate) fn lenient_integer(&self, name: &str) -> Option<i64> {
        self.find(name).map(cast)
    }

    /// `page` and `per_page`, clamped.
    pub(crate) fn lenient_page(&self, per_page: i64, per_page_max: i64) -> PageRequest {
        let page = self.lenient_integer("page").unwrap_or(1);
        let per_page = self.lenient_integer("per_page").unwrap_or(per_page);
        PageRequest::clamped(page, per_page, per_page_max)
    }

    /// To read parameters that are refused when they are wrong.
    pub(crate) fn strict(&self) -> Fields<'_> {
        Fields { query: self, errors: FieldErrors::default() }
    }

    fn is_list(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('[')))
    }
}

/// Reads parameters and collects what is wrong with them. Blank ones count as absent.
pub(crate) struct Fields<'a> {
    query: &'a Query,
    errors: FieldErrors,
}

impl<'a> Fields<'a> {
    /// A whole number in a range.
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
        self.errors.keep(name, read)
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
        let text = self.errors.keep(name, text_of(text, kind, &label))?;
        let (length, least, most) = (text.chars().count(), range.start(), range.end());
        let read = if length < *least {
            Err(format!("The {label} field must be at least {least} characters."))
        } else if length > *most {
            Err(format!("The {label} field must not be greater than {most} characters."))
        } else {
            Ok(text)
        };
        self.errors.keep(name, read)
    }

    /// Fails if anything was wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.errors.finish()
    }

    fn value(&mut self, name: &'static str, not_one: impl Fn() -> String) -> Option<&'a str> {
        if self.query.is_list(name) {
            return self.errors.keep(name, Err(not_one()));
        }
        self.query.find(name).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Undoes percent and plus; what is no UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [byte, after @ ..] = rest {
        let (value, after) = match (*byte, after) {
            (b'+', after) => (b' ', after),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, after),
                _ => (b'%', &rest[1..]),
            },
            (byte, after) => (byte, after),
        };
        decoded.push(value);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The digits at the beginning, after blanks and a sign; saturating.
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

/// A whole number written as PHP's filter wants it: no zeros in front, no overflow.
fn strict_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    (!leading_zero).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_last_of_several_counts() {
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
    fn strict_numbers_are_whole_and_fit() {
        assert_eq!((strict_integer("5"), strict_integer("-0")), (Some(5), Some(0)));
        for text in ["01", "1.0", "1e3", "abc", "9223372036854775808", "--1"] {
            assert_eq!(strict_integer(text), None, "{text:?}");
        }
    }

    #[test]
    fn lists_and_blanks_are_no_values() {
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
