//! CORS as in the original API. The API uses no cookies, so every origin may call it unless the
//! configuration restricts them.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::AppState;

const ANY: HeaderValue = HeaderValue::from_static("*");
/// Response headers that scripts may read in addition to the safelisted ones.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, \
     WWW-Authenticate, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers");

/// Middleware that responds to preflight requests and adds the CORS headers.
pub(crate) async fn add_cors(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let allowed = allowed_origin(&state.config.http.cors_origins, request.headers());
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if is_preflight { preflight(request.headers()) } else { next.run(request).await };
    let headers = response.headers_mut();
    if allowed.as_ref() != Some(&ANY) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// The value of `Access-Control-Allow-Origin`, if any.
fn allowed_origin(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.iter().any(|origin| origin == "*") {
        return Some(ANY);
    }
    let origin = headers.get(header::ORIGIN)?;
    origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, VARY_PREFLIGHT);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("0"));
    let echoed = [
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
    ];
    for (requested, allowed) in echoed {
        if let Some(value) = request.get(requested) {
            headers.insert(allowed, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_origins_are_allowed_and_others_are_not() {
        let from = |origin: &'static str| {
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
        };
        let some = ["https://play.example".to_owned()];
        let known = allowed_origin(&some, &from("https://play.example"));
        assert_eq!(known, Some(HeaderValue::from_static("https://play.example")));
        assert_eq!(allowed_origin(&some, &from("https://evil.example")), None);
        assert_eq!(allowed_origin(&some, &HeaderMap::new()), None);
        assert_eq!(allowed_origin(&["*".to_owned()], &HeaderMap::new()), Some(ANY));
    }
}
