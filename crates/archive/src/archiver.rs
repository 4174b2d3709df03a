//! Moves a month through its states: `due → writing → written → verified → dropped`. A stopped step
//! is continued by the next holder of the lease. The names of files contain the fencing token, so
//! that two nodes that both believe they hold the lease write different files.

use std::sync::Arc;

use domain::{Clock, Month};
use store::{ArchiveRow, ArchiveState, Store};

use crate::archive_store::ArchiveStore;
use crate::config::AuditConfig;
use crate::error::ArchiveError;
use crate::lease::Lease;
use crate::manifest::Manifest;

/// The size of files and of row groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartLimits {
    pub(crate) part_rows: u64,
    pub(crate) group_rows: usize,
}

/// Writes months to the archive, drops and restores them.
pub struct Archiver {
    pub(crate) store: Store,
    pub(crate) archive_store: ArchiveStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) part_limits: PartLimits,
    /// The name of this process in the lease.
    holder: String,
}

impl Archiver {
    /// `holder` has to be unique to this process.
    pub fn new(
        store: Store,
        archive_store: ArchiveStore,
        config: &AuditConfig,
        clock: Arc<dyn Clock>,
        holder: String,
    ) -> Self {
        let group_rows = usize::try_from(config.row_group_rows).unwrap_or(usize::MAX);
        let part_limits = PartLimits { part_rows: config.part_rows.into(), group_rows };
        Self { store, archive_store, clock, part_limits, holder }
    }

    /// Writes and verifies a month, from its present state on. `progress` receives the number of
    /// entries since its last call.
    ///
    /// # Errors
    /// The error is stored in the month's row as well.
    pub async fn archive(
        &self,
        month: Month,
        mut progress: impl FnMut(u64),
    ) -> Result<Manifest, ArchiveError> {
        let mut lease = self.take_lease().await?;
        let done = self.archive_under(&mut lease, month, &mut progress).await;
        self.end(lease, month, done).await
    }

    /// Deletes a verified month's entries from the database.
    ///
    /// # Errors
    /// `Held` for a month on hold, `WrongState` for one that is not verified or not the oldest.
    pub async fn drop_month(
        &self,
        month: Month,
        reason: &str,
    ) -> Result<DroppedMonth, ArchiveError> {
        let mut lease = self.take_lease().await?;
        let done = self.drop_under(&mut lease, month, reason).await;
        self.end(lease, month, done).await
    }

    /// Writes a dropped month back into the ledger and puts it on hold. Does nothing to a month
    /// that is in the ledger.
    ///
    /// # Errors
    /// `WrongState` for a month that was never written.
    pub async fn restore(
        &self,
        month: Month,
        mut progress: impl FnMut(u64),
    ) -> Result<Manifest, ArchiveError> {
        let mut lease = self.take_lease().await?;
        let done = self.restore_under(&mut lease, month, &mut progress).await;
        self.end(lease, month, done).await
    }

    async fn take_lease(&self) -> Result<Lease, ArchiveError> {
        Lease::take(&self.store, &self.clock, &self.holder).await
    }

    /// Records a failure and releases the lease. Returns `done` even if either fails: the error of
    /// the attempt is the one to act on, and an unreleased lease expires by itself.
    async fn end<T>(
        &self,
        lease: Lease,
        month: Month,
        done: Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        if let Err(error) = &done {
            let why = error.chain();
            metrics::counter!("openbell_archive_failures_total").increment(1);
            tracing::error!(%month, error = why, "cannot archive a month");
            if let Err(error) = self.store.mark_archive_failed(lease.fenced(month), &why).await {
                tracing::error!(%month, %error, "cannot store the error of an archive attempt");
            }
        }
        if let Err(error) = lease.release().await {
            tracing::warn!(%month, %error, "cannot release the archive lease; it expires by itself");
        }
        done
    }

    pub(crate) async fn load_row(&self, month: Month) -> Result<ArchiveRow, ArchiveError> {
        let row = self.store.find_archive(month).await?;
        let what = "is not known to the archive";
        row.ok_or_else(|| ArchiveError::WrongState { month, what: what.to_owned() })
    }

    async fn archive_under(
        &self,
        lease: &mut Lease,
        month: Month,
        progress: &mut impl FnMut(u64),
    ) -> Result<Manifest, ArchiveError> {
        let row = self.load_row(month).await?;
        if row.state == ArchiveState::Due || row.state == ArchiveState::Writing {
            self.write(lease, &row, progress).await?;
        }
        let row = self.load_row(month).await?;
        let manifest = parse_manifest(&row)?;
        if row.state != ArchiveState::Written {
            return Ok(manifest);
        }
        match self.read_back(lease, &manifest, progress).await {
            Ok(()) => {}
            Err(error) if error.is_damage() => {
                // The ledger still has all of it.
                let why = error.chain();
                let (from, to) = (ArchiveState::Written, ArchiveState::Due);
                self.store.move_archive(lease.fenced(month), from, to, Some(&why)).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.transition(lease, month, ArchiveState::Written, ArchiveState::Verified).await?;
        Ok(manifest)
    }

    /// Moves a month from one state to the next.
    pub(crate) async fn transition(
        &self,
        lease: &Lease,
        month: Month,
        from: ArchiveState,
        to: ArchiveState,
    ) -> Result<(), ArchiveError> {
        let moved = self.store.move_archive(lease.fenced(month), from, to, None).await?;
        if moved { Ok(()) } else { Err(ArchiveError::LeaseLost) }
    }
}

/// How a month was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedMonth {
    /// How many entries were deleted.
    pub entries: i64,
    /// How long the ledger was locked, in microseconds, where a partition was dropped.
    pub locked_micros: Option<u128>,
}

/// The manifest in a month's row.
pub(crate) fn parse_manifest(row: &ArchiveRow) -> Result<Manifest, ArchiveError> {
    let what = || ArchiveError::WrongState { month: row.month, what: "has no manifest".to_owned() };
    let text = row.manifest.as_ref().ok_or_else(what)?;
    serde_json::from_str(text).map_err(|error| ArchiveError::WrongState {
        month: row.month,
        what: format!("has a manifest that cannot be read: {error}"),
    })
}
