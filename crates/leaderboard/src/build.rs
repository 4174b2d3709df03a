//! Building the board of experience at the start, page by page, while others already move it and
//! read elsewhere. It starts nothing by itself: the server runs its steps.

use std::sync::Arc;

use domain::UnixMicros;
use store::Store;
use tokio::task::spawn_blocking;

use crate::board::Board;
use crate::follow::{FollowError, Follower};
use crate::scores::Scores;

/// Rows asked of the database at once.
const PAGE_ROWS: i64 = 20_000;
/// A progress line is logged every so many players.
const PROGRESS_EVERY: u64 = 1_000_000;

/// A board that is being read. Dropping it loses nothing but time.
#[derive(Debug)]
pub struct Builder {
    scores: Scores,
    /// The last page, which is taken in while the database reads the next one.
    page: Vec<(i64, i64)>,
    players: u64,
    began_at: UnixMicros,
}

impl Builder {
    /// Begins; commits after `now` are the follower's.
    pub fn new(now: UnixMicros) -> Self {
        Self { scores: Scores::default(), page: Vec::new(), players: 0, began_at: now }
    }

    /// Reads the next players; whether all are read.
    ///
    /// # Errors
    /// The fault met; the step can be done again.
    pub async fn step(&mut self, store: &Store) -> Result<bool, FollowError> {
        let after = self.page.last().map_or(i64::MIN, |row| row.0);
        let (scores, page) = (&mut self.scores, &self.page);
        let take_in = async {
            // After the question has gone out.
            tokio::task::yield_now().await;
            scores.raise(page.iter().copied());
        };
        let (read, ()) = tokio::join!(store.player_scores_page(after, PAGE_ROWS), take_in);
        let read = read?;
        let before = self.players / PROGRESS_EVERY;
        self.players += read.len() as u64;
        if self.players / PROGRESS_EVERY > before {
            tracing::info!(players = self.players, "building the board");
        }
        let is_done = read.is_empty();
        if !is_done {
            self.page = read;
        }
        Ok(is_done)
    }

    /// Sorts what was read into the board, which is ready then, and gives what follows it from
    /// there. Call it when all are read.
    ///
    /// # Errors
    /// `Sort` when the thread that sorts has failed.
    pub async fn finish(self, board: &Arc<Board>) -> Result<Follower, FollowError> {
        // Sorting ten million players takes a second; no request may wait for it.
        let (board, scores) = (Arc::clone(board), self.scores);
        spawn_blocking(move || board.fill(scores)).await?;
        tracing::info!(players = self.players, "the board is built");
        Ok(Follower { last_seen: self.began_at })
    }
}
