//! The host at which clients reach a server behind a proxy, which often sends another `Host`.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::log_limit::LogLimit;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The longest header value that is logged, in characters.
const LOGGED_LENGTH_MAX: usize = 100;

/// Replaces `Host` by the host that a trusted proxy forwards. Of several the last one is used: the
/// proxy has added it itself, the ones before may come from the client.
pub(crate) fn apply(headers: &mut HeaderMap) {
    let last = headers.get_all(FORWARDED_HOST).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    if let Some(host) = last.and_then(|text| parse(text.trim())) {
        headers.insert(header::HOST, host);
    }
}

/// Behind a proxy that sends another `Host`, no form is accepted. The operator needs both values.
pub(crate) fn warn_of_origin(origin: &str, host: &str) {
    static LOG_LIMIT: LogLimit = LogLimit::new();
    let shorten = |text: &str| text.chars().take(LOGGED_LENGTH_MAX).collect::<String>();
    if let Some(forms) = LOG_LIMIT.count() {
        tracing::warn!(
            origin = shorten(origin),
            host = shorten(host),
            forms,
            "refused a form whose Origin is not the Host; if clients reach this server at that \
             Origin, let the proxy send X-Forwarded-Host and list it in http.trusted_proxies"
        );
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
