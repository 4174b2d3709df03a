//! What the server does in the background; see `reconcile` for how it is kept running. Writing and
//! thinning out the players' equity stands in `equity`.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, Month, UnixMicros};
use leaderboard::{Board, Follower};
use market::PriceBoard;
use store::{ReplicaWatch, ScoreCursor, Store, Watch};
use web::Hub;

use crate::history::History;
use crate::reconcile::{Fault, Progress, Reconciler};
use crate::telemetry::Metrics;

/// Saves the closes of sessions that have ended.
pub(crate) struct SaveHistory {
    pub(crate) history: History,
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
            self.store.forget_history(listing.stock_id, before).await?;
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
        for backfill in store::BACKFILLS {
            if !self.store.backfill_step(backfill, self.rows_max, self.clock.now()).await? {
                return Ok(Progress { changed: 1, done: false });
            }
        }
        Ok(Progress::done(0))
    }
}

/// Moves the board by what other nodes have committed.
pub(crate) struct FollowBoard {
    pub(crate) store: Store,
    pub(crate) board: Arc<Board>,
    pub(crate) follower: Follower,
    /// Whose streams hear of what other nodes committed.
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reconciler for FollowBoard {
    const NAME: &'static str = "follow_board";
    const EVERY: Duration = Duration::from_millis(500);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let hub = &self.hub;
        let heard = |entries: &[(i64, ScoreCursor)]| {
            hub.hear(entries.iter().map(|(player_id, place)| (*player_id, place.version)));
        };
        let followed = self.follower.follow_once(&self.store, &self.board, now, heard).await?;
        Ok(Progress { changed: followed.moved, done: followed.drained })
    }
}

/// Compares the board with the database, some players at a time, and repairs it.
pub(crate) struct CheckBoard {
    pub(crate) store: Store,
    pub(crate) board: Arc<Board>,
    /// After whom it goes on.
    pub(crate) after: i64,
    /// How many pages of this turn were compared.
    pub(crate) pages: u32,
}

impl CheckBoard {
    /// Pages of 10,000 players a turn: ten million players are compared in under an hour.
    const PAGES: u32 = 100;
}

impl Reconciler for CheckBoard {
    const NAME: &'static str = "check_board";
    const EVERY: Duration = Duration::from_secs(300);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let checked = leaderboard::check_board(&self.store, &self.board, self.after).await?;
        self.after = checked.next.unwrap_or(i64::MIN);
        self.pages += 1;
        let wrong = checked.lowered + checked.removed;
        for (kind, count) in
            [("raised", checked.raised), ("lowered", checked.lowered), ("removed", checked.removed)]
        {
            metrics::counter!("openbell_board_repairs_total", "kind" => kind).increment(count);
        }
        if wrong > 0 {
            let (lowered, removed) = (checked.lowered, checked.removed);
            tracing::error!(lowered, removed, "the board had other players than the database");
        }
        let done = checked.next.is_none() || self.pages >= Self::PAGES;
        if done {
            self.pages = 0;
        }
        Ok(Progress { changed: checked.raised + wrong, done })
    }
}

/// Deletes tokens that are over and answers to keyed requests nobody may ask for any more.
pub(crate) struct DeleteExpired {
    pub(crate) store: Store,
    pub(crate) idempotency_hours: i64,
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
        let kept_since = self.kept_since(now);
        let records = self.store.delete_idempotency_before(kept_since, self.rows_max).await?;
        let full = u64::try_from(self.rows_max).unwrap_or(u64::MAX);
        Ok(Progress { changed: tokens + records, done: tokens < full && records < full })
    }
}

/// Moves what was written into the SQLite file proper.
pub(crate) struct Checkpoint {
    pub(crate) store: Store,
}

impl Reconciler for Checkpoint {
    const NAME: &'static str = "checkpoint";
    // At full load the log grows by some 20 MB a second.
    const EVERY: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.store.checkpoint().await?;
        Ok(Progress::done(0))
    }
}

/// Notices when PostgreSQL is away, and when it is back.
pub(crate) struct WatchDatabase {
    pub(crate) watch: Watch,
}

impl Reconciler for WatchDatabase {
    const NAME: &'static str = "watch_database";
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.watch.look().await?;
        Ok(Progress::done(0))
    }
}

/// Measures how old the replica's answers are, which decides whether it is asked. That it is away
/// is no failure of the job.
pub(crate) struct WatchReplica {
    pub(crate) watch: ReplicaWatch,
}

impl Reconciler for WatchReplica {
    const NAME: &'static str = "watch_replica";
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        self.watch.look().await;
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
