//! What the scenario `board` asks, counts and compares: pages at any depth, one's own surroundings,
//! both boards, and now and then two pages in a row. What may stand in an answer is `answer`'s.

mod answer;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chance::Chance;
use crate::client::{Answer, Call};
use crate::tally::Times;
use crate::worker::Worker;
use answer::{Page, Wrong};

/// The most rows that a page can be asked for.
pub const ROWS_MAX: u32 = 100;
/// One page of so many is followed by the next one.
const JOINED_EVERY: usize = 16;
/// How often is asked again because a player may have moved within the asking.
const TRIES: u32 = 4;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    by_return: bool,
    /// The page, from 1; `None` for one's own surroundings.
    page: Option<u64>,
    /// Rows a page.
    rows: u32,
}

impl Question {
    /// Any question to a board of so many players: half of them are pages of the board of
    /// experience, a quarter is about oneself, and the rest is that to the board by return.
    pub(crate) fn any(chance: &mut Chance, players: u64, rows: u32) -> Self {
        let pages = usize::try_from(players.div_ceil(u64::from(rows.max(1)))).unwrap_or(usize::MAX);
        let drawn = chance.below(8);
        let page = (drawn < 4 || drawn == 6).then(|| chance.below(pages) as u64 + 1);
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
pub(crate) struct BoardTally {
    pub(crate) kinds: BTreeMap<&'static str, KindTally>,
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

/// The counts of one kind of question.
#[derive(Clone, Debug, Default)]
pub(crate) struct KindTally {
    pub(crate) times: Times,
    pub(crate) answers: u64,
    pub(crate) bytes: u64,
}

impl BoardTally {
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

    fn count(&mut self, question: Question, time: Duration, answer: &Answer) {
        let counts = self.kinds.entry(question.kind()).or_default();
        counts.times.record(time);
        counts.answers += 1;
        counts.bytes += answer.body.len() as u64;
    }

    fn accuse(&mut self, question: Question, what: &str) {
        self.violations += 1;
        self.violation.get_or_insert_with(|| format!("GET {}: {what}", question.path()));
    }
}

/// Asks for a player, and now and then for the page after; how many players are on the board.
pub(crate) async fn ask(
    worker: &mut Worker,
    player: usize,
    question: Question,
    begun: Instant,
) -> Option<u64> {
    let page = ask_checked(worker, player, question, begun).await?;
    let has_next = question.page.is_some() && page.is_full();
    if has_next && worker.chance.below(JOINED_EVERY) == 0 {
        join(worker, player, question, &page).await;
    }
    Some(page.total())
}

/// Asks for the page after this one and for this one again: when it stayed as it was, they join.
async fn join(worker: &mut Worker, player: usize, question: Question, page: &Page) {
    let next = ask_checked(worker, player, question.next(), Instant::now()).await;
    let again = ask_checked(worker, player, question, Instant::now()).await;
    let (Some(next), Some(again)) = (next, again) else { return };
    let tally = &mut worker.tally.board;
    if !page.has_same_rows(&again) {
        tally.moved += 1;
        return;
    }
    match page.is_followed_by(&next) {
        Ok(()) => tally.joined += 1,
        Err(what) => tally.accuse(question, &what),
    }
}

/// Asks until the answer is as it should be, or cannot be.
async fn ask_checked(
    worker: &mut Worker,
    player: usize,
    question: Question,
    mut begun: Instant,
) -> Option<Page> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        let call = Call::get(question.path(), Some(&worker.common.seats[player].bearer));
        let answer = worker.ask(&call, begun).await?;
        worker.tally.board.count(question, begun.elapsed(), &answer);
        let tally = &mut worker.tally.board;
        match answer::read(&answer.body, question) {
            Ok(page) => {
                tally.checked += 1;
                return Some(page);
            }
            Err(Wrong::UnlessMoved(what)) => {
                tally.moved += 1;
                reason = what;
            }
            Err(Wrong::Ever(what)) => {
                tally.accuse(question, &what);
                return None;
            }
        }
        begun = Instant::now();
    }
    worker.tally.board.accuse(question, &reason);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_question_is_asked_and_no_page_is_beyond_the_last() {
        let mut chance = Chance::new(1, 0);
        let mut kinds = BTreeMap::new();
        for _ in 0..1_000 {
            let question = Question::any(&mut chance, 120, 50);
            *kinds.entry(question.kind()).or_insert(0) += 1;
            assert!(question.page.is_none_or(|page| (1..=3).contains(&page)), "{question:?}");
        }
        let names = ["around_me", "page", "return_around_me", "return_page"];
        assert!(kinds.keys().eq(names.iter()), "{kinds:?}");
        let question = Question { by_return: true, page: Some(2), rows: 50 };
        assert_eq!(question.path(), "/api/leaderboard?page=2&per_page=50&board=return");
        let own = Question { by_return: false, page: None, rows: 50 };
        assert_eq!(own.path(), "/api/leaderboard?around=me");
        assert_eq!(Question::any(&mut chance, 0, 50).page.unwrap_or(1), 1);
    }
}
