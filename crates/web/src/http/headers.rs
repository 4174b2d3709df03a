//! Default security and cache headers. A header that a route has set itself is kept.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// A response may load the server's own styles and images only.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    // Responses are private unless they state otherwise.
    (header::CACHE_CONTROL, "no-store"),
];

pub(crate) async fn protect(request: Request, next: Next) -> Response {
    protected(next.run(request).await)
}

/// Adds `Strict-Transport-Security` (RFC 6797), unless `max_age_s` is 0.
pub(crate) fn add_hsts(response: &mut Response, max_age_s: u64) {
    let value = HeaderValue::from_str(&format!("max-age={max_age_s}; includeSubDomains"));
    if let (1.., Ok(value)) = (max_age_s, value) {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// Adds the `Link` to the next page of a list.
pub(crate) fn link_next(response: &mut Response, address: &str) {
    if let Ok(link) = HeaderValue::from_str(&format!("<{address}>; rel=\"next\"")) {
        response.headers_mut().insert(header::LINK, link);
    }
}

/// Adds the default headers.
pub(crate) fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
