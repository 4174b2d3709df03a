//! The scenario `board`: queries both leaderboards at any depth and around the player, and
//! sometimes compares two consecutive pages. `response` validates each response.

mod response;

use tokio::time::Instant;

use crate::client::Call;
use crate::rng::SeededRng;
use crate::worker::Worker;
use response::{LeaderboardPage, Violation};

/// The most rows of a page.
pub const ROWS_MAX: u32 = 100;
/// One page of so many is compared with the next one.
const JOINED_EVERY: usize = 16;
/// The most reads of a page whose response is only valid if a player moved meanwhile.
const TRIES: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaderboardQuery {
    by_return: bool,
    /// The page, from 1; `None` for the ranks around the player.
    page: Option<u64>,
    /// Rows a page.
    rows: u32,
}

impl LeaderboardQuery {
    /// A random query to a board of `players`: half are pages of the board by experience, a quarter
    /// the ranks around the player, and the rest the same of the board by return.
    pub(crate) fn any(rng: &mut SeededRng, players: u64, rows: u32) -> Self {
        let pages = usize::try_from(players.div_ceil(u64::from(rows.max(1)))).unwrap_or(usize::MAX);
        let drawn = rng.below(8);
        let page = (drawn < 4 || drawn == 6).then(|| rng.below(pages) as u64 + 1);
        Self { by_return: drawn >= 6, page, rows }
    }

    fn next(self) -> Self {
        Self { page: self.page.map(|page| page + 1), ..self }
    }

    /// The name in reports.
    fn kind(self) -> &'static str {
        match (self.by_return, self.page) {
            (false, Some(_)) => "page",
            (false, None) => "around_me",
            (true, Some(_)) => "return_page",
            (true, None) => "return_around_me",
        }
    }

    pub(crate) fn path(self) -> String {
        let board = if self.by_return { "&board=return" } else { "" };
        match self.page {
            Some(page) => format!("/api/leaderboard?page={page}&per_page={}{board}", self.rows),
            None => format!("/api/leaderboard?around=me{board}"),
        }
    }
}

/// Sends the query for a player and validates the response, and sometimes the page after it.
/// Returns how many players are on the board.
pub(crate) async fn send_query(
    worker: &mut Worker,
    player: usize,
    query: LeaderboardQuery,
    begun: Instant,
) -> Option<u64> {
    let page = query_checked(worker, player, query, begun).await?;
    let has_next = query.page.is_some() && page.is_full();
    if has_next && worker.rng.below(JOINED_EVERY) == 0 {
        check_next_page(worker, player, query, &page).await;
    }
    Some(page.total())
}

/// Reads the page after `page` and `page` again. Unless the latter changed, the former must follow
/// it.
async fn check_next_page(
    worker: &mut Worker,
    player: usize,
    query: LeaderboardQuery,
    page: &LeaderboardPage,
) {
    let next = query_checked(worker, player, query.next(), Instant::now()).await;
    let again = query_checked(worker, player, query, Instant::now()).await;
    let (Some(next), Some(again)) = (next, again) else { return };
    let counters = &mut worker.counters.board;
    if !page.has_same_rows(&again) {
        counters.moved += 1;
        return;
    }
    match page.is_followed_by(&next) {
        Ok(()) => counters.joined += 1,
        Err(what) => counters.record_violation(&query.path(), &what),
    }
}

/// Reads until a response is valid, or invalid whatever moved.
async fn query_checked(
    worker: &mut Worker,
    player: usize,
    query: LeaderboardQuery,
    mut begun: Instant,
) -> Option<LeaderboardPage> {
    let (path, mut reason) = (query.path(), String::new());
    for _ in 0..TRIES {
        let call = Call::get(path.as_str(), Some(&worker.common.logins[player].bearer));
        let answer = worker.send(&call, begun).await?;
        let counters = &mut worker.counters.board;
        counters.count(query.kind(), begun.elapsed(), answer.body.len() as u64);
        match response::read(&answer.body, query) {
            Ok(page) => {
                counters.checked += 1;
                return Some(page);
            }
            Err(Violation::UnlessMoved(what)) => {
                counters.moved += 1;
                reason = what;
            }
            Err(Violation::Certain(what)) => {
                counters.record_violation(&path, &what);
                return None;
            }
        }
        begun = Instant::now();
    }
    worker.counters.board.record_violation(&path, &reason);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_kind_of_query_is_sent_and_no_page_is_beyond_the_last() {
        let mut rng = SeededRng::new(1, 0);
        let mut kinds = BTreeMap::new();
        for _ in 0..1_000 {
            let query = LeaderboardQuery::any(&mut rng, 120, 50);
            *kinds.entry(query.kind()).or_insert(0) += 1;
            assert!(query.page.is_none_or(|page| (1..=3).contains(&page)), "{query:?}");
        }
        let names = ["around_me", "page", "return_around_me", "return_page"];
        assert!(kinds.keys().eq(names.iter()), "{kinds:?}");
        let query = LeaderboardQuery { by_return: true, page: Some(2), rows: 50 };
        assert_eq!(query.path(), "/api/leaderboard?page=2&per_page=50&board=return");
        let own = LeaderboardQuery { by_return: false, page: None, rows: 50 };
        assert_eq!(own.path(), "/api/leaderboard?around=me");
        assert_eq!(LeaderboardQuery::any(&mut rng, 0, 50).page.unwrap_or(1), 1);
    }
}
