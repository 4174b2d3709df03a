//! Which pages of other origins may call the API, answered as the original answers. There are no
//! cookies in the API, so any page may, unless the configuration names some.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::AppState;

const ANY: HeaderValue = HeaderValue::from_static("*");
/// What scripts may read besides what they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, \
     WWW-Authenticate, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers");

/// The layer that answers preflights and marks answers.
pub(crate) async fn answer(
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

/// What `Access-Control-Allow-Origin` says, if anything.
fn allowed_origin(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.iter().any(|origin| origin == "*") {
        return Some(ANY);
    }
    let asked = headers.get(header::ORIGIN)?;
    origins.iter().any(|origin| origin.as_bytes() == asked.as_bytes()).then(|| asked.clone())
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, VARY_PREFLIGHT);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("0"));
    let echoed = [
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
    ];
    for (question, answer) in echoed {
        if let Some(value) = asked.get(question) {
            headers.insert(answer, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_origins_are_repeated_and_others_get_nothing() {
        let asked = |origin: &'static str| {
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
        };
        let some = ["https://play.example".to_owned()];
        let known = allowed_origin(&some, &asked("https://play.example"));
        assert_eq!(known, Some(HeaderValue::from_static("https://play.example")));
        assert_eq!(allowed_origin(&some, &asked("https://evil.example")), None);
        assert_eq!(allowed_origin(&some, &HeaderMap::new()), None);
        assert_eq!(allowed_origin(&["*".to_owned()], &HeaderMap::new()), Some(ANY));
    }
}
