//! The headers that tell browsers and caches to be careful. A route that knows better sets its own,
//! and keeps it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// What an answer may load: nothing but our own style sheet and pictures.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    // Whatever does not say that it can be kept is private.
    (header::CACHE_CONTROL, "no-store"),
];

/// The layer that adds them.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    protected(next.run(request).await)
}

/// Tells a browser to come over HTTPS only from now on, as long as a host wants that (RFC 6797).
pub(crate) fn insist_on_https(response: &mut Response, max_age_s: u64) {
    let value = HeaderValue::from_str(&format!("max-age={max_age_s}; includeSubDomains"));
    if let (1.., Ok(value)) = (max_age_s, value) {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// The same answer with all of them.
pub(crate) fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
