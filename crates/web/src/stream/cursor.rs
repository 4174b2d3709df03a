//! The position in a stream: the `id` of every event, and `Last-Event-ID`. It is not a secret: a
//! client that changes it still receives its own events only.

use std::fmt;

use axum::http::{HeaderMap, HeaderName};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `7.1.1795000005`: the ledger up to version 7, the first event of version 8, and the prices of
/// publication 1795000005.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The version of the player's ledger of which all events were sent.
    pub(crate) version: i64,
    /// How many events of the next version were sent.
    pub(crate) part: usize,
    /// The number of the newest prices that were sent; 0 for none.
    pub(crate) prices: i64,
}

impl Cursor {
    /// The position of a client that reconnects; `None` without a well-formed `Last-Event-ID`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(LAST_EVENT_ID)?.to_str().ok()?)
    }

    /// Parses what [`Display`](fmt::Display) wrote, and no other spelling of it.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (version, part) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let cursor = Self { version, part, prices: parts.next()?.parse().ok()? };
        let is_sound = cursor.version >= 0 && cursor.prices >= 0 && cursor.to_string() == text;
        is_sound.then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.version, self.part, self.prices)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(value: HeaderValue) -> Option<Cursor> {
        Cursor::of(&HeaderMap::from_iter([(LAST_EVENT_ID, value)]))
    }

    proptest! {
        #[test]
        fn a_cursor_round_trips_through_the_header(
            version in 0i64.., part: usize, prices in 0i64..,
        ) {
            let cursor = Cursor { version, part, prices };
            let value = HeaderValue::from_str(&cursor.to_string()).unwrap();
            prop_assert_eq!(of(value), Some(cursor));
        }

        #[test]
        fn a_parsed_cursor_has_one_spelling(text in "[-+0-9. ]{0,24}") {
            if let Some(cursor) = Cursor::parse(&text) {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }

        #[test]
        fn any_header_is_parsed_without_a_panic(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                of(value);
            }
        }
    }

    #[test]
    fn malformed_cursors_are_rejected() {
        let cursor = Cursor { version: 7, part: 1, prices: 1_795_000_005 };
        assert_eq!(cursor.to_string(), "7.1.1795000005");
        assert_eq!(Cursor::parse("7.1.1795000005"), Some(cursor));
        for text in [
            "", "7", "7.1", "7.1.x", "-7.1.5", "7.-1.5", "7.1.5.9", "9e9.0.0", "a.b.c", "+7.1.5",
            "7.01.5", "7.1.-5",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
