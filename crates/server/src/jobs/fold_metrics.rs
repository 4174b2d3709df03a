//! Keeps the memory of the metrics bounded.

use std::time::Duration;

use crate::boot::recorder::MetricsHandle;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct FoldMetrics {
    pub(crate) metrics: MetricsHandle,
}

impl Reconciler for FoldMetrics {
    const NAME: &'static str = "fold_metrics";
    const INTERVAL: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.metrics.fold();
        Ok(JobProgress::done(0))
    }
}
