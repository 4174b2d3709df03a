//! Members of JSON bodies that are texts or numbers, and the words in which the API refuses a text
//! that has a character its field does not allow. Which characters those are is `domain::text`'s
//! decision, for the pages' forms and for queries alike.

use domain::text::{TextError, TextKind, tidy};
use serde_json::value::RawValue;

/// What a member of a body is.
pub(crate) enum Member<'a> {
    /// Not there, `null`, or a text of blanks only.
    Absent,
    Text(String),
    /// As it was written.
    Number(&'a str),
    /// A text that has half of a surrogate pair in it, which no text of Unicode has.
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

/// The first escaped half of a surrogate pair without its other half.
fn lone_surrogate(raw: &str) -> Option<TextError> {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        let Some(unit) = escape.strip_prefix('u').and_then(unit) else {
            // An escape of one character; a backslash may follow a backslash.
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

/// A text of this kind, tidied; refused in the API's words, which call the field by its label.
pub(crate) fn text_of(text: &str, kind: TextKind, label: &str) -> Result<String, String> {
    tidy(text, kind).map_err(|error| unfit(label, error, kind))
}

/// That a field has a character which its kind of text cannot have.
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
    fn half_of_a_surrogate_pair_is_found() {
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
    fn a_refusal_names_the_field_the_character_and_what_was_expected() {
        let text = text_of("a\0", TextKind::Line, "name").unwrap_err();
        assert_eq!(
            text,
            "The name field must not contain U+0000 (a control character). \
             Expected one line of visible text."
        );
    }
}
