//! Measures the lag of the read replica, which decides whether it is queried. An unreachable
//! replica does not fail the job.

use std::time::Duration;

use store::ReplicaMonitor;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct WatchReplica {
    monitor: ReplicaMonitor,
}

impl WatchReplica {
    /// `None` without a replica.
    pub(crate) fn new(context: &JobContext) -> Option<Self> {
        Some(Self { monitor: ReplicaMonitor::new(&context.store)? })
    }
}

impl Reconciler for WatchReplica {
    const NAME: &'static str = "watch_replica";
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.monitor.check().await;
        Ok(JobProgress::done(0))
    }
}
