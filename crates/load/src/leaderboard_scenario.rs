//! What the scenario `board` asks, counts and compares: pages at any depth, one's own surroundings,
//! both boards, and now and then two pages in a row. What may stand in an answer is `answer`'s.

mod response;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Call, Response};
use crate::counters::LatencyHistogram;
use crate::rng::SeededRng;
use crate::worker::Worker;
use response::{LeaderboardPage, Violation};

/// The most rows that a page can be asked for.
pub const ROWS_MAX: u32 = 100;
/// One page of so many is followed by the next one.
const JOINED_EVERY: usize = 16;
/// How often is asked again because a player may have moved within the asking.
const TRIES: u32 = 4;

/// A query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaderboardQuery {
    by_return: bool,
    /// The page, from 1; `None` for one's own surroundings.
    page: Option<u64>,
    /// Rows a page.
    rows: u32,
}

impl LeaderboardQuery {
    /// Any query to a board of so many players: half of them are pages of the board of
    /// experience, a quarter is about oneself, and the rest is that to the board by return.
    pub(crate) fn any(rng: &mut SeededRng, players: u64, rows: u32) -> Self {
        let pages = usize::try_from(players.div_ceil(u64::from(rows.max(1)))).unwrap_or(usize::MAX);
        let drawn = rng.below(8);
        let page = (drawn < 4 || drawn == 6).then(|| rng.below(pages) as u64 + 1);
        Self { by_return: drawn >= 6, page, rows }
    }

    fn next(self) -> Self {
        Self { page: self.page.map(|page| page + 1), ..self }
    }

    /// What it is called in reports.
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

/// The counts of some questions.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderboardCounters {
    pub(crate) kinds: BTreeMap<&'static str, QueryCounters>,
    /// Answers in which all was as it should be.
    pub(crate) checked: u64,
    /// Pages that were compared with the one after them.
    pub(crate) joined: u64,
    /// Comparisons given up or asked for again, because somebody may have moved meanwhile.
    pub(crate) moved: u64,
    /// What was not as it should be.
    pub(crate) violations: u64,
    /// The first of it.
    pub(crate) violation: Option<String>,
}

/// The counts of one kind of query.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryCounters {
    pub(crate) times: LatencyHistogram,
    pub(crate) answers: u64,
    pub(crate) bytes: u64,
}

impl LeaderboardCounters {
    /// Takes in what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, counts) in &other.kinds {
            let known = self.kinds.entry(kind).or_default();
            known.times.add(&counts.times);
            known.answers += counts.answers;
            known.bytes += counts.bytes;
        }
        self.checked += other.checked;
        self.joined += other.joined;
        self.moved += other.moved;
        self.violations += other.violations;
        if self.violation.is_none() {
            self.violation.clone_from(&other.violation);
        }
    }

    fn count(&mut self, query: LeaderboardQuery, time: Duration, answer: &Response) {
        let counts = self.kinds.entry(query.kind()).or_default();
        counts.times.record(time);
        counts.answers += 1;
        counts.bytes += answer.body.len() as u64;
    }

    fn record_violation(&mut self, query: LeaderboardQuery, what: &str) {
        self.violations += 1;
        self.violation.get_or_insert_with(|| format!("GET {}: {what}", query.path()));
    }
}

/// Asks for a player, and now and then for the page after; how many players are on the board.
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

/// Asks for the page after this one and for this one again: when it stayed as it was, they join.
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
        Err(what) => counters.record_violation(query, &what),
    }
}

/// Asks until the answer is as it should be, or cannot be.
async fn query_checked(
    worker: &mut Worker,
    player: usize,
    query: LeaderboardQuery,
    mut begun: Instant,
) -> Option<LeaderboardPage> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        let call = Call::get(query.path(), Some(&worker.common.logins[player].bearer));
        let answer = worker.ask(&call, begun).await?;
        worker.counters.board.count(query, begun.elapsed(), &answer);
        let counters = &mut worker.counters.board;
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
                counters.record_violation(query, &what);
                return None;
            }
        }
        begun = Instant::now();
    }
    worker.counters.board.record_violation(query, &reason);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_question_is_asked_and_no_page_is_beyond_the_last() {
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
