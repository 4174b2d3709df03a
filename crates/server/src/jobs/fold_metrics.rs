//! Keeps the memory of the metrics bounded.

use std::time::Duration;

use crate::boot::telemetry::MetricsHandle;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct FoldMetrics {
    metrics: MetricsHandle,
}

impl FoldMetrics {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self { metrics: context.metrics.clone() }
    }
}

impl Reconciler for FoldMetrics {
    const NAME: &'static str = "fold_metrics";
    const INTERVAL: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.metrics.fold();
        Ok(JobProgress::done(0))
    }
}
