//! What a page of a board shows, for the API and the pages alike: places, the names that people
//! chose, levels, movements. The places are `leaderboard`'s; how they look is decided by whoever
//! shows them.

use domain::Ratio;
use leaderboard::{LeaderboardError, RankWindow};
use store::{BoardKind, PublicName};

use crate::http::query::Query;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// When to come back for a board that is being built, in seconds.
const RETRY_AFTER_S: u64 = 2;

/// Rows of a board and the reader's own.
pub(crate) struct BoardPage {
    /// Players on the board.
    pub(crate) total: i64,
    pub(crate) rows: Vec<BoardRow>,
    /// The reader's own, wherever it is.
    pub(crate) me: Option<BoardRow>,
    /// Whether the order is that of the last snapshot, because the board is being built.
    pub(crate) is_snapshot: bool,
}

/// A player's place.
#[derive(Clone)]
pub(crate) struct BoardRow {
    pub(crate) rank: i64,
    pub(crate) is_me: bool,
    /// `None` for a player who shows no name.
    pub(crate) name: Option<String>,
    pub(crate) level: i64,
    /// Experience within the level.
    pub(crate) xp_in_level: i64,
    /// The return since the start; on the board by return.
    pub(crate) return_ratio: Option<Ratio>,
    /// Ranks gained since the last snapshot; `None` for a player who was not on the board then.
    pub(crate) movement: Option<i64>,
}

/// Loads rows of a board for one of its players.
pub(crate) async fn load_board(
    state: &AppState,
    kind: BoardKind,
    window: RankWindow,
    player_id: i64,
) -> Result<BoardPage, Problem> {
    let (boards, store, prices) = (&state.boards, &state.store, state.prices.prices_json());
    let page = boards.rows(store, kind, window, &prices).await?;
    let at_page = |(rank, (id, score)): (u64, &(i64, i64))| (rank, *id, *score);
    let places: Vec<(u64, i64, i64)> = (page.first_rank..).zip(&page.rows).map(at_page).collect();
    let mine = match places.iter().find(|place| place.1 == player_id) {
        Some(place) => Some(*place),
        None => {
            let found = boards.rank(store, kind, player_id, &prices).await?;
            found.map(|(rank, score)| (rank, player_id, score))
        }
    };
    let ids: Vec<i64> = places.iter().chain(&mine).map(|place| place.1).collect();
    let snapshot_id = boards.snapshot(kind).map_or(0, |snapshot| snapshot.snapshot_id);
    let shown = state.shown(&ids, snapshot_id).await?;
    // A player who was erased on another node moments ago has left the board, and so has no row.
    let row = |(rank, id, score): (u64, i64, i64)| {
        let shown = shown.get(&id)?;
        let name = match &shown.name {
            PublicName::Known(name) => Some(name.clone()),
            PublicName::Hidden => None,
            PublicName::Former => return None,
        };
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        let total_xp = match kind {
            BoardKind::Xp => score,
            BoardKind::Return => boards.board(BoardKind::Xp).score(id).unwrap_or(0),
        };
        let progress = state.rules.levels.progress(total_xp);
        let start = state.rules.starting_cash;
        Some(BoardRow {
            rank,
            is_me: id == player_id,
            name,
            level: progress.level,
            xp_in_level: progress.xp_in_level,
            return_ratio: (kind == BoardKind::Return).then(|| Ratio::change(start.0, score)),
            movement: shown.snapshot_rank.map(|place| place.saturating_sub(rank)),
        })
    };
    Ok(BoardPage {
        total: i64::try_from(page.total).unwrap_or(i64::MAX),
        me: mine.and_then(row),
        is_snapshot: page.is_snapshot,
        rows: places.into_iter().filter_map(row).collect(),
    })
}

/// The board that `board` (or `by`, which is easily taken for it) names; `None` when there is no
/// such board.
pub(crate) fn find_kind(query: &Query) -> Option<BoardKind> {
    match query.find("board").or_else(|| query.find("by")) {
        None | Some("" | "xp") => Some(BoardKind::Xp),
        Some("return") => Some(BoardKind::Return),
        Some(_) => None,
    }
}

impl From<LeaderboardError> for Problem {
    fn from(error: LeaderboardError) -> Self {
        match error {
            LeaderboardError::Building => {
                Self::from(&codes::BOARD_BUILDING).retry_after(RETRY_AFTER_S)
            }
            LeaderboardError::Store(error) => error.into(),
        }
    }
}
