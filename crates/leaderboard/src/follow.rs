//! Keeping the board of experience true to the database by following the tail of the ledger, where
//! every node's commits appear. It sets no timer and listens for no nudge (the server runs
//! `follow_once` by tick and by nudge). A board that was built and followed is exact, as long as
//! the bounds said here hold; `check` compares it with the database.

use domain::UnixMicros;
use store::{ScoreCursor, Store, StoreError};
use tokio::task::JoinError;

use crate::board::Board;

/// Rows asked of the database at once.
const PAGE_ROWS: i64 = 10_000;
/// Pages a run. A million rows are far more than one overlap can hold (50,000 trades/s for 5 s),
/// so a run that is cut short has always got further than the run before.
const RUN_PAGES_MAX: u32 = 100;
/// How long after the instant it carries a row may become visible: commits in flight, and clocks
/// of nodes that disagree. A commit that takes longer than this is missed.
const OVERLAP_WHOLE_MICROS: i64 = 5_000_000;
/// What most commits take no longer than.
const OVERLAP_SHORT_MICROS: i64 = 250_000;

/// How far into the ledger a board has followed. It lives and dies with its board.
#[derive(Clone, Debug)]
pub struct Follower {
    pub(crate) last_seen: UnixMicros,
}

/// How much of what was seen is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The last five seconds: nothing that took no longer is missed.
    Whole,
    /// The last quarter of a second, for runs in between: what took longer is left to a whole one.
    Short,
}

/// What one run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Ledger rows read, most of them again because of the overlap.
    pub rows: u64,
    /// Rows that placed or moved a player.
    pub moved: u64,
    /// Whether the end of the ledger was reached; if not, run again at once.
    pub drained: bool,
}

/// Why a board could not be built or followed. The board is as it was or further, never wrong.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The database did not answer; run again later.
    #[error("cannot read the scores of the players")]
    Store(#[from] StoreError),
    /// The thread that sorts the players did not finish.
    #[error("cannot sort the players of the board")]
    Sort(#[from] JoinError),
}

impl Follower {
    /// Applies what the ledger has gained since the last run to the board, oldest first, from the
    /// overlap before the newest row seen. Running it again, twice at once or not to
    /// its end does no harm: [`Board::apply`] ignores what it knows. `heard` gets each page of
    /// rows, as player and place in the ledger, once the board knows them.
    pub async fn follow_once(
        &mut self,
        store: &Store,
        board: &Board,
        now: UnixMicros,
        overlap: Overlap,
        heard: impl Fn(&[(i64, ScoreCursor)]),
    ) -> Result<Followed, FollowError> {
        // `now` bounds what a node whose clock is ahead can make us believe we have seen.
        let overlap = match overlap {
            Overlap::Whole => OVERLAP_WHOLE_MICROS,
            Overlap::Short => OVERLAP_SHORT_MICROS,
        };
        let created_at = UnixMicros(self.last_seen.min(now).0.saturating_sub(overlap));
        let mut cursor = ScoreCursor { created_at, ..ScoreCursor::default() };
        let mut followed = Followed::default();
        for _ in 0..RUN_PAGES_MAX {
            let rows = store.scores_changed_after(cursor, PAGE_ROWS).await?;
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            followed.rows += rows.len() as u64;
            let mut entries = Vec::with_capacity(rows.len());
            for (player_id, total_xp, place) in rows {
                followed.moved += u64::from(board.apply(player_id, total_xp));
                entries.push((player_id, place));
                cursor = place;
            }
            heard(&entries);
            self.last_seen = self.last_seen.max(cursor.created_at);
            if count < PAGE_ROWS {
                followed.drained = true;
                break;
            }
        }
        Ok(followed)
    }
}
