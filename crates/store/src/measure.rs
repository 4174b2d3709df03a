//! Measures the duration of statements and counts their errors, by statement name.

use tokio::time::Instant;

use crate::{Statement, StoreError};

/// A running statement.
pub(crate) trait Timed<T> {
    /// Awaits the result and records its duration, from waiting for a connection to the last row.
    async fn timed(self, statement: &Statement) -> Result<T, StoreError>;
}

impl<T, E: Into<StoreError>, F: Future<Output = Result<T, E>>> Timed<T> for F {
    async fn timed(self, statement: &Statement) -> Result<T, StoreError> {
        let name = statement.name;
        let began = Instant::now();
        let result = self.await;
        metrics::histogram!("openbell_query_seconds", "statement" => name)
            .record(began.elapsed().as_secs_f64());
        result.map_err(|error| {
            let error: StoreError = error.into();
            let kind = error.kind();
            metrics::counter!("openbell_query_errors_total", "statement" => name, "kind" => kind)
                .increment(1);
            error
        })
    }
}
