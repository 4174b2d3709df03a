//! How long statements take, by name, and what became of those that failed. It runs no statement
//! and retries none.

use tokio::time::Instant;

use crate::{Statement, StoreError};

/// A statement under way whose time is taken.
pub(crate) trait Timed<T> {
    /// Waits for the answer, from asking for a connection to the last row, and counts it under the
    /// statement's name.
    async fn timed(self, statement: &Statement) -> Result<T, StoreError>;
}

impl<T, F: Future<Output = Result<T, sqlx::Error>>> Timed<T> for F {
    async fn timed(self, statement: &Statement) -> Result<T, StoreError> {
        let name = statement.name;
        let began = Instant::now();
        let answer = self.await;
        metrics::histogram!("openbell_query_seconds", "statement" => name)
            .record(began.elapsed().as_secs_f64());
        answer.map_err(|error| {
            let error = StoreError::from(error);
            let kind = error.kind();
            metrics::counter!("openbell_query_errors_total", "statement" => name, "kind" => kind)
                .increment(1);
            error
        })
    }
}
