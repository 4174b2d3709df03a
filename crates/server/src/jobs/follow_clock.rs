//! Reads the new segments of the game's clock, whichever node or command appended them, and moves
//! the fill times of pending orders with it.

use std::sync::Arc;
use std::time::Duration;

use cluster::BusMessage;
use domain::{GameClock, UnixMicros};
use store::UNPLANNED;
use tokio::sync::Notify;

use crate::boot::game_clock::{downtime_min_s, trusted_until};
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// How long what was read is certain for prices: a change takes effect a second after its commit.
const PRICES_CERTAIN_S: i64 = 1;
/// How long it is certain enough for orders.
const ORDERS_CERTAIN_S: i64 = 5;
/// For this long after a change, orders are moved that another node accepted before it knew it.
const PLANNING_S: i64 = 10;
/// Orders of one statement.
const PLANNED_ORDERS: i64 = 500;

pub(crate) struct FollowClock {
    context: Arc<JobContext>,
    /// When the last change was read; at first the start, because commands work without a server.
    changed_at: UnixMicros,
}

impl FollowClock {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        let changed_at = context.clock.now();
        let job = Self { context, changed_at };
        job.know(job.context.source.clock().load(), changed_at, None);
        job
    }

    /// Shares the clock with the market, and until when it is certain.
    fn know(&self, clock: Arc<GameClock>, read_at: UnixMicros, beat_at: Option<UnixMicros>) {
        let until = beat_at.filter(|_| downtime_min_s(&self.context.config).is_some());
        let until = until.map_or(UnixMicros(i64::MAX), trusted_until);
        self.context.source.clock().know(
            clock,
            read_at.plus_seconds(PRICES_CERTAIN_S).min(until),
            read_at.plus_seconds(ORDERS_CERTAIN_S).min(until),
        );
    }

    /// Moves the fill times of orders to the closes of the present clock.
    async fn plan_orders(&self, now: UnixMicros) -> Result<u64, JobError> {
        let JobContext { source, store, .. } = &*self.context;
        let mut moved = 0;
        let last = source.finished_sessions(now).checked_sub(1);
        if let Some(last) = last
            && let Some(day) = source.session_day(now, last)
            && let Some(closed_at) = source.session_closed_at(now, last)
        {
            moved += store.plan_closes(day, closed_at, PLANNED_ORDERS).await?;
        }
        if let Some(day) = source.closing_day(now) {
            let closes_at = source.closing_session(now).map_or(UNPLANNED, |close| close.ends_at);
            moved += store.plan_closes(day, closes_at, PLANNED_ORDERS).await?;
        }
        Ok(moved)
    }
}

impl Reconciler for FollowClock {
    const NAME: &'static str = "follow_clock";
    const INTERVAL: Duration = Duration::from_millis(250);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.context.cluster.wakeups.clock))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let JobContext { store, source, prices, cluster, clock, .. } = &*self.context;
        let read_at = clock.now();
        let known = source.clock().load();
        let page = store.clock_page(self.context.game_id, known.last_seq()).await?;
        let changed = page.segments.len() as u64;
        if changed == 0 {
            self.know(known, read_at, page.beat_at);
        } else {
            let mut next = GameClock::clone(&known);
            for segment in page.segments {
                next.append(segment)?;
            }
            tracing::info!(seq = next.last_seq(), "the game's clock changed");
            self.know(Arc::new(next), read_at, page.beat_at);
            self.changed_at = read_at;
            prices.publish(source, clock.now());
            // A node that has read it already does not publish it again.
            cluster.bus.publish(BusMessage::Clock);
        }
        let is_planning = self.changed_at.plus_seconds(PLANNING_S) > read_at;
        let moved =
            if is_planning && !source.is_live() { self.plan_orders(read_at).await? } else { 0 };
        Ok(JobProgress::done(changed + moved))
    }
}
