//! Backfills columns that migrations added to tables with many rows.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use store::Store;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Rows of one statement.
const ROWS_MAX: i64 = 500;

pub(crate) struct FillColumns {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl FillColumns {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self { store: context.store.clone(), clock: Arc::clone(&context.clock) }
    }
}

impl Reconciler for FillColumns {
    const NAME: &'static str = "fill_columns";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        if !self.store.take_known_names(ROWS_MAX, self.clock.now()).await? {
            return Ok(JobProgress::unfinished(1));
        }
        for backfill in store::BACKFILLS {
            if !self.store.backfill_step(backfill, ROWS_MAX, self.clock.now()).await? {
                return Ok(JobProgress::unfinished(1));
            }
        }
        Ok(JobProgress::done(0))
    }
}
