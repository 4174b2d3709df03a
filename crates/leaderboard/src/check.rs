//! Comparing a leaderboard with the database, a bounded number of players at a time, and repairing
//! differences. They arise when a commit takes longer than the follower's overlap, or when the
//! database is restored from a backup.

use std::collections::HashMap;

use store::Store;

use crate::follow::FollowError;
use crate::leaderboard::Leaderboard;

/// Players compared at once.
const PAGE_ROWS: i64 = 10_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckResult {
    pub players: u64,
    /// Players that were missing or too low, most of them because of commits moments ago.
    pub raised: u64,
    /// Players with a higher score than in the database.
    pub lowered: u64,
    /// Players that are not in the database.
    pub removed: u64,
    /// The id after which to continue; `None` when all were compared.
    pub next: Option<i64>,
}

/// Compares the players after the id `after` and repairs differences. Safe to run concurrently with
/// itself and with commits.
pub async fn check_board(
    store: &Store,
    board: &Leaderboard,
    after: i64,
) -> Result<CheckResult, FollowError> {
    // The database has every score read here, because only committed scores are applied.
    let limit = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let known = board.scores_after(after, limit);
    let rows = store.board_scores_page(after, PAGE_ROWS).await?;
    // Rows behind the end of a full list belong to the next page.
    let end_of = |list: &[(i64, i64)]| list.last().filter(|_| list.len() >= limit).map(|row| row.0);
    let next = end_of(&known).into_iter().chain(end_of(&rows)).min();
    let is_here = |row: &(i64, i64)| next.is_none_or(|next| row.0 <= next);
    let mut known: HashMap<i64, i64> = known.into_iter().filter(is_here).collect();
    let mut checked = CheckResult { next, ..CheckResult::default() };
    for (player_id, score) in rows.into_iter().filter(is_here) {
        checked.players += 1;
        if known.remove(&player_id).is_some_and(|known| known > score) {
            board.remove(player_id);
            board.apply(player_id, score);
            checked.lowered += 1;
        } else if board.apply(player_id, score) {
            checked.raised += 1;
        }
    }
    for player_id in known.into_keys() {
        checked.removed += u64::from(board.remove(player_id));
    }
    Ok(checked)
}
