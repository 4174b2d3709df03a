//! The metrics of HTTP, sessions and event streams.

use domain::{MetricFamily, MetricLabel};

use crate::auth::security_events::SecurityEventKind;

/// More pairs of route and method than there are; other requests have the route `none`.
const OPERATIONS_MAX: usize = 300;
const ROUTE: MetricLabel = MetricLabel::open("route");
const METHOD: MetricLabel = MetricLabel::open("method");
const STATUS: MetricLabel = MetricLabel::open("status");
const QUOTA: MetricLabel = MetricLabel::known("quota", || {
    vec![
        "read",
        "trade",
        "external",
        "login_per_address",
        "login_per_account",
        "register_per_address",
    ]
});
const EVENT: MetricLabel = MetricLabel::open("event");
const SECURITY_EVENT: MetricLabel =
    MetricLabel::known("event", || SecurityEventKind::ALL.map(SecurityEventKind::as_str).to_vec());

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter("openbell_http_requests_total", "Requests that were answered.")
        .at_most(6 * OPERATIONS_MAX, &[ROUTE, METHOD, STATUS]),
    MetricFamily::histogram(
        "openbell_http_request_duration_seconds",
        "Time from the headers of a request to the headers of its response.",
    )
    .at_most(OPERATIONS_MAX, &[ROUTE, METHOD]),
    MetricFamily::counter(
        "openbell_http_connections_refused_total",
        "Connections that were closed at once because of a limit on connections or open files.",
    ),
    MetricFamily::counter(
        "openbell_rate_limited_total",
        "Requests that were answered with 429, by the limit that they exceeded.",
    )
    .by(&[QUOTA]),
    MetricFamily::counter(
        "openbell_security_events_total",
        "Security events by kind, such as sign_in_failed; docs/logs.md lists them.",
    )
    .by(&[SECURITY_EVENT]),
    MetricFamily::gauge(
        "openbell_password_hash_queue_length",
        "Passwords that wait to be hashed or verified.",
    ),
    MetricFamily::gauge("openbell_http_connections_open", "Open HTTP connections."),
    MetricFamily::gauge("openbell_streams_open", "Open event streams."),
    MetricFamily::counter("openbell_stream_events_total", "Events sent over event streams.")
        .at_most(10, &[EVENT]),
    MetricFamily::counter(
        "openbell_stream_lagged_total",
        "Times that a slow client of an event stream missed events and read the ledger instead.",
    ),
];
