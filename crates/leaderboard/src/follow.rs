//! Following the tail of the ledger, which has the commits of all nodes, so that the leaderboard by
//! experience stays exact within the bounds of this file. The server runs `follow_once`.

use domain::UnixMicros;
use store::{ScoreCursor, Store, StoreError};
use tokio::task::JoinError;

use crate::leaderboard::Leaderboard;

/// Rows of one page.
const PAGE_ROWS: i64 = 10_000;
/// Pages of one run: a million rows, more than an overlap can hold (50,000 trades/s for 5 s), so
/// that a bounded run always makes progress.
const RUN_PAGES_MAX: u32 = 100;
/// How long after its timestamp a row may become visible: commits in flight and clock skew. A
/// commit that takes longer is missed here and repaired by `check`.
const OVERLAP_WHOLE_MICROS: i64 = 5_000_000;
/// The duration that most commits do not exceed.
const OVERLAP_SHORT_MICROS: i64 = 250_000;

/// The position in the ledger up to which a leaderboard is followed.
#[derive(Clone, Debug)]
pub struct LedgerFollower {
    pub(crate) last_seen: UnixMicros,
}

/// How much of the ledger is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The last five seconds, for exactness.
    Whole,
    /// The last quarter of a second, for runs between two whole ones.
    Short,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowResult {
    /// Ledger rows read, including those of the overlap.
    pub rows: u64,
    /// Rows that changed a score.
    pub moved: u64,
    /// Whether the end of the ledger was reached; otherwise run again at once.
    pub drained: bool,
}

/// Why a leaderboard could not be built or followed. Scores applied so far are correct.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("cannot read the scores of the players")]
    Store(#[from] StoreError),
    #[error("cannot sort the players of the leaderboard")]
    Sort(#[from] JoinError),
}

impl LedgerFollower {
    /// Applies new ledger entries, oldest first, from the overlap before the newest row seen. Runs
    /// may be repeated, concurrent or cancelled: [`Leaderboard::apply`] is idempotent. `on_page` is
    /// called with (player, ledger position) of each page after it was applied.
    pub async fn follow_once(
        &mut self,
        store: &Store,
        board: &Leaderboard,
        now: UnixMicros,
        overlap: Overlap,
        on_page: impl Fn(&[(i64, ScoreCursor)]),
    ) -> Result<FollowResult, FollowError> {
        // `now` bounds the effect of a node whose clock is ahead.
        let overlap = match overlap {
            Overlap::Whole => OVERLAP_WHOLE_MICROS,
            Overlap::Short => OVERLAP_SHORT_MICROS,
        };
        let created_at = UnixMicros(self.last_seen.min(now).0.saturating_sub(overlap));
        let mut cursor = ScoreCursor { created_at, ..ScoreCursor::default() };
        let mut followed = FollowResult::default();
        for _ in 0..RUN_PAGES_MAX {
            let rows = store.scores_changed_after(cursor, PAGE_ROWS).await?;
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            followed.rows += rows.len() as u64;
            let mut entries = Vec::with_capacity(rows.len());
            for (player_id, total_xp, place) in rows {
                let is_moved = total_xp.is_some_and(|xp| board.apply(player_id, xp));
                followed.moved += u64::from(is_moved);
                entries.push((player_id, place));
                cursor = place;
            }
            on_page(&entries);
            self.last_seen = self.last_seen.max(cursor.created_at);
            if count < PAGE_ROWS {
                followed.drained = true;
                break;
            }
        }
        Ok(followed)
    }
}
