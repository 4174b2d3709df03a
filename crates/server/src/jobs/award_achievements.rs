//! Awards the achievements of new rules to the players who meet their condition already, on one
//! node at a time. The lease only saves work: an award that is repeated finds nothing to do.

use std::sync::Arc;
use std::time::Duration;

use domain::Rejection;
use trading::AchievementAwards;

use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// How long awards wait after the node that made them was killed. A page that takes longer is
/// awarded by two nodes.
const LEASE_S: i64 = 10;

pub(crate) struct AwardAchievements {
    context: Arc<JobContext>,
    awards: AchievementAwards,
    lease: JobLease,
    /// Players who were awarded something since this node began with a version.
    awarded: u64,
}

impl AwardAchievements {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        let (store, desk) = (context.store.clone(), context.desk.clone());
        let (rules, valued_by) = (Arc::clone(&context.rules), Arc::clone(&context.rules));
        let (clock, prices) = (Arc::clone(&context.clock), Arc::clone(&context.prices));
        let valuation = Arc::new(move || prices.valuation(&valued_by.current()));
        let awards = AchievementAwards::new(store, desk, rules, clock, valuation);
        let lease = context.lease(Self::NAME, LEASE_S);
        Self { context, awards, lease, awarded: 0 }
    }
}

impl Reconciler for AwardAchievements {
    const NAME: &'static str = "award_achievements";
    const INTERVAL: Duration = Duration::from_secs(2);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let Some(due) = self.awards.find_due().await? else { return Ok(JobProgress::done(0)) };
        let now = self.context.clock.now();
        // The prices of a node that cannot read the clock may be wrong; a pause keeps them.
        let has_prices = self.context.prices.check_clock(now) != Err(Rejection::ClockUnknown);
        if !has_prices || !self.lease.take(now).await? {
            return Ok(JobProgress::done(0));
        }
        let run = self.awards.run(due).await?;
        self.awarded += run.awarded;
        if run.is_last {
            let (version, players) = (due.version, self.awarded);
            tracing::info!(version, players, "the achievements of new rules are awarded");
            self.awarded = 0;
        }
        Ok(JobProgress { changed: run.awarded, done: run.is_last || run.is_interrupted })
    }

    async fn release(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::warn!(%error, "the lease for awards was not released; it expires");
        }
    }
}
