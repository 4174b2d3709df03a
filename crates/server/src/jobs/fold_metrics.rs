//! Keeps the memory of the metrics bounded.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct FoldMetrics {
    pub(crate) context: Arc<JobContext>,
}

impl Reconciler for FoldMetrics {
    const NAME: &'static str = "fold_metrics";
    const INTERVAL: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.context.metrics.fold();
        Ok(JobProgress::done(0))
    }
}
