//! Reads new versions of the game's rules before they come into force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use trading::GameRules;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct FollowRules {
    rules: Arc<GameRules>,
    wakeup: Arc<Notify>,
}

impl FollowRules {
    pub(crate) fn new(context: &JobContext) -> Self {
        let (rules, wakeups) = (Arc::clone(&context.rules), &context.cluster.wakeups);
        Self { rules, wakeup: Arc::clone(&wakeups.rules) }
    }
}

impl Reconciler for FollowRules {
    const NAME: &'static str = "follow_rules";
    const INTERVAL: Duration = Duration::from_millis(250);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.wakeup))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let before = self.rules.newest().version;
        if !self.rules.refresh().await? {
            return Ok(JobProgress::done(0));
        }
        let newest = self.rules.newest();
        tracing::info!(
            version = newest.version,
            effective_from = %newest.effective_from,
            "new rules of the game"
        );
        let read = newest.version.saturating_sub(before);
        Ok(JobProgress::done(u64::try_from(read).unwrap_or_default()))
    }
}
