//! The span of a request in a trace (docs/traces.md): method, route, status and request id; never
//! the path, the query or the player.

use std::fmt::Display;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// Decides whether a request is traced, and makes its span if so: as a child of the trace context
/// of a trusted proxy, whose decision applies, or as the root of a new trace. Otherwise it returns
/// a disabled span.
pub type StartTrace = fn(Option<&str>, fn() -> Span) -> Span;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of a request; disabled unless the request is sampled.
#[derive(Clone)]
pub(crate) struct RequestTrace(Span);

impl RequestTrace {
    pub(crate) fn start(
        start: StartTrace,
        traceparent: Option<&HeaderValue>,
        method: &'static str,
        request_id: &impl Display,
    ) -> Self {
        let span = start(traceparent.and_then(|value| value.to_str().ok()), request_span);
        if !span.is_disabled() {
            span.record("otel.name", method);
            span.record("http.request.method", method);
            span.record("request_id", tracing::field::display(request_id));
        }
        Self(span)
    }

    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// Names the span. Called before any span within this one begins: later, its name is fixed.
    pub(crate) fn set_route(&self, method: &'static str, route: &str) {
        if !self.0.is_disabled() {
            self.0.record("otel.name", tracing::field::display(format_args!("{method} {route}")));
            self.0.record("http.route", route);
        }
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        if !self.0.is_disabled() {
            self.0.record("http.response.status_code", i64::from(status.as_u16()));
            if status.is_server_error() {
                self.0.record("otel.status_code", "error");
            }
        }
    }
}

fn request_span() -> Span {
    info_span!(
        target: domain::TRACE_ROOTS,
        parent: None,
        "request",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = Empty,
    )
}
