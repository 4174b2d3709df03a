//! The job that cleans the ledger at night: months that are over go into the archive, and those
//! that are older than the retention leave the database. Every node tries; the lease lets one.

use std::sync::Arc;
use std::time::Duration;

use archive::{ArchiveError, Archiver, TimeOfDay};
use domain::{Clock, UnixMicros};
use store::{ArchiveState, Store};

use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// What the log of a cut says about why it was made.
const REASON: &str = "retention";
/// When it is tried again after a failure, in seconds.
const AGAIN_S: i64 = 900;
const DAY_S: i64 = 86_400;

/// Archives months and lets old ones go.
pub(crate) struct CleanLedger {
    pub(crate) store: Store,
    pub(crate) archiver: Archiver,
    /// Days for which a month stays; 0: for ever.
    pub(crate) retention_days: u32,
    pub(crate) clean_at: TimeOfDay,
    /// How much later this node begins, in seconds.
    pub(crate) jitter_s: i64,
    pub(crate) clock: Arc<dyn Clock>,
    /// When it is due; known once it has run.
    pub(crate) next_at: Option<UnixMicros>,
}

impl Reconciler for CleanLedger {
    const NAME: &'static str = "clean_ledger";
    const EVERY: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.count_months().await?;
        let now = self.clock.now();
        let next_at = *self.next_at.get_or_insert_with(|| next(now, self.clean_at, self.jitter_s));
        if now < next_at {
            return Ok(Progress::done(0));
        }
        match self.clean_one().await {
            Ok(true) => Ok(Progress { changed: 1, done: false }),
            // Who has the lease does the rest.
            Ok(false) | Err(ArchiveError::Busy) => {
                self.next_at = Some(next(now, self.clean_at, self.jitter_s));
                Ok(Progress::done(0))
            }
            Err(error) => {
                self.next_at = Some(now.plus_seconds(AGAIN_S));
                Err(error.into())
            }
        }
    }
}

impl CleanLedger {
    /// Brings one month further. Whether there was one.
    async fn clean_one(&self) -> Result<bool, ArchiveError> {
        if let Some(month) = self.archiver.due().await?.first() {
            let manifest = self.archiver.archive(*month, |_| ()).await?;
            let (entries, bytes) = (manifest.entries, manifest.bytes());
            tracing::info!(%month, entries, bytes, "a month is in the archive");
            return Ok(true);
        }
        if self.retention_days == 0 {
            return Ok(false);
        }
        let expired = self.archiver.expired(self.retention_days).await?;
        let Some(month) = expired.first() else { return Ok(false) };
        let cut = self.archiver.drop_month(*month, REASON).await?;
        tracing::info!(%month, entries = cut.entries, "a month left the ledger");
        Ok(true)
    }

    async fn count_months(&self) -> Result<(), Fault> {
        let rows = self.store.archives().await?;
        for state in ArchiveState::ALL {
            let count = rows.iter().filter(|row| row.state == state).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            metrics::gauge!("openbell_archive_months", "state" => state.as_str()).set(count);
        }
        Ok(())
    }
}

/// The next instant after `now` at which the day is as old as `at`, and some seconds more.
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
