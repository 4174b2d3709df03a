//! Seals the chain heads of all players at an interval. What a seal contains is defined in
//! `archive`.

use std::sync::Arc;
use std::time::Duration;

use archive::{ArchiveError, SealsFile};
use domain::UnixMicros;

use crate::boot::archives::find_seals_file;
use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

const LEASE_S: i64 = 900;

pub(crate) struct SealHeads {
    context: Arc<JobContext>,
    file: Option<SealsFile>,
    interval_s: i64,
    lease: JobLease,
}

impl SealHeads {
    /// `None` if seals are disabled.
    pub(crate) fn new(context: Arc<JobContext>) -> Option<Self> {
        let interval_s = i64::from(context.config.audit.seal_every_s);
        if interval_s == 0 {
            return None;
        }
        let file = find_seals_file(&context.config);
        if file.is_none() {
            tracing::warn!(
                "seals are stored in the database only; audit.seals_file keeps a copy apart from it"
            );
        }
        let lease = context.lease(Self::NAME, LEASE_S);
        metrics::gauge!("openbell_audit_seal_interval_seconds")
            .set(context.config.audit.seal_every_s);
        Some(Self { context, file, interval_s, lease })
    }
}

impl Reconciler for SealHeads {
    const NAME: &'static str = "seal_heads";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let JobContext { store, clock, health, .. } = &*self.context;
        let newest = store.seals_page(UnixMicros(i64::MAX), 1).await?.pop();
        if let Some(newest) = &newest {
            metrics::gauge!("openbell_audit_seal_timestamp_seconds")
                .set(u32::try_from(newest.made_at.seconds()).unwrap_or(u32::MAX));
            metrics::gauge!("openbell_audit_seal_players")
                .set(u32::try_from(newest.players).unwrap_or(u32::MAX));
        }
        health.set_newest_seal(newest.as_ref().map(|newest| newest.made_at));
        let now = clock.now();
        if let Some(newest) = newest.as_ref().filter(|newest| newest.cut_at > now) {
            tracing::warn!(
                sealed_until = %newest.cut_at,
                "this node's clock is behind the newest seal; entries are dated after the seal, \
                 check the clock"
            );
        }
        if newest.is_some_and(|newest| now < newest.made_at.plus_seconds(self.interval_s))
            || !self.lease.take(now).await?
        {
            return Ok(JobProgress::done(0));
        }
        let sealed = archive::seal(store, self.file.as_ref(), &**clock).await;
        self.lease.release().await?;
        let sealed = sealed.inspect_err(|error| {
            metrics::counter!("openbell_audit_seal_failures_total").increment(1);
            health.set_seal_failed(now, matches!(error, ArchiveError::SealMismatch(_)));
        })?;
        if let Some(seal) = &sealed {
            tracing::info!(
                players = seal.players,
                entries = seal.entries,
                root = seal.root,
                "the heads of all chains are sealed"
            );
        }
        Ok(JobProgress::done(u64::from(sealed.is_some())))
    }
}
