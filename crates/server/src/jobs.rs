//! What the server does in the background; see `reconcile` for how it is kept running. Writing and
//! thinning out the players' equity stands in `equity`.

pub(crate) mod boards;
pub(crate) mod clean_ledger;
pub(crate) mod equity;
pub(crate) mod execute_orders;
pub(crate) mod refresh_quotes;
pub(crate) mod supervisor;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cluster::TagCache;
use domain::{Clock, Day, Month, UnixMicros};
use market::PriceBoard;
use store::{DatabaseMonitor, DiskReserve, ReplicaMonitor, Store};
use tokio::time::Instant;

use crate::boot::history::History;
use crate::boot::telemetry::Metrics;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// Changes of which some node may not have heard yet: more than are made in minutes.
const CHANGES_KEPT: i64 = 20_000;

/// Saves the closes of sessions that have ended.
pub(crate) struct SaveHistory {
    pub(crate) history: History,
    /// Has closes, too.
    pub(crate) cache: TagCache,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reconciler for SaveHistory {
    const NAME: &'static str = "save_history";
    // A session may be as short as this; when none has ended there is nothing to do.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        if self.history.missing(now) == 0 {
            return Ok(Progress::done(0));
        }
        let sessions = self.history.save_batch(now).await?;
        self.cache.invalidate(web::CLOSES_TAG);
        Ok(Progress { changed: sessions as u64, done: self.history.missing(now) == 0 })
    }
}

/// Rolls the months of stocks up once they are over, and forgets old days that are rolled up.
pub(crate) struct RollUpHistory {
    pub(crate) store: Store,
    pub(crate) prices: Arc<PriceBoard>,
    /// Days that are kept one by one; 0: all of them.
    pub(crate) days: i32,
    /// How far this round through the stocks is.
    pub(crate) position: usize,
    /// Up to which month of the market the last whole round was.
    pub(crate) rolled_up: Option<Month>,
}

impl Reconciler for RollUpHistory {
    const NAME: &'static str = "roll_up_history";
    // A session may be as short as a second: then a month of the market is over every 20.
    const EVERY: Duration = Duration::from_secs(10);

    async fn run(&mut self) -> Result<Progress, Fault> {
        // The days before the market's own are over, and their closes public.
        let today = self.prices.snapshot().market_day;
        let month = today.start().month();
        if self.rolled_up == Some(month) {
            return Ok(Progress::done(0));
        }
        let Some(listing) = self.prices.listings().get(self.position) else {
            (self.position, self.rolled_up) = (0, Some(month));
            return Ok(Progress::done(0));
        };
        let months = self.store.roll_up_history(listing.stock_id, today, None).await?;
        if self.days > 0 {
            let before = Day(today.0.saturating_sub(self.days));
            self.store.delete_history_before(listing.stock_id, before).await?;
        }
        self.position += 1;
        Ok(Progress { changed: months as u64, done: false })
    }
}

/// Makes the ledger's months before they begin.
pub(crate) struct MakeMonths {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reconciler for MakeMonths {
    const NAME: &'static str = "make_months";
    const EVERY: Duration = Duration::from_secs(3600);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.store.ensure_ledger_months(self.clock.now()).await?;
        Ok(Progress::done(0))
    }
}

/// Fills columns that came to tables with many rows.
pub(crate) struct FillColumns {
    pub(crate) store: Store,
    pub(crate) rows_max: i64,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reconciler for FillColumns {
    const NAME: &'static str = "fill_columns";
    const EVERY: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<Progress, Fault> {
        if !self.store.take_known_names(self.rows_max, self.clock.now()).await? {
            return Ok(Progress { changed: 1, done: false });
        }
        for backfill in store::BACKFILLS {
            if !self.store.backfill_step(backfill, self.rows_max, self.clock.now()).await? {
                return Ok(Progress { changed: 1, done: false });
            }
        }
        Ok(Progress::done(0))
    }
}

/// For how long marks of batches are kept: a node looks for one for five seconds, and no
/// transaction of a batch lives for more than some tens of seconds.
const MARKS_KEPT_S: i64 = 900;

/// Deletes tokens that are over, answers to keyed requests nobody may ask for any more, changes
/// that every node has heard of, marks of batches that are resolved, and orders that have ended.
pub(crate) struct DeleteExpired {
    pub(crate) store: Store,
    pub(crate) idempotency_hours: i64,
    pub(crate) order_days: i64,
    pub(crate) rows_max: i64,
    pub(crate) clock: Arc<dyn Clock>,
}

impl DeleteExpired {
    fn kept_since(&self, now: UnixMicros) -> UnixMicros {
        now.plus_seconds(-self.idempotency_hours * 3600)
    }
}

impl Reconciler for DeleteExpired {
    const NAME: &'static str = "delete_expired";
    const EVERY: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let tokens = self.store.delete_expired_tokens(now, self.rows_max).await?;
        let links = self.store.delete_expired_links(now, self.rows_max).await?;
        let kept_since = self.kept_since(now);
        let records = self.store.delete_idempotency_before(kept_since, self.rows_max).await?;
        let changes = self.store.delete_tag_changes(CHANGES_KEPT, self.rows_max).await?;
        let marked_before = now.plus_seconds(-MARKS_KEPT_S);
        let marks = self.store.delete_batch_marks_before(marked_before, self.rows_max).await?;
        let ended_before = now.plus_seconds(-self.order_days * 86_400);
        let orders = self.store.delete_ended_orders(ended_before, self.rows_max).await?;
        let full = u64::try_from(self.rows_max).unwrap_or(u64::MAX);
        let counts = [tokens, links, records, changes, marks, orders];
        let done = counts.iter().all(|count| *count < full);
        Ok(Progress { changed: counts.iter().sum(), done })
    }
}

/// How often SQLite's write-ahead log is moved into its file, and from which size on at once.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const LOG_SIZE_MAX: u64 = 64 * 1024 * 1024;
/// Free bytes from which on a disk counts as having room again.
const ROOM_MIN: u64 = 1024 * 1024;

/// Moves what was written into the SQLite file proper, and frees a disk that the write-ahead log
/// has filled.
pub(crate) struct Checkpoint {
    pub(crate) store: Store,
    pub(crate) reserve: DiskReserve,
    /// The write-ahead log.
    pub(crate) log: PathBuf,
    pub(crate) done_at: Option<Instant>,
}

impl Checkpoint {
    pub(crate) fn new(store: Store, file: &Path, reserve_bytes: u64) -> Self {
        let mut log = OsString::from(file);
        log.push("-wal");
        let reserve = DiskReserve::new(file, reserve_bytes);
        Self { store, reserve, log: log.into(), done_at: None }
    }

    fn is_due(&self) -> bool {
        self.done_at.is_none_or(|at| at.elapsed() >= CHECKPOINT_EVERY)
            || store::is_disk_full()
            || self.log.metadata().is_ok_and(|log| log.len() >= LOG_SIZE_MAX)
    }

    /// Gives the reserve up, and cuts the log; the disk counts as full until it has room again.
    async fn free_disk(&mut self) -> Result<(), Fault> {
        self.reserve.release();
        self.store.checkpoint_and_truncate().await?;
        if self.reserve.available()? >= ROOM_MIN {
            store::clear_disk_full();
            tracing::info!("the disk has room again");
        }
        Ok(())
    }

    /// Allocates the reserve where there is more room than it takes.
    fn hold_reserve(&mut self) {
        let room = self.reserve.available().unwrap_or(0);
        if !self.reserve.is_held() && room > self.reserve.bytes() + ROOM_MIN {
            // Another process may have taken the room; it is tried again at the next turn.
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
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        if !self.is_due() {
            return Ok(Progress::done(0));
        }
        let done = if store::is_disk_full() {
            self.free_disk().await
        } else {
            self.store.checkpoint().await.map_err(Fault::from)
        };
        metrics::gauge!("openbell_disk_full").set(f64::from(u8::from(store::is_disk_full())));
        done?;
        self.done_at = Some(Instant::now());
        if !store::is_disk_full() {
            self.hold_reserve();
        }
        Ok(Progress::done(0))
    }
}

/// Notices when PostgreSQL is away, and when it is back.
pub(crate) struct WatchDatabase {
    pub(crate) watch: DatabaseMonitor,
}

impl Reconciler for WatchDatabase {
    const NAME: &'static str = "watch_database";
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.watch.check().await?;
        Ok(Progress::done(0))
    }
}

/// Measures how old the replica's answers are, which decides whether it is asked. That it is away
/// is no failure of the job.
pub(crate) struct WatchReplica {
    pub(crate) watch: ReplicaMonitor,
}

impl Reconciler for WatchReplica {
    const NAME: &'static str = "watch_replica";
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.watch.check().await;
        Ok(Progress::done(0))
    }
}

/// Keeps the memory of the metrics bounded.
pub(crate) struct FoldMetrics {
    pub(crate) metrics: Metrics,
}

impl Reconciler for FoldMetrics {
    const NAME: &'static str = "fold_metrics";
    const EVERY: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.metrics.fold();
        Ok(Progress::done(0))
    }
}
