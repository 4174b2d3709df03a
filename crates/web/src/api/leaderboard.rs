//! The leaderboards, by experience and by return. Of other players they contain rank, movement, the
//! chosen name, level, experience and return: no id, address, time or amount.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::PageRequest;
use leaderboard::RankWindow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::game::leaderboard::{BoardPage, BoardRow, find_kind, load_board};
use crate::game::numbers;
use crate::http::etag;
use crate::http::query::Query;
use crate::openapi::Meta;
use crate::problem::Problem;
use crate::state::AppState;

const PER_PAGE: i64 = 10;
const PER_PAGE_MAX: i64 = 100;
/// The default number of rows on either side of the caller's own.
const EACH_SIDE: i64 = 5;
/// The name of a player who shows neither name nor pseudonym.
const HIDDEN: &str = "Hidden player";

/// One page of the leaderboard.
#[derive(Serialize, ToSchema)]
#[schema(as = Leaderboard)]
pub(crate) struct LeaderboardResponse {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: Vec<Rank>,
    /// Which page this is; with `around=me` the page that your own row is on.
    meta: Meta,
    /// Your own rank; `null` until the board contains you.
    me: Option<MyRank>,
    /// What you still have to do to be on the board, if the rules of the game require it and you
    /// have not done it; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<MissingActivity>,
    /// Whether the market's prices are historical and can be looked up: such a leaderboard is for
    /// learning, not a contest.
    #[schema(example = true)]
    for_learning: bool,
    /// `true` for some seconds after a start: the board is being built, and the ranks are those of
    /// the start of the day (UTC). Left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(example = false)]
    building: bool,
}

/// What a player still has to do to be on a leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct MissingActivity {
    /// Trades that count.
    #[schema(example = 3)]
    trades: i64,
    /// Notes that count.
    #[schema(example = 1)]
    notes: i64,
}

/// One row of the leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rank {
    #[schema(example = 1)]
    rank: i64,
    /// The name or the pseudonym; `Hidden player` if the player shows neither.
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
    /// The change of cash and shares since the starting cash, in percent; only with `board=return`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "12.34")]
    return_percentage: Option<String>,
    /// Ranks gained since the start of the day (UTC), negative for ranks lost; `null` for a player
    /// who was not on the board then.
    #[schema(example = 3)]
    movement: Option<i64>,
}

/// The caller's own rank.
#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub(crate) struct MyRank {
    #[schema(example = 17)]
    rank: i64,
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
    /// As in `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "-0.50")]
    return_percentage: Option<String>,
    /// As in `data`.
    #[schema(example = -1)]
    movement: Option<i64>,
}

/// The players by experience or by return, highest first.
#[utoipa::path(get, path = "/api/leaderboard", tag = "progress", security(("bearer" = [])),
    params(
        ("page" = Option<i64>, Query, description = "From 1; any other value counts as 1",
            minimum = 1, example = 1),
        ("per_page" = Option<i64>, Query, description = "Clamped to 1 to 100; 10 by default",
            minimum = 1, maximum = 100, example = 10),
        ("around" = Option<String>, Query,
            description = "`me`: your own row with 5 rows on either side (or `per_page` rows in \
                total) instead of a page", example = "me"),
        ("board" = Option<String>, Query,
            description = "`xp`, by experience, or `return`, by the value of cash and shares",
            example = "return"),
        ("by" = Option<String>, Query, description = "The same as `board`, which takes precedence",
            deprecated = true),
    ),
    responses(
        (status = 200, body = LeaderboardResponse),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show_leaderboard(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let around_me = match query.find("around") {
        None | Some("") => false,
        Some("me") => true,
        Some(_) => return Err(Problem::field("around", "The selected around is invalid.")),
    };
    let Some(kind) = find_kind(query.find("board"), query.find("by")) else {
        return Err(Problem::field("board", "The selected board is invalid."));
    };
    let player_id = player.player_id;
    let page = query.lenient_page(PER_PAGE, PER_PAGE_MAX);
    let per_page = page.per_page();
    let window = if around_me {
        // The largest number with which all rows together are at most a page.
        let half = (per_page - 1) / 2;
        let each_side = query.lenient_integer("per_page").map_or(EACH_SIDE, |_| half);
        RankWindow::Around { player_id, each_side: u32::try_from(each_side).unwrap_or(0) }
    } else {
        let offset = u64::try_from(page.offset()).unwrap_or(0);
        RankWindow::From { offset, limit: usize::try_from(per_page).unwrap_or(0) }
    };
    let BoardPage { total, rows, me, missing, is_snapshot } =
        load_board(&state, kind, window, player_id).await?;
    let page = if around_me {
        let number = me.as_ref().map_or(1, |me| (me.rank - 1) / per_page + 1);
        PageRequest::clamped(number, per_page, PER_PAGE_MAX)
    } else {
        page
    };
    let response = LeaderboardResponse {
        success: true,
        data: rows.into_iter().map(Rank::from).collect(),
        meta: page.meta(total).into(),
        me: me.map(MyRank::from),
        missing: missing.map(|(trades, notes)| MissingActivity { trades, notes }),
        for_learning: state.market.has_known_history(),
        building: is_snapshot,
    };
    Ok(etag::private(&headers, &response))
}

impl From<BoardRow> for Rank {
    fn from(row: BoardRow) -> Self {
        Self {
            rank: row.rank,
            name: row.name.unwrap_or_else(|| HIDDEN.to_owned()),
            level: row.level,
            experience_points: row.xp_in_level,
            return_percentage: row.return_ratio.map(numbers::percent),
            movement: row.movement,
        }
    }
}

impl From<BoardRow> for MyRank {
    fn from(row: BoardRow) -> Self {
        Self {
            rank: row.rank,
            level: row.level,
            experience_points: row.xp_in_level,
            return_percentage: row.return_ratio.map(numbers::percent),
            movement: row.movement,
        }
    }
}
