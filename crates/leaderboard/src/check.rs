//! Comparing a board with the database, a bounded number of players at a time, and making it true
//! again where it is not. What the follower brings in time needs none of this: it is for the commit
//! that took longer than its overlap, and for a database that was put back.

use std::collections::HashMap;

use store::Store;

use crate::board::Board;
use crate::follow::FollowError;

/// Players compared at once.
const PAGE_ROWS: i64 = 10_000;

/// What was compared, and what was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Players compared.
    pub players: u64,
    /// Players whom the board did not know yet or had too low: most of them moments ago.
    pub raised: u64,
    /// Players whom the board had higher than the database.
    pub lowered: u64,
    /// Players whom the database does not have.
    pub removed: u64,
    /// The player after whom to go on; `None` when all were compared.
    pub next: Option<i64>,
}

/// Compares the players after `after`, and repairs the board. Several may do it at once, and
/// commits may come meanwhile.
///
/// # Errors
/// The fault met; the board is as it was.
pub async fn check_board(store: &Store, board: &Board, after: i64) -> Result<Checked, FollowError> {
    // What the board has now the database has when it is asked: a board learns of commits only.
    let limit = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let known = board.scores_after(after, limit);
    let rows = store.board_scores_page(after, PAGE_ROWS).await?;
    // What lies behind the end of a full list is another page's.
    let end_of = |list: &[(i64, i64)]| list.last().filter(|_| list.len() >= limit).map(|row| row.0);
    let next = end_of(&known).into_iter().chain(end_of(&rows)).min();
    let is_here = |row: &(i64, i64)| next.is_none_or(|next| row.0 <= next);
    let mut known: HashMap<i64, i64> = known.into_iter().filter(is_here).collect();
    let mut checked = Checked { next, ..Checked::default() };
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
