//! Checkpoints the write-ahead log of SQLite, and frees a disk that the log has filled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use store::{DiskReserve, Store};
use tokio::time::Instant;

use crate::boot::data_dir::with_suffix;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// A longer log is checkpointed at once, a shorter one at this interval.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);
/// A disk with fewer free bytes counts as full.
const FREE_BYTES_MIN: u64 = 1024 * 1024;

pub(crate) struct Checkpoint {
    store: Store,
    reserve: DiskReserve,
    wal: PathBuf,
    done_at: Option<Instant>,
}

impl Checkpoint {
    /// `None` unless the database is SQLite.
    pub(crate) fn new(context: &JobContext) -> Option<Self> {
        let file = context.config.sqlite_file()?;
        let wal = with_suffix(Path::new(&file), "-wal");
        let reserve = DiskReserve::new(&file, context.config.database.disk_reserve);
        Some(Self { store: context.store.clone(), reserve, wal, done_at: None })
    }

    fn is_due(&self) -> bool {
        self.done_at.is_none_or(|at| at.elapsed() >= CHECKPOINT_INTERVAL)
            || store::is_disk_full()
            || self.wal.metadata().is_ok_and(|wal| wal.len() >= WAL_BYTES_MAX)
    }

    /// Releases the reserve and truncates the log. The disk counts as full until it has free bytes
    /// again.
    async fn free_disk(&mut self) -> Result<(), JobError> {
        self.reserve.release();
        self.store.checkpoint_and_truncate().await?;
        if self.reserve.available()? >= FREE_BYTES_MIN {
            store::clear_disk_full();
            tracing::info!("the disk has room again");
        }
        Ok(())
    }

    /// Allocates the reserve if the disk has more free bytes than it takes.
    fn hold_reserve(&mut self) {
        let available = self.reserve.available().unwrap_or(0);
        if !self.reserve.is_held() && available > self.reserve.bytes() + FREE_BYTES_MIN {
            // Another process may have taken the space; the next run retries.
            if let Err(error) = self.reserve.hold() {
                tracing::debug!(%error, "cannot allocate the disk reserve");
            }
        }
        let held = if self.reserve.is_held() { self.reserve.bytes() } else { 0 };
        metrics::gauge!("openbell_disk_reserve_bytes").set(held as f64);
    }
}

impl Reconciler for Checkpoint {
    const NAME: &'static str = "checkpoint";
    // At full load the log grows by some 20 MB a second.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        if !self.is_due() {
            return Ok(JobProgress::done(0));
        }
        let done = if store::is_disk_full() {
            self.free_disk().await
        } else {
            self.store.checkpoint().await.map_err(JobError::from)
        };
        metrics::gauge!("openbell_disk_full").set(f64::from(u8::from(store::is_disk_full())));
        done?;
        self.done_at = Some(Instant::now());
        if !store::is_disk_full() {
            self.hold_reserve();
        }
        Ok(JobProgress::done(0))
    }
}
