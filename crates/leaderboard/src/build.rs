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
/// One part in so many of a page is read twice, since numbers may have gaps.
const SPARE: i64 = 64;
/// A progress line is logged every so many players.
const PROGRESS_EVERY: u64 = 1_000_000;

/// A board that is being read. Dropping it loses nothing but time.
#[derive(Debug)]
pub struct Builder {
    scores: Scores,
    /// What was read last, which is taken in while the database reads on.
    pages: [Vec<(i64, i64)>; 2],
    /// All players up to this number are read.
    after: i64,
    /// What the numbers of a page span at least, going by the last one.
    span: Option<i64>,
    players: u64,
    began_at: UnixMicros,
}

impl Builder {
    /// Begins; commits after `now` are the follower's.
    pub fn new(now: UnixMicros) -> Self {
        let (scores, pages) = (Scores::default(), Default::default());
        Self { scores, pages, after: i64::MIN, span: None, players: 0, began_at: now }
    }

    /// Reads the next players; whether all are read.
    ///
    /// Two pages are asked for at once, the second one from somewhat before where the first should
    /// end: reading is the database's work more than ours. Where the numbers have fewer gaps than
    /// in the page before, the second is read again.
    ///
    /// # Errors
    /// The fault met; the step can be done again.
    pub async fn step(&mut self, store: &Store) -> Result<bool, FollowError> {
        let second_after = self.span.map(|span| self.after.saturating_add(span));
        let (scores, pages) = (&mut self.scores, &self.pages);
        let take_in = async {
            // After the questions have gone out.
            tokio::task::yield_now().await;
            scores.raise(pages.iter().flatten().copied());
        };
        let read_second = async {
            match second_after {
                Some(after) => store.board_scores_page(after, PAGE_ROWS).await,
                None => Ok(Vec::new()),
            }
        };
        let first = store.board_scores_page(self.after, PAGE_ROWS);
        let (first, second, ()) = tokio::join!(first, read_second, take_in);
        let (first, mut second) = (first?, second?);
        let ends = first.first().zip(first.last());
        let Some((begin, last)) = ends.map(|(begin, last)| (begin.0, last.0)) else {
            return Ok(true);
        };
        // What lies between the end of the first and where the second begins was not read.
        if second_after.is_some_and(|after| after > last) {
            second.clear();
        }
        let known = second.partition_point(|row| row.0 <= last);
        second.drain(..known);
        let span = last.saturating_sub(begin).saturating_add(1);
        self.span = Some(span - span / SPARE);
        self.after = second.last().map_or(last, |row| row.0);
        let before = self.players / PROGRESS_EVERY;
        self.players += (first.len() + second.len()) as u64;
        if self.players / PROGRESS_EVERY > before {
            tracing::info!(players = self.players, "building the board");
        }
        self.pages = [first, second];
        Ok(false)
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
