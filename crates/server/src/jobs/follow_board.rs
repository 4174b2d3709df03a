//! Builds the leaderboard by experience, then applies the commits of other nodes to it and to the
//! event streams of this node.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use leaderboard::{LeaderboardBuilder, Leaderboards, LedgerFollower, Overlap};
use store::{BoardKind, ScoreCursor, Store};
use tokio::sync::Notify;
use tokio::time::Instant;
use web::Hub;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};
use crate::jobs::value_players::record_size;

/// Runs that a wakeup starts within this time after one that read the whole overlap read only new
/// entries.
const WHOLE_INTERVAL: Duration = Duration::from_millis(450);

pub(crate) struct FollowBoard {
    store: Store,
    boards: Arc<Leaderboards>,
    stage: Stage,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// Another node has committed.
    wakeup: Arc<Notify>,
    /// When the ledger was last read with the whole overlap.
    whole_at: Instant,
}

enum Stage {
    New,
    Building(LeaderboardBuilder),
    Following(LedgerFollower),
}

impl FollowBoard {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self {
            store: context.store.clone(),
            boards: Arc::clone(&context.boards),
            stage: Stage::New,
            hub: Arc::clone(&context.hub),
            clock: Arc::clone(&context.clock),
            wakeup: Arc::clone(&context.cluster.wakeups.ledger),
            whole_at: Instant::now(),
        }
    }
}

impl Reconciler for FollowBoard {
    const NAME: &'static str = "follow_board";
    const INTERVAL: Duration = Duration::from_millis(500);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.wakeup))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.clock.now();
        let board = self.boards.board(BoardKind::Xp);
        match &mut self.stage {
            Stage::New => {
                self.stage = Stage::Building(LeaderboardBuilder::new(now));
                Ok(JobProgress::unfinished(0))
            }
            Stage::Building(builder) => {
                if builder.step(&self.store).await?
                    && let Stage::Building(builder) = std::mem::replace(&mut self.stage, Stage::New)
                {
                    self.stage = Stage::Following(builder.finish(board).await?);
                    record_size(&self.boards, BoardKind::Xp);
                }
                Ok(JobProgress::unfinished(0))
            }
            // SQLite is for one process, which applies its own commits.
            Stage::Following(_) if self.store.engine() == "sqlite" => Ok(JobProgress::done(0)),
            Stage::Following(follower) => {
                let on_entries = |entries: &[(i64, ScoreCursor)]| {
                    let versions = entries.iter().map(|(player, cursor)| (*player, cursor.version));
                    self.hub.hear(versions);
                };
                let started = Instant::now();
                let is_whole = started >= self.whole_at + WHOLE_INTERVAL;
                let overlap = if is_whole { Overlap::Whole } else { Overlap::Short };
                let followed =
                    follower.follow_once(&self.store, board, now, overlap, on_entries).await?;
                if is_whole {
                    self.whole_at = started;
                }
                Ok(JobProgress { changed: followed.moved, done: followed.drained })
            }
        }
    }
}
