//! Measures the duration of statements, logs slow ones and counts errors, by statement name.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::{Statement, StoreError};

/// Milliseconds from which a statement of this process is logged as slow; 0: none is.
static SLOW_FROM_MS: AtomicU64 = AtomicU64::new(0);

/// Logs the statements of all stores of this process that take this long, in milliseconds; 0 logs
/// none.
pub fn log_slow_statements(from_ms: u64) {
    SLOW_FROM_MS.store(from_ms, Ordering::Relaxed);
}

/// Logs a slow statement by its name: parameters may be secrets or personal data.
fn log_if_slow(statement: &'static str, elapsed: Duration) {
    let from_ms = SLOW_FROM_MS.load(Ordering::Relaxed);
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if from_ms > 0 && duration_ms >= from_ms {
        tracing::warn!(
            statement,
            duration_ms,
            "slow statement; check locks and the load of the database"
        );
    }
}

/// The span of a statement, or of BEGIN or COMMIT, in a trace.
pub(crate) fn statement_span(name: &'static str) -> Span {
    info_span!(
        target: domain::TRACES,
        "statement",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
    )
}

/// A running statement.
pub(crate) trait Timed<T> {
    /// Awaits the result and records its duration, from waiting for a connection to the last row.
    async fn timed(self, statement: &Statement) -> Result<T, StoreError>;
}

impl<T, E: Into<StoreError>, F: Future<Output = Result<T, E>>> Timed<T> for F {
    async fn timed(self, statement: &Statement) -> Result<T, StoreError> {
        let name = statement.name;
        let began = Instant::now();
        let span = statement_span(name);
        let result = self.instrument(span.clone()).await;
        let elapsed = began.elapsed();
        metrics::histogram!("openbell_query_seconds", "statement" => name)
            .record(elapsed.as_secs_f64());
        log_if_slow(name, elapsed);
        result.map_err(|error| {
            let error: StoreError = error.into();
            let kind = error.kind();
            span.record("otel.status_code", "error");
            metrics::counter!("openbell_query_errors_total", "statement" => name, "kind" => kind)
                .increment(1);
            error
        })
    }
}
