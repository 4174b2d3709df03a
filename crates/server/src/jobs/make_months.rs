//! Creates the months (partitions) of the ledger before they begin.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use store::Store;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct MakeMonths {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl MakeMonths {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self { store: context.store.clone(), clock: Arc::clone(&context.clock) }
    }
}

impl Reconciler for MakeMonths {
    const NAME: &'static str = "make_months";
    const INTERVAL: Duration = Duration::from_secs(3600);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.store.ensure_ledger_months(self.clock.now()).await?;
        Ok(JobProgress::done(0))
    }
}
