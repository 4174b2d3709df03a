//! The ranks page: the reader's rank, and a page of a leaderboard or the rows around the reader.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::PageRequest;
use leaderboard::RankWindow;
use store::BoardKind;

use super::format::Plain;
use super::response;
use super::view::{Pager, Tab, View};
use super::visitor::SignedIn;
use crate::game::leaderboard::{BoardPage, BoardRow, find_kind, load_board};
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// Rows of a page, and rows on each side of the reader.
const ROWS: i64 = 20;
const EACH_SIDE: u32 = 5;

#[derive(Template)]
#[template(path = "ranks.html")]
struct RanksPage<'a> {
    view: &'a View,
    own: Option<BoardRow>,
    /// What the reader has to do to be ranked.
    missing: Vec<String>,
    total: i64,
    rows: Vec<BoardRow>,
    pages: Pager,
    is_around: bool,
    by_return: bool,
    is_snapshot: bool,
    /// Whether the prices are of a known history, so that ranks prove little.
    is_for_learning: bool,
}

impl RanksPage<'_> {
    /// The URL of a leaderboard, from the top or around the reader.
    fn address(&self, by_return: bool, is_around: bool) -> &'static str {
        match (by_return, is_around) {
            (false, false) => "/ranks",
            (false, true) => "/ranks?around=me",
            (true, false) => "/ranks?board=return",
            (true, true) => "/ranks?board=return&around=me",
        }
    }

    /// The movement as a text for screen readers.
    fn movement(&self, movement: impl Plain<i64>) -> String {
        let movement = movement.plain();
        let n = movement.saturating_abs();
        let id = if movement > 0 { "ranks-climbed" } else { "ranks-fell" };
        self.view.t2(id, "n", n, "places", self.view.fmt.number(n))
    }
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let player_id = me.player().player_id;
    let view = View::new(&state, &me, Tab::Ranks, "ranks-title");
    let kind = find_kind(query.find("board"), query.find("by")).ok_or_else(Problem::not_found)?;
    let known = i64::try_from(state.boards.board(kind).total()).unwrap_or(i64::MAX);
    let requested = query.lenient_integer("page").unwrap_or(1).max(1);
    let is_around = view.is_easy() || query.find("around") == Some("me");
    let page = if state.boards.board(kind).is_ready() {
        requested.min(last_page(known))
    } else {
        requested
    };
    let window = if is_around {
        RankWindow::Around { player_id, each_side: EACH_SIDE }
    } else {
        let offset = u64::try_from((page - 1).saturating_mul(ROWS)).unwrap_or(0);
        RankWindow::From { offset, limit: usize::try_from(ROWS).unwrap_or(1) }
    };
    let BoardPage { total, rows, me: own, missing, is_snapshot } =
        load_board(&state, kind, window, player_id).await?;
    let by_return = kind == BoardKind::Return;
    let base = if by_return { "/ranks?board=return&" } else { "/ranks?" };
    let pages = Pager { base: base.to_owned(), page, last: last_page(total) };
    let page = RanksPage {
        view: &view,
        own,
        missing: missing.map(|missing| missing_texts(&view, missing)).unwrap_or_default(),
        total,
        rows,
        pages,
        is_around,
        by_return,
        is_snapshot,
        is_for_learning: state.market.has_known_history(),
    };
    Ok(response::page(&view, &page))
}

/// A sentence for the trades, and one for the notes that the reader still needs.
fn missing_texts(view: &View, (trades, notes): (i64, i64)) -> Vec<String> {
    let text = |key, n| (n > 0).then(|| view.tn(key, "n", n));
    let needs = [text("ranks-missing-trades", trades), text("ranks-missing-notes", notes)];
    needs.into_iter().flatten().collect()
}

fn last_page(total: i64) -> i64 {
    PageRequest::clamped(1, ROWS, ROWS).meta(total).last_page
}
