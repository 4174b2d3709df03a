//! Copies recorded erasures into the file that is kept apart from the database, so that they can be
//! repeated after an older backup was restored.

use std::sync::Arc;
use std::time::Duration;

use archive::ErasuresFile;

use crate::boot::archives::find_erasures_file;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct KeepErasures {
    context: Arc<JobContext>,
    file: ErasuresFile,
    /// Erasures recorded before this instant, in microseconds since 1970, are in the file.
    since: i64,
}

impl KeepErasures {
    /// `None` without a file of erasures.
    pub(crate) fn new(context: Arc<JobContext>) -> Option<Self> {
        let file = find_erasures_file(&context.config)?;
        Some(Self { context, file, since: i64::MIN })
    }
}

impl Reconciler for KeepErasures {
    const NAME: &'static str = "keep_erasures";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let (added, since) = self.file.append_missing(&self.context.store, self.since).await?;
        self.since = since;
        Ok(JobProgress::done(added))
    }
}
