//! URLs within this server: percent-encoding, and which ones a form may redirect to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986) and the slash.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The longest URL to return to after logging in.
const NEXT_LENGTH_MAX: usize = 512;

/// A text as the value of a query parameter, or as a segment of a path.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The path and query `next`, unless it could lead to another server.
pub(crate) fn safe_next(next: &str) -> Option<&str> {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte));
    let is_local = next.starts_with('/') && !next.starts_with("//") && next != "/";
    (is_local && is_plain && next.len() <= NEXT_LENGTH_MAX).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded() {
        assert_eq!(encode("/market?q=a b&x=é"), "/market%3Fq%3Da%20b%26x%3D%C3%A9");
    }

    #[test]
    fn only_urls_of_this_server_are_returned_to() {
        for next in ["/market", "/stocks/AAPL?range=1y", "/history?symbol=a%20b"] {
            assert_eq!(safe_next(next), Some(next));
        }
        for next in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "x",
            "/a b",
            "/\u{e9}",
        ] {
            assert_eq!(safe_next(next), None, "{next}");
        }
        assert_eq!(safe_next(&format!("/{}", "a".repeat(512))), None);
    }
}
