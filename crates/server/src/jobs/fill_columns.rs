//! Backfills columns that migrations added to tables with many rows.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Rows of one statement.
const ROWS_MAX: i64 = 500;

pub(crate) struct FillColumns {
    pub(crate) context: Arc<JobContext>,
}

impl Reconciler for FillColumns {
    const NAME: &'static str = "fill_columns";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let JobContext { store, clock, .. } = &*self.context;
        if !store.take_known_names(ROWS_MAX, clock.now()).await? {
            return Ok(JobProgress::unfinished(1));
        }
        for backfill in store::BACKFILLS {
            if !store.backfill_step(backfill, ROWS_MAX, clock.now()).await? {
                return Ok(JobProgress::unfinished(1));
            }
        }
        Ok(JobProgress::done(0))
    }
}
