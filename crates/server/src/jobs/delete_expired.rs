//! Deletes what has expired: tokens, password links, idempotency records, tag changes, batch marks
//! and ended orders.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Tag changes that some node may not have read yet: more than are written in minutes.
const CHANGES_KEPT: i64 = 20_000;
/// A node looks for the mark of a batch for five seconds, and no transaction of a batch lives
/// longer than some tens of seconds.
const MARKS_KEPT_S: i64 = 900;

pub(crate) struct DeleteExpired {
    pub(crate) context: Arc<JobContext>,
}

impl Reconciler for DeleteExpired {
    const NAME: &'static str = "delete_expired";
    const INTERVAL: Duration = Duration::from_secs(60);
    const DELAY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let (store, now) = (&self.context.store, self.context.clock.now());
        let retention = &self.context.config.retention;
        let rows_max = retention.delete_rows_max;
        // An order is the response to the request that placed it, and outlives its key.
        let key_days = retention.idempotency_hours.div_euclid(24) + 1;
        let order_days = retention.order_days.max(key_days);
        let records_before = now.plus_seconds(-retention.idempotency_hours * 3600);
        let orders_before = now.plus_seconds(-order_days * 86_400);
        let marks_before = now.plus_seconds(-MARKS_KEPT_S);
        let counts = [
            store.delete_expired_tokens(now, rows_max).await?,
            store.delete_expired_links(now, rows_max).await?,
            store.delete_idempotency_before(records_before, rows_max).await?,
            store.delete_tag_changes(CHANGES_KEPT, rows_max).await?,
            store.delete_batch_marks_before(marks_before, rows_max).await?,
            store.delete_ended_orders(orders_before, rows_max).await?,
        ];
        let full = u64::try_from(rows_max).unwrap_or(u64::MAX);
        let done = counts.iter().all(|count| *count < full);
        Ok(JobProgress { changed: counts.iter().sum(), done })
    }
}
