//! Saves the closes of sessions that have ended.

use std::sync::Arc;
use std::time::Duration;

use crate::boot::history::HistoryWriter;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct SaveHistory {
    context: Arc<JobContext>,
    history: HistoryWriter,
}

impl SaveHistory {
    pub(crate) fn new(context: Arc<JobContext>, history: HistoryWriter) -> Self {
        Self { context, history }
    }
}

impl Reconciler for SaveHistory {
    const NAME: &'static str = "save_history";
    // A session may be as short as this; a run without an ended session does nothing.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.context.clock.now();
        if self.history.missing(now) == 0 {
            return Ok(JobProgress::done(0));
        }
        let sessions = self.history.save_batch(now).await?;
        self.context.cluster.cache.invalidate(web::CLOSES_TAG);
        Ok(JobProgress { changed: sessions as u64, done: self.history.missing(now) == 0 })
    }
}
