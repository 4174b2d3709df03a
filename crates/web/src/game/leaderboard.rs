//! One page of a leaderboard: ranks, the names that players chose to show, levels and movements.

use domain::Ratio;
use leaderboard::{LeaderboardError, RankWindow};
use store::{BoardKind, PublicName};

use crate::problem::{Problem, codes};
use crate::state::AppState;

/// `Retry-After` while a leaderboard is being built.
const RETRY_AFTER_S: u64 = 2;

/// Rows of a leaderboard, and the player's own.
pub(crate) struct BoardPage {
    /// Players on the board.
    pub(crate) total: i64,
    pub(crate) rows: Vec<BoardRow>,
    /// The player's own row, also if it is not on the page.
    pub(crate) me: Option<BoardRow>,
    /// The trades and notes that the player still needs to be ranked.
    pub(crate) missing: Option<(i64, i64)>,
    /// Whether the order is that of the last snapshot, because the board is being built.
    pub(crate) is_snapshot: bool,
}

pub(crate) struct BoardRow {
    pub(crate) rank: i64,
    pub(crate) is_me: bool,
    /// `None` for a player who shows no name.
    pub(crate) name: Option<String>,
    pub(crate) level: i64,
    /// Experience within the level.
    pub(crate) xp_in_level: i64,
    /// Since the start; only on the board by return.
    pub(crate) return_ratio: Option<Ratio>,
    /// Ranks gained since the last snapshot; `None` for a player who was not on the board then.
    pub(crate) movement: Option<i64>,
}

pub(crate) async fn load_board(
    state: &AppState,
    kind: BoardKind,
    window: RankWindow,
    player_id: i64,
) -> Result<BoardPage, Problem> {
    let (boards, store, json) = (&state.boards, &state.store, state.prices.prices_json());
    let prices = (&*json, state.rules().minor_unit);
    let page = boards.rows(store, kind, window, prices).await?;
    let at_page = |(rank, (id, score)): (u64, &(i64, i64))| (rank, *id, *score);
    let ranked: Vec<(u64, i64, i64)> = (page.first_rank..).zip(&page.rows).map(at_page).collect();
    let mine = match ranked.iter().find(|row| row.1 == player_id) {
        Some(row) => Some(*row),
        None => {
            let found = boards.rank(store, kind, player_id, prices).await?;
            found.map(|(rank, score)| (rank, player_id, score))
        }
    };
    let ids: Vec<i64> = ranked.iter().chain(&mine).map(|row| row.1).collect();
    let snapshot_id = boards.snapshot(kind).map_or(0, |snapshot| snapshot.snapshot_id);
    let labels = state.player_labels(&ids, snapshot_id).await?;
    // A player who was just erased on another node has no row.
    let row = |(rank, id, score): (u64, i64, i64)| {
        let label = labels.get(&id)?;
        let name = match &label.name {
            PublicName::Known(name) => Some(name.clone()),
            PublicName::Hidden => None,
            PublicName::Former => return None,
        };
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        let total_xp = match kind {
            BoardKind::Xp => score,
            BoardKind::Return => boards.board(BoardKind::Xp).score(id).unwrap_or(0),
        };
        let progress = state.rules().levels.progress(total_xp);
        let start = state.rules().starting_cash;
        Some(BoardRow {
            rank,
            is_me: id == player_id,
            name,
            level: progress.level,
            xp_in_level: progress.xp_in_level,
            return_ratio: (kind == BoardKind::Return).then(|| Ratio::change(start.0, score)),
            movement: label.snapshot_rank.map(|place| place.saturating_sub(rank)),
        })
    };
    let missing = match mine {
        None if kind == BoardKind::Return => find_missing(state, player_id).await?,
        _ => None,
    };
    Ok(BoardPage {
        missing,
        total: i64::try_from(page.total).unwrap_or(i64::MAX),
        me: mine.and_then(row),
        is_snapshot: page.is_snapshot,
        rows: ranked.into_iter().filter_map(row).collect(),
    })
}

/// The trades and notes that a player still needs to be on the board by return.
async fn find_missing(state: &AppState, player_id: i64) -> Result<Option<(i64, i64)>, Problem> {
    let rules = state.rules();
    if rules.ranking.ranks_all() {
        return Ok(None);
    }
    let valuation = state.prices.valuation(&rules);
    let progress = state.store.load_progress(player_id, &valuation, &rules.levels).await?;
    Ok(rules.ranking.missing(&progress.counts))
}

/// The leaderboard that the parameter `board` names, or `by`, its earlier name. By experience
/// without either.
pub(crate) fn find_kind(board: Option<&str>, by: Option<&str>) -> Option<BoardKind> {
    match board.or(by) {
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
