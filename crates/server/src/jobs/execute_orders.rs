//! Executes pending orders, on one node at a time. The lease only saves work: two nodes that
//! execute an order submit it under the same idempotency key. The execution is in `trading`.

use std::sync::Arc;
use std::time::Duration;

use domain::UnixMicros;
use store::PendingOrder;
use tokio::sync::watch;
use tokio::time::Instant;
use trading::OrderExecutor;

use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// How long orders wait after the node that executed them was killed. A page that takes longer is
/// executed on two nodes, which is harmless.
const LEASE_S: i64 = 3;
/// Between two passes without new quotes, in which orders only expire. Orders at the next quote are
/// always due.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);
/// Between two counts of all open orders.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);

pub(crate) struct ExecuteOrders {
    context: Arc<JobContext>,
    executor: OrderExecutor,
    lease: JobLease,
    counted_at: Option<Instant>,
    published: watch::Receiver<UnixMicros>,
    /// When the last pass over all due orders ended.
    passed_at: Option<Instant>,
}

impl ExecuteOrders {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        let (store, clock) = (context.store.clone(), Arc::clone(&context.clock));
        let prices = Arc::clone(&context.prices);
        let published = prices.watch();
        let now = Arc::clone(&clock);
        let quotes =
            Arc::new(move |order: &PendingOrder| prices.quote_for_pending(order, now.now()));
        let desk = context.desk.clone();
        let executor = OrderExecutor::new(store, desk, clock, quotes);
        let lease = context.lease(Self::NAME, LEASE_S);
        Self { context, executor, lease, counted_at: None, published, passed_at: None }
    }

    async fn count(&mut self) -> Result<(), JobError> {
        if self.counted_at.is_none_or(|at| at.elapsed() >= COUNT_INTERVAL) {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            let count = self.context.store.count_open_orders().await? as f64;
            metrics::gauge!("openbell_pending_orders").set(count);
            self.counted_at = Some(Instant::now());
        }
        Ok(())
    }
}

impl Reconciler for ExecuteOrders {
    const NAME: &'static str = "execute_orders";
    // A session may be as short as this.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.count().await?;
        let has_new_quotes = self.published.has_changed().unwrap_or(false);
        let is_idle = self.passed_at.is_some_and(|at| at.elapsed() < IDLE_INTERVAL);
        if is_idle && !has_new_quotes {
            return Ok(JobProgress::done(0));
        }
        let now = self.context.clock.now();
        // Games without such orders write no lease.
        if !self.context.store.has_due_orders(now).await? || !self.lease.take(now).await? {
            return Ok(JobProgress::done(0));
        }
        if self.passed_at.take().is_some() {
            self.published.mark_unchanged();
        }
        let executed = self.executor.run().await?;
        if executed.is_last {
            self.passed_at = Some(Instant::now());
        }
        Ok(JobProgress { changed: executed.ended, done: executed.is_last })
    }

    async fn release(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::warn!(%error, "the lease for executing orders was not released; it expires");
        }
    }
}
