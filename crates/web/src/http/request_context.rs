//! The layers around every request: request id, log span, trace, metrics, timeout, recovery from
//! panics, and the body of an error.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use ipnet::IpNet;
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

use crate::auth::sessions::RequestId;
use crate::http::access_log::RequestSummary;
use crate::http::client_address::{self, ClientAddress};
use crate::http::cookies::CameByHttps;
use crate::http::request_trace::{RequestTrace, TRACEPARENT};
use crate::http::{forwarded_host, headers};
use crate::problem::{Problem, codes};
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The longest path that an error repeats, in characters.
const PATH_LENGTH_MAX: usize = 256;

/// What the outermost layer needs of a request after it was consumed.
struct RequestInfo {
    request_id: RequestId,
    method: Method,
    path: String,
    route: Route,
    trace: RequestTrace,
    /// Whether a trusted proxy reports that the client used HTTPS.
    is_https: bool,
    /// The prefix of the client's address.
    network: IpNet,
}

/// The route of a request, once the router has found it.
#[derive(Clone, Default)]
struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    fn name(&self) -> &str {
        self.0.get().map_or("none", MatchedPath::as_str)
    }
}

impl RequestInfo {
    /// Assigns the request id and resolves the client address.
    fn new(state: &AppState, request: &mut Request) -> Self {
        let (mut request_id, mut is_https, mut traceparent) = (None, false, None);
        if let Some(peer) = client_address::peer_of(request.extensions()) {
            let client = client_address::resolve(
                peer,
                request.headers(),
                &state.config.http.trusted_proxies,
            );
            request.extensions_mut().insert(ClientAddress(client));
            // Other clients could reuse the ids of other requests, and have all theirs traced.
            if state.config.http.trusted_proxies.contains(peer) {
                request_id = request.headers().get(REQUEST_ID).and_then(RequestId::parse);
                traceparent = request.headers().get(TRACEPARENT).cloned();
                is_https = request.headers().get(FORWARDED_PROTO).is_some_and(|p| p == "https");
                forwarded_host::apply(request.headers_mut());
            }
        }
        let request_id = request_id.unwrap_or_else(|| RequestId::new(&*state.entropy));
        request.extensions_mut().insert(request_id.clone());
        let path: String = request.uri().path().chars().take(PATH_LENGTH_MAX).collect();
        let route = Route::default();
        request.extensions_mut().insert(route.clone());
        request.extensions_mut().insert(CameByHttps(is_https));
        let network = client_address::prefix_of(client_address::client_of(request.extensions()));
        let method = request.method().clone();
        let start = state.start_trace;
        let name = method_label(&method);
        let trace = RequestTrace::start(start, traceparent.as_ref(), name, &request_id);
        request.extensions_mut().insert(trace.clone());
        Self { request_id, method, path, route, trace, is_https, network }
    }

    /// The same for the access log.
    fn summary(self) -> RequestSummary {
        let (method, route) = (self.method(), self.route.name().to_owned());
        RequestSummary { request_id: self.request_id, method, route, network: self.network }
    }

    fn method(&self) -> &'static str {
        method_label(&self.method)
    }
}

/// The method as a metric label; bounded, since a client can send any word.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// The innermost layer: records the matched route for the outermost layer.
pub(crate) async fn record_route(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if let (Some(path), Some(route)) = (extensions.get::<MatchedPath>(), extensions.get::<Route>())
    {
        tracing::Span::current().record("route", path.as_str());
        if let Some(trace) = extensions.get::<RequestTrace>() {
            trace.set_route(method_label(request.method()), path.as_str());
        }
        // A request is routed once.
        let _ = route.0.set(path.clone());
    }
    next.run(request).await
}

/// The outermost layer. It is outside of the router, which adds `Allow` to its errors.
pub(crate) async fn add_context(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let info = RequestInfo::new(&state, &mut request);
    let span = tracing::info_span!(
        "request",
        id = %info.request_id,
        method = info.method(),
        route = Empty,
        player_id = Empty,
    );
    // The log span is the inner one: `Span::current` records its fields.
    let response = next.run(request).instrument(span.clone()).instrument(info.trace.span());
    let mut response = response.await;
    if let Some(problem) = take_problem(&mut response, &info.method, &info.path) {
        problem.write(&mut response, &info.request_id.to_string());
        if info.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
    }
    if let Ok(value) = HeaderValue::from_str(&info.request_id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if info.is_https {
        headers::add_hsts(&mut response, state.config.http.hsts_max_age_s);
    }
    info.trace.set_status(response.status());
    span.in_scope(|| record(&info, &response, started.elapsed()));
    if state.has_access_log() {
        response.extensions_mut().insert(info.summary());
    }
    response
}

/// Middleware that turns a timeout and a panic into problems.
pub(crate) async fn recover(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let timeout = Duration::from_millis(state.config.http.request_timeout_ms);
    // Boxed: the state of all layers and handlers is large to hold inline.
    let inner = AssertUnwindSafe(Box::pin(next.run(request))).catch_unwind();
    match tokio::time::timeout(timeout, inner).await {
        Ok(Ok(response)) => response,
        // The panic hook has logged the location and the message.
        Ok(Err(_)) => headers::protected(Problem::internal().into_response()),
        // The desk executes an accepted order even if the request has ended.
        Err(_) => headers::protected(Problem::from(&codes::TIMED_OUT).into_response()),
    }
}

/// Takes the problem out of a response, or makes the problem of the router's own error. `None` once
/// the problem is written.
pub(crate) fn take_problem(
    response: &mut Response,
    method: &Method,
    path: &str,
) -> Option<Problem> {
    let problem = response.extensions_mut().remove::<Problem>();
    if problem.is_some() {
        return problem;
    }
    // The router's own errors have no body or one of plain text; any other body is complete.
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain")) {
        return None;
    }
    match response.status() {
        status if status == codes::METHOD_NOT_ALLOWED.status => {
            let allowed = response.headers().get(header::ALLOW);
            let allowed = allowed.and_then(|value| value.to_str().ok()).unwrap_or_default();
            Some(Problem::method_not_allowed(method, path, allowed))
        }
        // The text of the router's own error describes its internals.
        status if status == codes::BAD_REQUEST.status => Some((&codes::BAD_REQUEST).into()),
        _ => None,
    }
}

fn record(info: &RequestInfo, response: &Response, elapsed: Duration) {
    let status = response.status();
    // A route and a method that it does not accept would make series without number.
    let is_route = status != StatusCode::METHOD_NOT_ALLOWED;
    let route = if is_route { info.route.name() } else { "none" }.to_owned();
    let method = info.method();
    let status_text = status.as_str().to_owned();
    metrics::counter!("openbell_http_requests_total",
        "route" => route.clone(), "method" => method, "status" => status_text)
    .increment(1);
    metrics::histogram!("openbell_http_request_duration_seconds",
        "route" => route, "method" => method)
    .record(elapsed);
    let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(
            status = status.as_u16(),
            duration_us,
            "the request failed with a server error"
        );
    } else {
        tracing::debug!(status = status.as_u16(), duration_us, "the request was served");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(status: StatusCode, content_type: Option<&'static str>) -> Option<&'static str> {
        let mut response = status.into_response();
        if let Some(kind) = content_type {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        take_problem(&mut response, &Method::PUT, "/market").map(|problem| problem.kind().1)
    }

    #[test]
    fn errors_of_the_router_become_problems() {
        let plain = Some("text/plain; charset=utf-8");
        assert_eq!(code_of(StatusCode::METHOD_NOT_ALLOWED, None), Some("method_not_allowed"));
        assert_eq!(code_of(StatusCode::BAD_REQUEST, plain), Some("bad_request"));
        assert_eq!(code_of(StatusCode::OK, plain), None);
    }

    #[test]
    fn a_problem_that_is_written_is_not_written_again() {
        for kind in ["text/html; charset=utf-8", "application/problem+json"] {
            assert_eq!(code_of(StatusCode::BAD_REQUEST, Some(kind)), None, "{kind}");
            assert_eq!(code_of(StatusCode::METHOD_NOT_ALLOWED, Some(kind)), None, "{kind}");
        }
    }
}
