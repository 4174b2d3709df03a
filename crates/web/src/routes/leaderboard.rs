//! The leaderboard, read from the board in memory. Of other people it shows a rank, the name they
//! chose to be shown by, a level and experience, and nothing else: no number, no address, no time.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::PageRequest;
use serde::Serialize;
use store::ShownName;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::etag;
use crate::openapi::Meta;
use crate::problem::Problem;
use crate::query::Query;
use crate::session::Player;
use crate::state::AppState;

/// Rows a page when the caller does not say.
const PER_PAGE: i64 = 10;
/// The most rows a page.
const PER_PAGE_MAX: i64 = 100;
/// Who a row belongs to when the person has left.
const NAMELESS: &str = "A former player";
/// Who a row belongs to when the person is not to be shown.
const HIDDEN: &str = "Hidden player";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show_leaderboard))
}

/// One page of the leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct Leaderboard {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: Vec<Rank>,
    /// Which page this is; with `around=me` the page that your own row is on.
    meta: Meta,
    /// Your own place; `null` until the board knows you.
    me: Option<Place>,
}

/// One row of the leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rank {
    #[schema(example = 1)]
    rank: u64,
    /// The name or the pseudonym; `Hidden player` for one who shows neither.
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
}

/// Where the caller stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Place {
    #[schema(example = 17)]
    pub(crate) rank: u64,
    #[schema(example = 2)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
}

impl Place {
    /// Where the board has this player.
    pub(crate) fn find(state: &AppState, player_id: i64) -> Option<Self> {
        let (rank, total_xp) = state.ranks.rank(player_id)?;
        let progress = state.rules.levels.progress(total_xp);
        Some(Self { rank, level: progress.level, experience_points: progress.xp_in_level })
    }
}

/// The players by experience, the most experienced first.
#[utoipa::path(get, path = "/api/leaderboard", tag = "progress", security(("bearer" = [])),
    params(
        ("page" = Option<i64>, Query, description = "From 1; anything else counts as 1",
            minimum = 1, example = 1),
        ("per_page" = Option<i64>, Query, description = "Clamped to 1 to 100; 10 unless told",
            minimum = 1, maximum = 100, example = 10),
        ("around" = Option<String>, Query,
            description = "`me`: the rows around your own instead of a page", example = "me"),
    ),
    responses(
        (status = 200, body = Leaderboard),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
async fn show_leaderboard(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let around_me = match query.find("around") {
        None | Some("") => false,
        Some("me") => true,
        Some(_) => return Err(Problem::field("around", "The selected around is invalid.")),
    };
    let page = query.lenient_page(PER_PAGE, PER_PAGE_MAX);
    let asked = Asked { player_id: player.player_id, page, around_me };
    Ok(etag::private(&headers, &load_leaderboard(&state, &asked).await?))
}

/// What the caller asked for.
struct Asked {
    player_id: i64,
    page: PageRequest,
    around_me: bool,
}

async fn load_leaderboard(state: &AppState, asked: &Asked) -> Result<Leaderboard, Problem> {
    let me = Place::find(state, asked.player_id);
    let (page, first_rank, rows) = if asked.around_me {
        around_me(state, asked)
    } else {
        let offset = u64::try_from(asked.page.offset()).unwrap_or(0);
        let limit = usize::try_from(asked.page.per_page()).unwrap_or(0);
        (asked.page, offset + 1, state.ranks.page(offset, limit))
    };
    let ids: Vec<i64> = rows.iter().map(|(player_id, _)| *player_id).collect();
    let names = state.store.player_names(&ids).await?;
    let levels = &state.rules.levels;
    let data = (first_rank..).zip(rows).map(|(rank, (player_id, total_xp))| {
        let name = match names.get(&player_id) {
            Some(ShownName::Known(name)) => name.clone(),
            Some(ShownName::Hidden) => HIDDEN.to_owned(),
            None => NAMELESS.to_owned(),
        };
        let progress = levels.progress(total_xp);
        Rank { rank, name, level: progress.level, experience_points: progress.xp_in_level }
    });
    let total = i64::try_from(state.ranks.total()).unwrap_or(i64::MAX);
    Ok(Leaderboard { success: true, data: data.collect(), meta: page.meta(total).into(), me })
}

/// The rows around the caller's own, at most a page of them, and the page his own row is on.
fn around_me(state: &AppState, asked: &Asked) -> (PageRequest, u64, Vec<(i64, i64)>) {
    let per_page = asked.page.per_page();
    let each_side = u32::try_from((per_page - 1) / 2).unwrap_or(0);
    let Some((first_rank, rows)) = state.ranks.around(asked.player_id, each_side) else {
        return (PageRequest::clamped(1, per_page, PER_PAGE_MAX), 1, Vec::new());
    };
    let before = rows.iter().take_while(|(player_id, _)| *player_id != asked.player_id).count();
    let rank = first_rank.saturating_add(u64::try_from(before).unwrap_or(0));
    let own_page = (i64::try_from(rank).unwrap_or(i64::MAX) - 1) / per_page + 1;
    (PageRequest::clamped(own_page, per_page, PER_PAGE_MAX), first_rank, rows)
}
