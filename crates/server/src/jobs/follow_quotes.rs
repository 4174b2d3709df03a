//! Applies the stored quotes of a live market, whichever node requested them, to this node's price
//! board.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::UnixMicros;
use market::LiveMarket;
use tokio::sync::Notify;

use crate::boot::live_market::{halts_by_position, quotes_by_position};
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// How far back changes are read again, because commits in flight and clocks differ.
const OVERLAP_S: i64 = 5;

pub(crate) struct FollowQuotes {
    context: Arc<JobContext>,
    feed: Arc<LiveMarket>,
    /// The position of each stock, by its id, in the feed.
    positions: HashMap<i64, usize>,
    /// When the newest applied change was stored.
    applied_at: UnixMicros,
}

impl FollowQuotes {
    /// `None` unless the market is live.
    pub(crate) fn new(context: Arc<JobContext>) -> Option<Self> {
        let feed = context.source.feed()?;
        let stock_ids = context.prices.listings().iter().map(|listing| listing.stock_id);
        let positions = stock_ids.zip(0..).collect();
        Some(Self { context, feed, positions, applied_at: UnixMicros(0) })
    }
}

impl Reconciler for FollowQuotes {
    const NAME: &'static str = "follow_quotes";
    // With the immediate publication, every node shows a price within a second of its commit.
    const INTERVAL: Duration = Duration::from_millis(500);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.context.cluster.wakeups.prices))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let since = self.applied_at.plus_seconds(-OVERLAP_S);
        let changed = self.context.store.quotes_changed_since(since).await?;
        if let Some((_, newest)) = changed.last() {
            self.applied_at = self.applied_at.max(*newest);
        }
        let quotes = quotes_by_position(&self.positions, &changed);
        let halts_changed = self.feed.set_in_doubt(&halts_by_position(&self.positions, &changed));
        if !self.feed.feed(&quotes) && !halts_changed {
            return Ok(JobProgress::done(0));
        }
        let JobContext { prices, source, clock, .. } = &*self.context;
        prices.publish(source, clock.now());
        Ok(JobProgress::done(quotes.len() as u64))
    }
}
