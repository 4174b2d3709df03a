//! The lease of the node that archives. Its fencing token accompanies every change of a month's
//! state, so that a node that has lost the lease changes nothing.

use std::sync::Arc;

use domain::{Clock, Month, UnixMicros};
use store::{FencedMonth, Store, StoreError};

use crate::ArchiveError;

const NAME: &str = "archive";
/// The duration of the lease and the time after which it is renewed, in seconds.
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
    /// # Errors
    /// `Busy` if another node holds the lease.
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

    /// Renews the lease when it is due. Called with every step of long work.
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

    pub(crate) fn fenced(&self, month: Month) -> FencedMonth {
        FencedMonth { month, fence: self.fence, now: self.clock.now() }
    }

    pub(crate) async fn release(self) -> Result<(), StoreError> {
        self.store.release_lease(NAME, &self.holder).await
    }
}
