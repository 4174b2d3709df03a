//! The host at which clients reach a server behind a proxy, which often sends another `Host`.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Replaces `Host` by the host that a trusted proxy forwards. Of several the last one is used: the
/// proxy has added it itself, the ones before may come from the client.
pub(crate) fn apply(headers: &mut HeaderMap) {
    let last = headers.get_all(FORWARDED_HOST).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    if let Some(host) = last.and_then(|text| parse(text.trim())) {
        headers.insert(header::HOST, host);
    }
}

/// `HOST` or `HOST:PORT`.
fn parse(text: &str) -> Option<HeaderValue> {
    let authority: Authority = text.parse().ok()?;
    if authority.host().is_empty() || text.contains('@') {
        return None;
    }
    HeaderValue::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_after(forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
        for value in forwarded {
            headers.append(FORWARDED_HOST, HeaderValue::from_static(value));
        }
        apply(&mut headers);
        headers[header::HOST].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_last_forwarded_host_replaces_the_host() {
        assert_eq!(host_after(&[]), "127.0.0.1:8080");
        assert_eq!(host_after(&["play.example"]), "play.example");
        assert_eq!(host_after(&["play.example:8443"]), "play.example:8443");
        assert_eq!(host_after(&["[2001:db8::1]:80"]), "[2001:db8::1]:80");
        assert_eq!(host_after(&["forged.example, play.example"]), "play.example");
        assert_eq!(host_after(&["forged.example", "play.example"]), "play.example");
    }

    #[test]
    fn what_is_no_host_is_ignored() {
        for text in ["", " ", ",", "a b", "user@play.example", "play.example/path", ":80"] {
            assert_eq!(host_after(&[text]), "127.0.0.1:8080", "{text:?}");
        }
    }
}
