//! Members of JSON bodies that are strings or numbers, and the error texts for characters that a
//! field does not allow. `domain::text` decides which characters those are.

use domain::text::{TextError, TextKind, tidy};
use serde_json::value::RawValue;

/// The type of a member of a body.
pub(crate) enum Member<'a> {
    /// Missing, `null`, or a blank string.
    Absent,
    Text(String),
    /// The literal.
    Number(&'a str),
    /// A string with an unpaired surrogate.
    Broken(TextError),
    /// `true`, `false`, a list or an object.
    Other,
}

impl<'a> Member<'a> {
    pub(crate) fn of(raw: Option<&'a RawValue>) -> Self {
        let Some(raw) = raw.map(RawValue::get) else {
            return Self::Absent;
        };
        match raw.as_bytes().first() {
            Some(b'n') | None => Self::Absent,
            Some(b'-' | b'0'..=b'9') => Self::Number(raw),
            Some(b'"') => match serde_json::from_str::<String>(raw) {
                Ok(text) if text.trim().is_empty() => Self::Absent,
                Ok(text) => Self::Text(text),
                Err(_) => lone_surrogate(raw).map_or(Self::Other, Self::Broken),
            },
            Some(_) => Self::Other,
        }
    }
}

/// The first escaped surrogate without its other half.
fn lone_surrogate(raw: &str) -> Option<TextError> {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        let Some(unit) = escape.strip_prefix('u').and_then(unit) else {
            // An escape of one character, which may be a backslash.
            rest = escape.get(1..)?;
            continue;
        };
        rest = escape.get(5..)?;
        let low = rest.strip_prefix("\\u").and_then(self::unit);
        match unit {
            0xd800..=0xdbff if low.is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) => {
                rest = rest.get(6..)?;
            }
            0xd800..=0xdfff => return Some(TextError::surrogate(unit)),
            _ => {}
        }
    }
    None
}

fn unit(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits.get(..4)?, 16).ok()
}

/// Normalizes a text of this kind; the error text names the field by its label.
pub(crate) fn text_of(text: &str, kind: TextKind, label: &str) -> Result<String, String> {
    tidy(text, kind).map_err(|error| unfit(label, error, kind))
}

/// The error text for a character that the kind of text does not allow.
pub(crate) fn unfit(label: &str, error: TextError, kind: TextKind) -> String {
    let expected = kind.expected();
    format!("The {label} field must not contain {error}. Expected {expected}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(raw: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(raw).unwrap();
        match Member::of(Some(&raw)) {
            Member::Broken(error) => Some(error.code_point().to_string()),
            _ => None,
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_found() {
        for (raw, found) in [
            (r#""\ud800""#, "U+D800"),
            (r#""a\ud83d\ude00\udc00""#, "U+DC00"),
            (r#""\ud800\ud800""#, "U+D800"),
            (r#""\\\udfff""#, "U+DFFF"),
            (r#""\ud83dx""#, "U+D83D"),
        ] {
            assert_eq!(broken(raw).as_deref(), Some(found), "{raw}");
        }
        for raw in [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""a\n\u0041""#, "5", "null", "[]"] {
            assert_eq!(broken(raw), None, "{raw}");
        }
    }

    #[test]
    fn the_error_names_the_field_the_character_and_the_expected_kind() {
        let text = text_of("a\0", TextKind::Line, "name").unwrap_err();
        assert_eq!(
            text,
            "The name field must not contain U+0000 (a control character). \
             Expected one line of visible text."
        );
    }
}
