//! Ranks: a page of the board with the reader's own place above it, or the rows around it. Of
//! others it shows what they chose to show. The board itself is `leaderboard`'s.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use store::ShownName;

use super::answer;
use super::view::{Pages, Tab, View};
use super::visitor::SignedIn;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::AppState;

/// Rows a page, and rows on either side of one's own.
const ROWS: i64 = 20;
const EACH_SIDE: u32 = 5;

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/ranks", get(show))
}

#[derive(Template)]
#[template(path = "ranks.html")]
struct RanksPage<'a> {
    view: &'a View,
    /// Rank, level and XP within it.
    own: Option<(i64, i64, i64)>,
    total: i64,
    rows: Vec<Row>,
    pages: Pages,
    is_around: bool,
}

struct Row {
    rank: i64,
    name: String,
    is_named: bool,
    is_me: bool,
    level: i64,
    xp: i64,
}

async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    let player_id = me.player().player_id;
    let view = View::new(&state, &me, Tab::Ranks, "ranks-title");
    let total = i64::try_from(state.ranks.total()).unwrap_or(i64::MAX);
    let last = (total.max(1) + ROWS - 1) / ROWS;
    let page = query.lenient_integer("page").unwrap_or(1).clamp(1, last);
    let is_around = view.is_easy() || query.find("around") == Some("me");
    let (first, scores) = match state.ranks.around(player_id, EACH_SIDE).filter(|_| is_around) {
        Some(found) => found,
        None => {
            let offset = u64::try_from((page - 1) * ROWS).unwrap_or(0);
            let limit = usize::try_from(ROWS).unwrap_or(1);
            (offset + 1, state.ranks.page(offset, limit))
        }
    };
    let rows = rows(&state, &view, player_id, first, &scores).await?;
    let levels = &state.rules.levels;
    let own = state.ranks.rank(player_id).map(|(rank, xp)| {
        let progress = levels.progress(xp);
        (i64::try_from(rank).unwrap_or(i64::MAX), progress.level, progress.xp_in_level)
    });
    let pages = Pages { base: "/ranks?".to_owned(), page, last };
    let page = RanksPage { view: &view, own, total, rows, pages, is_around };
    Ok(answer::page(&view, &page))
}

async fn rows(
    state: &AppState,
    view: &View,
    player_id: i64,
    first: u64,
    scores: &[(i64, i64)],
) -> Result<Vec<Row>, Problem> {
    let ids: Vec<i64> = scores.iter().map(|(id, _)| *id).collect();
    let names = state.store.player_names(&ids).await?;
    let row = |(rank, (id, xp)): (u64, &(i64, i64))| {
        let progress = state.rules.levels.progress(*xp);
        let (name, is_named) = match names.get(id) {
            Some(ShownName::Known(name)) => (name.clone(), true),
            Some(ShownName::Hidden) => (view.t("ranks-hidden"), false),
            None => (view.t("ranks-former"), false),
        };
        Row {
            rank: i64::try_from(rank).unwrap_or(i64::MAX),
            name,
            is_named,
            is_me: *id == player_id,
            level: progress.level,
            xp: progress.xp_in_level,
        }
    };
    Ok((first..).zip(scores).map(row).collect())
}
