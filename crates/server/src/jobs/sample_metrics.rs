//! Samples what is not measured where it happens: connections, leases, sizes, disk, backups and the
//! state of the providers. A slow database delays this job and not `/metrics`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::UnixMicros;
use rustix::fs::statvfs;
use store::LedgerMonthSize;
use tokio::time::Instant;

use crate::boot::metric_families::LEASES;
use crate::jobs::context::JobContext;
use crate::jobs::newest_backup::newest_backup;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Between two counts of the entries of a day.
const GROWTH_INTERVAL: Duration = Duration::from_secs(900);
const DAY_S: i64 = 86_400;

pub(crate) struct SampleMetrics {
    context: Arc<JobContext>,
    /// The directory of an SQLite database.
    disk: Option<PathBuf>,
    /// The months of the ledger at the last sample: those that were archived since become 0.
    months: Vec<i64>,
    grown_at: Option<Instant>,
}

impl SampleMetrics {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        let file = context.config.sqlite_file();
        let disk = file.map(|file| match file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        });
        Self { context, disk, months: Vec::new(), grown_at: None }
    }

    fn sample_pools(&self) {
        for usage in self.context.store.pool_usage() {
            let pool = usage.pool;
            for (state, count) in [("in_use", usage.in_use), ("idle", usage.idle)] {
                metrics::gauge!("openbell_database_connections", "pool" => pool, "state" => state)
                    .set(count);
            }
            metrics::gauge!("openbell_database_connections_max", "pool" => pool).set(usage.max);
            metrics::gauge!("openbell_database_connections_waiting", "pool" => pool)
                .set(usage.waiting);
        }
    }

    /// Space of the disk, and the newest backup. File systems on a network may be slow.
    async fn sample_files(&self) -> Result<(), JobError> {
        let (disk, backups) = (self.disk.clone(), self.context.config.backup.dir.clone());
        let now = self.context.clock.now();
        let sample = move || -> Result<(), JobError> {
            if let Some(disk) = disk {
                sample_disk(&disk)?;
            }
            if !backups.as_os_str().is_empty() {
                sample_backups(&backups, now)?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(sample).await?
    }

    async fn sample_database(&mut self) -> Result<(), JobError> {
        let JobContext { store, clock, node, .. } = &*self.context;
        let now = clock.now();
        metrics::gauge!("openbell_schema_version").set(gauge(store.schema_version().await?));
        metrics::gauge!("openbell_database_bytes").set(gauge(store.database_bytes().await?));
        let present = store.ledger_month_sizes().await?;
        let gone = self.months.iter().filter(|month| present.iter().all(|p| p.month != **month));
        let gone = gone.map(|month| LedgerMonthSize { month: *month, entries: 0, bytes: 0 });
        for month in gone.chain(present.iter().cloned()) {
            let label = month.month.to_string();
            metrics::gauge!("openbell_ledger_entries", "month" => label.clone())
                .set(gauge(month.entries));
            metrics::gauge!("openbell_ledger_bytes", "month" => label).set(gauge(month.bytes));
        }
        self.months = present.iter().map(|month| month.month).collect();
        let held = store.held_leases(now).await?;
        for name in LEASES {
            let is_held = held.iter().any(|lease| lease.name == name && lease.holder == *node);
            metrics::gauge!("openbell_lease_held", "lease" => name)
                .set(f64::from(u8::from(is_held)));
        }
        if self.grown_at.is_none_or(|at| at.elapsed() >= GROWTH_INTERVAL) {
            let growth = store.ledger_growth_since(now.plus_seconds(-DAY_S)).await?;
            metrics::gauge!("openbell_ledger_growth_entries").set(gauge(growth));
            self.grown_at = Some(Instant::now());
        }
        Ok(())
    }
}

impl Reconciler for SampleMetrics {
    const NAME: &'static str = "sample_metrics";
    const INTERVAL: Duration = Duration::from_secs(15);
    const DELAY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        // First, because the others may wait for a connection.
        self.sample_pools();
        let files = self.sample_files().await;
        self.sample_database().await?;
        if let Some(providers) = &self.context.providers {
            // Another node may have changed their state; reading it exports it.
            providers.statuses().await;
        }
        files?;
        Ok(JobProgress::done(0))
    }
}

fn sample_disk(dir: &Path) -> Result<(), JobError> {
    let file_system = statvfs(dir)?;
    let bytes = |blocks: u64| blocks.saturating_mul(file_system.f_frsize);
    metrics::gauge!("openbell_disk_free_bytes").set(gauge(bytes(file_system.f_bavail)));
    metrics::gauge!("openbell_disk_size_bytes").set(gauge(bytes(file_system.f_blocks)));
    Ok(())
}

fn sample_backups(dir: &Path, now: UnixMicros) -> Result<(), JobError> {
    let finished_at = newest_backup(dir, now)?.unwrap_or_default();
    metrics::gauge!("openbell_backup_timestamp_seconds").set(gauge(finished_at.seconds()));
    Ok(())
}

/// The value of a gauge.
#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn gauge(number: impl TryInto<i64>) -> f64 {
    number.try_into().unwrap_or(i64::MAX) as f64
}
