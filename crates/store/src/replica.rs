//! Reads that tolerate staleness from a streaming standby of PostgreSQL, with fallback to the
//! primary. `watch` measures the staleness.

pub(crate) mod state;
mod watch;

use crate::{Store, StoreError};
use state::Replica;

pub use watch::ReplicaMonitor;

impl Store {
    /// Runs the closure against the read replica, or against the primary if there is none, it is
    /// too stale or the read fails; the closure may run twice. The result may be stale by
    /// `database.read_lag_max_ms`: only for reads that tolerate staleness, never for what the
    /// caller has just written. For example
    ///
    /// `store.with_replica(|store| async move { store.all_stocks().await }).await?`
    ///
    /// Values borrowed by the closure must be references already (`let symbol = &symbol;`).
    ///
    /// # Errors
    /// The error of the primary.
    pub async fn with_replica<T, F>(&self, read: impl Fn(Store) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let Some(replica) = &self.replica else { return read(self.clone()).await };
        if let Some(result) = try_read(replica, &read).await {
            count("replica");
            return Ok(result);
        }
        count("primary");
        read(self.clone()).await
    }
}

/// Runs the closure against the replica if it is usable. `None`: use the primary.
async fn try_read<T, F>(replica: &Replica, read: &impl Fn(Store) -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let store = Store::over(replica.usable()?);
    tokio::select! {
        result = read(store) => result.map_err(|error| replica.on_error(&error)).ok(),
        () = replica.gone_away() => None,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("openbell_replica_reads_total", "outcome" => outcome).increment(1);
}
