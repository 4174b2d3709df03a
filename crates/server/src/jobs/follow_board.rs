//! Builds the leaderboard by experience, then applies the commits of other nodes to it and to the
//! event streams of this node. Records the sizes of both leaderboards.

use std::sync::Arc;
use std::time::Duration;

use leaderboard::{LeaderboardBuilder, Leaderboards, LedgerFollower, Overlap};
use store::{BoardKind, ScoreCursor};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::jobs::context::JobContext;
use crate::jobs::follow_changes::exclude_unranked;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Runs that a wakeup starts within this time after one that read the whole overlap read only new
/// entries.
const WHOLE_INTERVAL: Duration = Duration::from_millis(450);

pub(crate) struct FollowBoard {
    context: Arc<JobContext>,
    stage: Stage,
    /// When the ledger was last read with the whole overlap.
    whole_at: Instant,
    /// When the sizes of the leaderboards were last recorded.
    sizes_at: Option<Instant>,
}

enum Stage {
    New,
    Building(LeaderboardBuilder),
    Following(LedgerFollower),
}

impl FollowBoard {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        Self { context, stage: Stage::New, whole_at: Instant::now(), sizes_at: None }
    }
}

impl Reconciler for FollowBoard {
    const NAME: &'static str = "follow_board";
    const INTERVAL: Duration = Duration::from_millis(500);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.context.cluster.wakeups.ledger))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        if self.sizes_at.is_none_or(|at| at.elapsed() >= WHOLE_INTERVAL) {
            record_sizes(&self.context.boards);
            self.sizes_at = Some(Instant::now());
        }
        let JobContext { store, boards, hub, clock, .. } = &*self.context;
        let (now, board) = (clock.now(), boards.board(BoardKind::Xp));
        match &mut self.stage {
            Stage::New => {
                self.stage = Stage::Building(LeaderboardBuilder::new(now));
                Ok(JobProgress::unfinished(0))
            }
            Stage::Building(builder) => {
                if !builder.step(store).await? {
                    return Ok(JobProgress::unfinished(0));
                }
                // Commits of this node were applied for unranked players as well.
                exclude_unranked(store, boards).await?;
                if let Stage::Building(builder) = std::mem::replace(&mut self.stage, Stage::New) {
                    self.stage = Stage::Following(builder.finish(board).await?);
                }
                Ok(JobProgress::unfinished(0))
            }
            // SQLite is for one process, which applies its own commits.
            Stage::Following(_) if store.engine() == "sqlite" => Ok(JobProgress::done(0)),
            Stage::Following(follower) => {
                let on_entries = |entries: &[(i64, ScoreCursor)]| {
                    let versions = entries.iter().map(|(player, cursor)| (*player, cursor.version));
                    hub.publish_entries(versions);
                };
                let started = Instant::now();
                let is_whole = started >= self.whole_at + WHOLE_INTERVAL;
                let overlap = if is_whole { Overlap::Whole } else { Overlap::Short };
                let followed = follower.follow_once(store, board, now, overlap, on_entries).await?;
                if is_whole {
                    self.whole_at = started;
                }
                Ok(JobProgress { changed: followed.moved, done: followed.drained })
            }
        }
    }
}

/// Records how many players each leaderboard has, and its memory.
fn record_sizes(boards: &Leaderboards) {
    for kind in [BoardKind::Xp, BoardKind::Return] {
        let board = boards.board(kind);
        let (players, bytes) = (board.total(), board.memory_bytes() as u64);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        {
            metrics::gauge!("openbell_board_players", "board" => kind.as_str()).set(players as f64);
            metrics::gauge!("openbell_board_bytes", "board" => kind.as_str()).set(bytes as f64);
        }
    }
}
