//! Descriptions of the metrics of sign-ins, limits and connections, which exist from the start.

use crate::auth::security_events::SecurityEventKind;

/// The rate limits of `[limits]`.
const QUOTAS: [&str; 6] =
    ["login_per_account", "login_per_address", "register_per_address", "read", "trade", "external"];

/// Describes the metrics to the installed recorder, and sets them to 0.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "openbell_security_events_total",
        "Security events by kind, such as sign_in_failed; docs/logs.md lists them."
    );
    for kind in SecurityEventKind::ALL {
        metrics::counter!("openbell_security_events_total", "event" => kind.as_str()).absolute(0);
    }
    metrics::describe_counter!(
        "openbell_rate_limited_total",
        "Requests over a rate limit, by the limit."
    );
    for quota in QUOTAS {
        metrics::counter!("openbell_rate_limited_total", "quota" => quota).absolute(0);
    }
    metrics::describe_gauge!(
        "openbell_password_hash_queue_length",
        "Passwords that wait to be hashed or verified."
    );
    metrics::gauge!("openbell_password_hash_queue_length").set(0.0);
    metrics::describe_gauge!("openbell_http_connections_open", "Open HTTP connections.");
    metrics::gauge!("openbell_http_connections_open").set(0.0);
    metrics::describe_gauge!("openbell_streams_open", "Open event streams.");
    metrics::gauge!("openbell_streams_open").set(0.0);
}
