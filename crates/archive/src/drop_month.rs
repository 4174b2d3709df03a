//! Drops an archived month from the ledger after saving the heads of its chains. PostgreSQL drops a
//! partition; SQLite deletes in steps that can be continued.

use std::time::Duration;

use domain::Month;
use store::{ArchiveState, StoreError};

use crate::archiver::{Archiver, DroppedMonth};
use crate::error::ArchiveError;
use crate::lease::Lease;
use crate::write::START;

/// Players whose heads are saved together.
const PLAYERS: i64 = 500;
/// Entries deleted in one transaction.
const STEP: i64 = 2_000;
/// The timeout of the ledger's lock, the attempts, and the pause before the second attempt, which
/// doubles. Trades queue behind a waiting lock request.
const LOCK_WAIT: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 8;
const LOCK_PAUSE: Duration = Duration::from_millis(250);

impl Archiver {
    pub(crate) async fn drop_under(
        &self,
        lease: &mut Lease,
        month: Month,
        reason: &str,
    ) -> Result<DroppedMonth, ArchiveError> {
        let row = self.load_row(month).await?;
        if row.state == ArchiveState::Dropped {
            return Ok(DroppedMonth { entries: 0, locked_micros: None });
        }
        if row.is_held {
            return Err(ArchiveError::Held(month));
        }
        // From now on a node with an older fencing token cannot change the state.
        let verified = ArchiveState::Verified;
        if row.state != verified {
            let what = format!("is {}, not verified", row.state.as_str());
            return Err(ArchiveError::WrongState { month, what });
        }
        self.transition(lease, month, verified, verified).await?;
        if !row.is_cut {
            self.check_unchanged(month, row.entries).await?;
        }
        if !self.store.cut_month(lease.fenced(month), reason).await? {
            let what = "is on hold, or an older month is still in the ledger".to_owned();
            return Err(ArchiveError::WrongState { month, what });
        }
        self.save_heads(lease, month).await?;
        let locked = self.delete(lease, month).await?;
        Ok(DroppedMonth {
            entries: row.entries,
            locked_micros: locked.map(|time| time.as_micros()),
        })
    }

    /// Checks that the month has no new entries since it was verified. Counting suffices: entries
    /// are never changed or deleted.
    async fn check_unchanged(&self, month: Month, entries: i64) -> Result<(), ArchiveError> {
        let found = self.store.count_month(month).await?;
        if found == entries {
            return Ok(());
        }
        let what = format!("has {found} entries, its archive {entries}");
        Err(ArchiveError::WrongState { month, what })
    }

    async fn save_heads(&self, lease: &mut Lease, month: Month) -> Result<(), ArchiveError> {
        let mut after = i64::MIN;
        loop {
            lease.renew().await?;
            let heads = self.store.chain_heads_page(after, PLAYERS).await?;
            let Some(last) = heads.last().map(|head| head.player_id) else { return Ok(()) };
            self.store.save_heads(month, after, last).await?;
            after = last;
        }
    }

    async fn delete(
        &self,
        lease: &mut Lease,
        month: Month,
    ) -> Result<Option<Duration>, ArchiveError> {
        let mut pause = LOCK_PAUSE;
        for tried in 1.. {
            lease.renew().await?;
            match self.store.drop_month_partition(lease.fenced(month), LOCK_WAIT).await {
                Ok(Some(locked)) => return Ok(Some(locked)),
                Ok(None) => break,
                Err(StoreError::Conflict(_)) if tried < LOCK_TRIES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut after = START;
        while let Some(last) = self.store.delete_month_step(month, after, STEP).await? {
            after = last;
            lease.renew().await?;
        }
        if !self.store.mark_archive_dropped(lease.fenced(month)).await? {
            return Err(ArchiveError::LeaseLost);
        }
        Ok(None)
    }
}
