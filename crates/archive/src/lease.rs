//! Who archives: one node at a time, by a lease. Its fence goes with every change of a month's
//! state, so that a node which lost the lease without noticing changes nothing.

use std::sync::Arc;

use domain::{Clock, Month, UnixMicros};
use store::{FencedMonth, Store, StoreError};

use crate::ArchiveError;

/// The lease's name, in the database.
const NAME: &str = "archive";
/// How long it is taken for, in seconds, and after how many it is renewed.
const TAKEN_S: i64 = 60;
const RENEWED_S: i64 = 15;

/// The right to archive, as long as it is renewed.
pub(crate) struct Lease {
    store: Store,
    clock: Arc<dyn Clock>,
    holder: String,
    fence: i64,
    renewed_at: UnixMicros,
}

impl Lease {
    /// Takes the lease, unless somebody else has it.
    pub(crate) async fn take(
        store: &Store,
        clock: &Arc<dyn Clock>,
        holder: &str,
    ) -> Result<Self, ArchiveError> {
        let now = clock.now();
        let fence = store.take_lease(NAME, holder, now, now.plus_seconds(TAKEN_S)).await?;
        Ok(Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            holder: holder.to_owned(),
            fence: fence.ok_or(ArchiveError::Busy)?,
            renewed_at: now,
        })
    }

    /// Keeps the lease for longer. Called with every step of long work.
    pub(crate) async fn renew(&mut self) -> Result<(), ArchiveError> {
        let now = self.clock.now();
        if now < self.renewed_at.plus_seconds(RENEWED_S) {
            return Ok(());
        }
        let until = now.plus_seconds(TAKEN_S);
        let fence = self.store.take_lease(NAME, &self.holder, now, until).await?;
        if fence != Some(self.fence) {
            return Err(ArchiveError::LeaseLost);
        }
        self.renewed_at = now;
        Ok(())
    }

    pub(crate) fn seat(&self, month: Month) -> FencedMonth {
        FencedMonth { month, fence: self.fence, now: self.clock.now() }
    }

    /// Gives the lease back.
    pub(crate) async fn leave(self) -> Result<(), StoreError> {
        self.store.release_lease(NAME, &self.holder).await
    }
}
