//! Creates the months (partitions) of the ledger before they begin.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct MakeMonths {
    pub(crate) context: Arc<JobContext>,
}

impl Reconciler for MakeMonths {
    const NAME: &'static str = "make_months";
    const INTERVAL: Duration = Duration::from_secs(3600);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.context.store.ensure_ledger_months(self.context.clock.now()).await?;
        Ok(JobProgress::done(0))
    }
}
