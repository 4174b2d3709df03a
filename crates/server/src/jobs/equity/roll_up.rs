//! Thins out the equity curves of old sessions.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use market::MarketSource;
use store::Store;

use super::{DAILY_SESSIONS, PLAYERS, retention};
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// A round starts after as many new sessions as are kept, or after this time.
const ROUND_INTERVAL_S: i64 = 3600;

pub(crate) struct RollUpEquity {
    pub(super) store: Store,
    pub(super) source: Arc<MarketSource>,
    pub(super) clock: Arc<dyn Clock>,
    /// The last player of this round so far.
    pub(super) after_player_id: i64,
    /// How many sessions had finished before the last whole round, and when it ended.
    pub(super) rolled_up: Option<(usize, UnixMicros)>,
}

impl RollUpEquity {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self {
            store: context.store.clone(),
            source: Arc::clone(&context.source),
            clock: Arc::clone(&context.clock),
            after_player_id: 0,
            rolled_up: None,
        }
    }

    /// Whether a round is under way or due. A player never has more than twice the rows that are
    /// kept, however short sessions are.
    pub(super) fn is_due(&self, now: UnixMicros) -> bool {
        let Some((finished, at)) = self.rolled_up.filter(|_| self.after_player_id == 0) else {
            return true;
        };
        let sessions = self.source.finished_sessions(now).abs_diff(finished);
        sessions >= DAILY_SESSIONS || (sessions > 0 && now >= at.plus_seconds(ROUND_INTERVAL_S))
    }
}

impl Reconciler for RollUpEquity {
    const NAME: &'static str = "roll_up_equity";
    // A session may be as short as a second; a round reads the curves of all players.
    const INTERVAL: Duration = Duration::from_secs(10);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.clock.now();
        let Some(kept) = retention(&self.source, now).filter(|_| self.is_due(now)) else {
            return Ok(JobProgress::done(0));
        };
        let step = self.store.roll_up_equity(self.after_player_id, PLAYERS, kept).await?;
        if step.next_after.is_none() {
            self.rolled_up = Some((self.source.finished_sessions(now), now));
        }
        self.after_player_id = step.next_after.unwrap_or(0);
        Ok(JobProgress { changed: step.deleted, done: step.next_after.is_none() })
    }
}
