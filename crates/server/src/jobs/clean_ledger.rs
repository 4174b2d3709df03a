//! Archives the months of the ledger that are over, and deletes those older than the retention from
//! the database, at a time of the day. Every node tries; a lease in `archive` admits one.

use std::sync::Arc;
use std::time::Duration;

use archive::{ArchiveError, Archiver, TimeOfDay};
use domain::{Entropy as _, UnixMicros};
use store::ArchiveState;

use crate::boot::archives::open_archiver;
use crate::clock::SystemEntropy;
use crate::error::CommandError;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// The reason in the log of deleted months.
const REASON: &str = "retention";
const RETRY_S: i64 = 900;
const DAY_S: i64 = 86_400;

pub(crate) struct CleanLedger {
    context: Arc<JobContext>,
    archiver: Archiver,
    /// Delays this node, so that nodes do not start together.
    jitter_s: i64,
    /// Set by the first run.
    next_at: Option<UnixMicros>,
}

impl CleanLedger {
    /// `None` without an archive.
    pub(crate) fn new(context: Arc<JobContext>) -> Result<Option<Self>, CommandError> {
        let audit = &context.config.audit;
        if audit.archive_url.is_empty() {
            return Ok(None);
        }
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let jitter_s = u64::from_be_bytes(random) % (u64::from(audit.clean_jitter_s) + 1);
        let jitter_s = i64::try_from(jitter_s).unwrap_or_default();
        let archiver = open_archiver(&context.config, &context.store)?;
        Ok(Some(Self { context, archiver, jitter_s, next_at: None }))
    }

    /// Archives or deletes one month; false if none is due.
    async fn clean_one(&self) -> Result<bool, ArchiveError> {
        if let Some(month) = self.archiver.due().await?.first() {
            let manifest = self.archiver.archive(*month, |_| ()).await?;
            let (entries, bytes) = (manifest.entries, manifest.bytes());
            tracing::info!(%month, entries, bytes, "a month is in the archive");
            return Ok(true);
        }
        let retention_days = self.context.config.audit.retention_days;
        if retention_days == 0 {
            return Ok(false);
        }
        let expired = self.archiver.expired(retention_days).await?;
        let Some(month) = expired.first() else { return Ok(false) };
        let dropped = self.archiver.drop_month(*month, REASON).await?;
        tracing::info!(%month, entries = dropped.entries, "a month left the ledger");
        Ok(true)
    }

    async fn count_months(&self) -> Result<(), JobError> {
        let rows = self.context.store.archives().await?;
        for state in ArchiveState::ALL {
            let count = rows.iter().filter(|row| row.state == state).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            metrics::gauge!("openbell_archive_months", "state" => state.as_str()).set(count);
        }
        let changed_at = rows.iter().map(|row| row.updated_at.seconds()).max().unwrap_or(0);
        metrics::gauge!("openbell_archive_changed_timestamp_seconds")
            .set(u32::try_from(changed_at).unwrap_or(u32::MAX));
        Ok(())
    }
}

impl Reconciler for CleanLedger {
    const NAME: &'static str = "clean_ledger";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.count_months().await?;
        let (now, clean_at) = (self.context.clock.now(), self.context.config.audit.clean_at);
        let next_at = *self.next_at.get_or_insert_with(|| next(now, clean_at, self.jitter_s));
        if now < next_at {
            return Ok(JobProgress::done(0));
        }
        match self.clean_one().await {
            Ok(true) => Ok(JobProgress::unfinished(1)),
            // The holder of the lease does the rest.
            Ok(false) | Err(ArchiveError::Busy) => {
                self.next_at = Some(next(now, clean_at, self.jitter_s));
                Ok(JobProgress::done(0))
            }
            Err(error) => {
                self.next_at = Some(now.plus_seconds(RETRY_S));
                Err(error.into())
            }
        }
    }
}

/// The first instant after `now` that is `jitter_s` later than the time of the day `at`.
fn next(now: UnixMicros, at: TimeOfDay, jitter_s: i64) -> UnixMicros {
    let second = now.0.div_euclid(1_000_000);
    let offset = at.seconds + jitter_s;
    let day = (second - offset).div_euclid(DAY_S) + 1;
    UnixMicros((day * DAY_S + offset) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_tonight_or_tomorrow_night() {
        let at = |text: &str| {
            let (now, two) = (text.parse::<i64>().unwrap(), TimeOfDay { seconds: 7200 });
            next(UnixMicros(now * 1_000_000), two, 60).to_string()
        };
        assert_eq!(at("0"), "1970-01-01T02:01:00.000000Z");
        assert_eq!(at("7259"), "1970-01-01T02:01:00.000000Z");
        assert_eq!(at("7260"), "1970-01-02T02:01:00.000000Z");
    }
}
