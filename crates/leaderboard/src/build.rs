//! Building the leaderboard by experience at the start, page by page, while commits are applied to
//! it and readers use the last snapshot. The server runs the steps.

use std::sync::Arc;

use domain::UnixMicros;
use store::Store;
use tokio::task::spawn_blocking;

use crate::follow::{FollowError, LedgerFollower};
use crate::leaderboard::Leaderboard;
use crate::scores::Scores;

/// Rows of one page.
const PAGE_ROWS: i64 = 20_000;
/// The share of a page (1/64) that is read twice, because ids may have gaps.
const SPARE: i64 = 64;
/// Players between two progress lines in the log.
const PROGRESS_EVERY: u64 = 1_000_000;

/// The players read so far. Dropping it has no effect on the leaderboard.
#[derive(Debug)]
pub struct LeaderboardBuilder {
    scores: Scores,
    /// The pages read last, merged while the next ones are read.
    pages: [Vec<(i64, i64)>; 2],
    /// All players up to this id are read.
    after: i64,
    /// The span of ids of a page, estimated from the last one.
    span: Option<i64>,
    players: u64,
    began_at: UnixMicros,
}

impl LeaderboardBuilder {
    /// Commits after `now` are applied by the [`LedgerFollower`].
    pub fn new(now: UnixMicros) -> Self {
        let (scores, pages) = (Scores::default(), Default::default());
        Self { scores, pages, after: i64::MIN, span: None, players: 0, began_at: now }
    }

    /// Reads the next players; returns whether all are read. A failed step can be repeated.
    ///
    /// Two pages are read concurrently, the second from shortly before the expected end of the
    /// first. If ids have fewer gaps than in the page before, the second one is read again.
    pub async fn step(&mut self, store: &Store) -> Result<bool, FollowError> {
        let second_after = self.span.map(|span| self.after.saturating_add(span));
        let (scores, pages) = (&mut self.scores, &self.pages);
        let merge = async {
            // Lets both queries start first.
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
        let (first, second, ()) = tokio::join!(first, read_second, merge);
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
            tracing::info!(players = self.players, "building the leaderboard");
        }
        self.pages = [first, second];
        Ok(false)
    }

    /// Sorts the players into the leaderboard, which is ready afterwards. Call it when all are
    /// read.
    pub async fn finish(self, board: &Arc<Leaderboard>) -> Result<LedgerFollower, FollowError> {
        // Sorting ten million players takes a second and must not block the runtime.
        let (board, scores) = (Arc::clone(board), self.scores);
        spawn_blocking(move || board.fill(scores)).await?;
        tracing::info!(players = self.players, "leaderboard built");
        Ok(LedgerFollower { last_seen: self.began_at })
    }
}
