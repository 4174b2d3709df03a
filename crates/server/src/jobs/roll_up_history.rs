//! Rolls the daily closes of stocks up into months, and deletes old days that are rolled up.

use std::sync::Arc;
use std::time::Duration;

use domain::{Day, Month};

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct RollUpHistory {
    context: Arc<JobContext>,
    /// The next stock of this round.
    position: usize,
    /// The market's month at the end of the last round.
    rolled_up: Option<Month>,
}

impl RollUpHistory {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        Self { context, position: 0, rolled_up: None }
    }
}

impl Reconciler for RollUpHistory {
    const NAME: &'static str = "roll_up_history";
    // With sessions of a second, a month of the market ends every 20 s.
    const INTERVAL: Duration = Duration::from_secs(10);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        // Days before the market's present day are over, and their closes public.
        let JobContext { store, prices, config, .. } = &*self.context;
        let today = prices.snapshot().market_day;
        let month = today.start().month();
        if self.rolled_up == Some(month) {
            return Ok(JobProgress::done(0));
        }
        let Some(listing) = prices.listings().get(self.position) else {
            (self.position, self.rolled_up) = (0, Some(month));
            return Ok(JobProgress::done(0));
        };
        let months = store.roll_up_history(listing.stock_id, today, None).await?;
        let days = config.retention.history_days;
        if days > 0 {
            let before = Day(today.0.saturating_sub(days));
            store.delete_history_before(listing.stock_id, before).await?;
        }
        self.position += 1;
        Ok(JobProgress::unfinished(months as u64))
    }
}
