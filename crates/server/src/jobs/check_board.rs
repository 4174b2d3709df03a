//! Compares the leaderboard by experience with the database, page by page, and repairs differences.

use std::sync::Arc;
use std::time::Duration;

use store::BoardKind;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Pages of 10,000 players an interval: ten million players are compared in under an hour.
const PAGES_MAX: u32 = 100;

pub(crate) struct CheckBoard {
    context: Arc<JobContext>,
    after_player_id: i64,
    /// Pages compared since the interval began.
    pages: u32,
}

impl CheckBoard {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        Self { context, after_player_id: i64::MIN, pages: 0 }
    }
}

impl Reconciler for CheckBoard {
    const NAME: &'static str = "check_board";
    const INTERVAL: Duration = Duration::from_secs(300);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let board = self.context.boards.board(BoardKind::Xp);
        if !board.is_ready() {
            return Ok(JobProgress::done(0));
        }
        let checked =
            leaderboard::check_board(&self.context.store, board, self.after_player_id).await?;
        self.after_player_id = checked.next.unwrap_or(i64::MIN);
        self.pages += 1;
        let wrong = checked.lowered + checked.removed;
        for (kind, count) in
            [("raised", checked.raised), ("lowered", checked.lowered), ("removed", checked.removed)]
        {
            metrics::counter!("openbell_board_repairs_total", "kind" => kind).increment(count);
        }
        self.context.health.add_board_differences(wrong);
        if wrong > 0 {
            let (lowered, removed) = (checked.lowered, checked.removed);
            tracing::error!(
                lowered,
                removed,
                "leaderboard repaired: it differed from the database in scores or players"
            );
        }
        let done = checked.next.is_none() || self.pages >= PAGES_MAX;
        if done {
            self.pages = 0;
        }
        Ok(JobProgress { changed: checked.raised + wrong, done })
    }
}
