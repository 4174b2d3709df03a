//! What the background jobs work with, and the leases by which one node at a time does a job.

use std::sync::Arc;

use domain::{Clock, Rules, UnixMicros};
use leaderboard::Leaderboards;
use market::{MarketSource, PriceBoard, Providers};
use notify::Notifier;
use store::{Store, StoreError};
use trading::Desk;
use web::Hub;

use crate::boot::config::Config;
use crate::boot::history::SavedDay;
use crate::boot::metric_families::LEASES;
use crate::boot::nodes::ClusterHandles;
use crate::boot::recorder::MetricsHandle;
use crate::jobs::health::JobHealth;

/// The parts of a running server.
pub(crate) struct JobContext {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) prices: Arc<PriceBoard>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) saved_day: SavedDay,
    pub(crate) boards: Arc<Leaderboards>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) cluster: ClusterHandles,
    pub(crate) desk: Desk,
    /// `None` unless the market is live.
    pub(crate) providers: Option<Arc<Providers>>,
    /// `None` without a channel.
    pub(crate) notifier: Option<Arc<Notifier>>,
    /// `None` if metrics are off.
    pub(crate) metrics: Option<MetricsHandle>,
    pub(crate) health: JobHealth,
    pub(crate) clock: Arc<dyn Clock>,
    /// The holder of this node's leases.
    pub(crate) node: String,
}

impl JobContext {
    /// A lease that expires `seconds` after it was last taken.
    pub(crate) fn lease(&self, name: &'static str, seconds: i64) -> JobLease {
        debug_assert!(LEASES.contains(&name), "LEASES lacks {name}");
        JobLease::new(&self.store, &self.node, name, seconds)
    }
}

/// The right of one node to do a job until it expires.
pub(crate) struct JobLease {
    store: Store,
    node: String,
    name: &'static str,
    seconds: i64,
}

impl JobLease {
    pub(crate) fn new(store: &Store, node: &str, name: &'static str, seconds: i64) -> Self {
        Self { store: store.clone(), node: node.to_owned(), name, seconds }
    }

    /// Takes or renews the lease; false if another node holds it.
    pub(crate) async fn take(&self, now: UnixMicros) -> Result<bool, StoreError> {
        let expires_at = now.plus_seconds(self.seconds);
        Ok(self.store.take_lease(self.name, &self.node, now, expires_at).await?.is_some())
    }

    /// Releases the lease, so that another node need not wait until it expires.
    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        self.store.release_lease(self.name, &self.node).await
    }
}
