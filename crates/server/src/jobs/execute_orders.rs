//! The job that executes pending orders, on one node at a time. The lease saves work only: two
//! nodes that execute the same order submit it under the same idempotency key. How an order is
//! executed is in `trading`.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use market::PriceBoard;
use store::{PendingOrder, Store};
use tokio::sync::watch;
use tokio::time::Instant;
use trading::{Desk, OrderExecutor};

use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// The lease's name, in the database.
const LEASE: &str = "execute_orders";
/// How long the lease is taken for, in seconds: so long orders wait after the node that executed
/// them was killed. A page that takes longer is executed on two nodes, which does no harm.
const LEASE_S: i64 = 3;
/// Between two passes without new quotes, in which orders expire only. Orders at the next quote are
/// due all the time.
const IDLE_PASS_EVERY: Duration = Duration::from_secs(5);
/// Between two counts of all open orders.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Executes pending orders.
pub(crate) struct ExecuteOrders {
    store: Store,
    executor: OrderExecutor,
    clock: Arc<dyn Clock>,
    /// This node, in the lease.
    node: String,
    counted_at: Option<Instant>,
    published: watch::Receiver<UnixMicros>,
    /// When the last pass over all due orders ended.
    passed_at: Option<Instant>,
}

impl ExecuteOrders {
    pub(crate) fn new(
        store: Store,
        desk: Desk,
        prices: Arc<PriceBoard>,
        clock: Arc<dyn Clock>,
        node: String,
    ) -> Self {
        let published = prices.watch();
        let quotes = Arc::new(move |order: &PendingOrder| prices.quote_for_pending(order));
        let executor = OrderExecutor::new(store.clone(), desk, Arc::clone(&clock), quotes);
        Self { store, executor, clock, node, counted_at: None, published, passed_at: None }
    }
}

impl Reconciler for ExecuteOrders {
    const NAME: &'static str = "execute_orders";
    // A session may be as short as this.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        if self.counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            let count = self.store.count_open_orders().await? as f64;
            metrics::gauge!("openbell_pending_orders").set(count);
            self.counted_at = Some(Instant::now());
        }
        let has_new_quotes = self.published.has_changed().unwrap_or(false);
        let is_idle = self.passed_at.is_some_and(|at| at.elapsed() < IDLE_PASS_EVERY);
        if is_idle && !has_new_quotes {
            return Ok(Progress::done(0));
        }
        let now = self.clock.now();
        // Games without such orders write no lease.
        if !self.store.has_due_orders(now).await? {
            return Ok(Progress::done(0));
        }
        let until = now.plus_seconds(LEASE_S);
        if self.store.take_lease(LEASE, &self.node, now, until).await?.is_none() {
            return Ok(Progress::done(0));
        }
        if self.passed_at.take().is_some() {
            self.published.mark_unchanged();
        }
        let executed = self.executor.run().await?;
        if executed.is_last {
            self.passed_at = Some(Instant::now());
        }
        Ok(Progress { changed: executed.ended, done: executed.is_last })
    }

    async fn leave(&mut self) {
        // Another node, or the next process, continues at once, and not when the lease expires.
        if let Err(error) = self.store.release_lease(LEASE, &self.node).await {
            tracing::warn!(%error, "the lease for executing orders was not released");
        }
    }
}
