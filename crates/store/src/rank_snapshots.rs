//! Rank snapshots: the ranks of a leaderboard, stored once a day. Movements are counted from the
//! newest finished snapshot, which also serves reads while a leaderboard is being built. Older ones
//! are deleted in steps. Callers ensure that only one node writes.

use domain::UnixMicros;

use crate::query::row;
use crate::rows::RowSet;
use crate::statement::{LazyStatement, only};
use crate::{Store, StoreError};

/// Rows deleted per statement; SQLite blocks other writers meanwhile.
const DELETED_ROWS_MAX: i64 = 2_000;

/// The most erased players that are looked up.
const ERASED_MAX: i64 = 10_000;
/// Erasures this long before a snapshot may be unknown to its writer: clock skew and delayed
/// messages.
const ERASED_BEFORE_MICROS: i64 = 3_600_000_000;

/// A leaderboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoardKind {
    /// By XP.
    Xp,
    /// By portfolio value.
    Return,
}

impl BoardKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xp => "xp",
            Self::Return => "return",
        }
    }
}

row! {
    /// A finished snapshot.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RankSnapshot {
        /// Increases with each snapshot.
        pub snapshot_id: i64,
        pub made_at: UnixMicros,
        /// The number of ranked players.
        pub players: i64,
    }
}

// The tables keep the names of the time when ranks were stored at each close.
static OPEN: LazyStatement = LazyStatement::new(
    "board_closes.open",
    "INSERT INTO board_closes (board, day, players, is_done, made_at)
     VALUES ($1, $2, $3, 0, $4) RETURNING close_id",
);

static SAVE_RANKS: LazyStatement = LazyStatement::with_rows(
    "board_places.insert",
    "place bigint, player_id bigint",
    "WITH batch AS ({rows})
     INSERT INTO board_places (close_id, place, player_id)
     SELECT {$1}, place, player_id FROM batch",
);

static FINISH: LazyStatement = LazyStatement::new(
    "board_closes.finish",
    "UPDATE board_closes SET is_done = 1 WHERE close_id = $1",
);

static NEWEST: LazyStatement = LazyStatement::new(
    "board_closes.newest",
    "SELECT close_id AS snapshot_id, made_at, players FROM board_closes
     WHERE board = $1 AND is_done = 1
     ORDER BY close_id DESC LIMIT 1",
);

static OLD: LazyStatement = LazyStatement::new(
    "board_closes.old",
    "SELECT close_id FROM board_closes WHERE board = $1 AND close_id < $2
     ORDER BY close_id LIMIT 1",
);

static DELETE_RANKS: LazyStatement = LazyStatement::new(
    "board_places.forget",
    "DELETE FROM board_places WHERE close_id = $1 AND place IN (
         SELECT place FROM board_places WHERE close_id = $1 ORDER BY place LIMIT $2)",
);

static DELETE: LazyStatement =
    LazyStatement::new("board_closes.forget", "DELETE FROM board_closes WHERE close_id = $1");

static PLAYERS_PAGE: LazyStatement = LazyStatement::new(
    "board_places.page",
    "SELECT player_id FROM board_places WHERE close_id = $1 AND place > $2
     ORDER BY place LIMIT $3",
);

static RANK: LazyStatement = LazyStatement::new(
    "board_places.find",
    "SELECT place FROM board_places WHERE close_id = $1 AND player_id = $2",
);

// Starts shortly before the snapshot: players erased earlier are not in it.
static ERASED: LazyStatement = LazyStatement::new(
    "board_places.erased",
    "SELECT b.place FROM board_closes c
     JOIN erasures e ON e.erased_at > c.made_at - $2
     JOIN players p ON p.user_id = e.user_id AND p.erased_at IS NOT NULL
     JOIN board_places b ON b.close_id = c.close_id AND b.player_id = p.player_id
     WHERE c.close_id = $1
     ORDER BY b.place LIMIT $3",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &OPEN,
    &SAVE_RANKS,
    &FINISH,
    &NEWEST,
    &OLD,
    &DELETE_RANKS,
    &DELETE,
    &PLAYERS_PAGE,
    &RANK,
    &ERASED,
];

impl Store {
    /// Begins a snapshot. It is not visible until it is finished.
    pub async fn begin_rank_snapshot(
        &self,
        board: BoardKind,
        players: i64,
        now: UnixMicros,
    ) -> Result<RankSnapshot, StoreError> {
        let params = (board.as_str(), i64::from(now.day().0), players, now.0);
        let snapshot_id = only(self.writer().fetch_scalars(&OPEN, params).await?)?;
        Ok(RankSnapshot { snapshot_id, made_at: now, players })
    }

    /// Saves ranks as (rank, player).
    ///
    /// # Errors
    /// None of them is saved.
    pub async fn save_ranks(
        &self,
        snapshot_id: i64,
        ranks: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let rows =
            RowSet::new(vec![RowSet::int(ranks, |row| row.0), RowSet::int(ranks, |row| row.1)]);
        self.writer().execute(&SAVE_RANKS, (&rows, snapshot_id)).await?;
        Ok(())
    }

    /// Makes a complete snapshot visible.
    pub async fn finish_rank_snapshot(&self, snapshot_id: i64) -> Result<(), StoreError> {
        self.writer().execute(&FINISH, (snapshot_id,)).await?;
        Ok(())
    }

    /// The newest finished snapshot.
    pub async fn find_rank_snapshot(
        &self,
        board: BoardKind,
    ) -> Result<Option<RankSnapshot>, StoreError> {
        self.reader().fetch_optional(&NEWEST, (board.as_str(),)).await
    }

    /// Deletes some ranks of snapshots before `snapshot_id`; returns whether none are left.
    pub async fn delete_rank_snapshots_before(
        &self,
        board: BoardKind,
        snapshot_id: i64,
    ) -> Result<bool, StoreError> {
        let old: Option<i64> =
            self.reader().fetch_optional_scalar(&OLD, (board.as_str(), snapshot_id)).await?;
        let Some(old) = old else { return Ok(true) };
        let deleted = self.writer().execute(&DELETE_RANKS, (old, DELETED_ROWS_MAX)).await?;
        if deleted == 0 {
            self.writer().execute(&DELETE, (old,)).await?;
        }
        Ok(false)
    }

    /// The players after the first `offset` ranks in order, at most `limit`.
    pub async fn ranked_players_page(
        &self,
        snapshot_id: i64,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        self.reader().fetch_scalars(&PLAYERS_PAGE, (snapshot_id, offset, limit)).await
    }

    /// The player's rank in a snapshot, from 1.
    pub async fn find_rank(
        &self,
        snapshot_id: i64,
        player_id: i64,
    ) -> Result<Option<i64>, StoreError> {
        self.reader().fetch_optional_scalar(&RANK, (snapshot_id, player_id)).await
    }

    /// The ranks of players erased since the snapshot, ascending. Ranks below move up accordingly.
    pub async fn erased_ranks(&self, snapshot_id: i64) -> Result<Vec<i64>, StoreError> {
        self.reader().fetch_scalars(&ERASED, (snapshot_id, ERASED_BEFORE_MICROS, ERASED_MAX)).await
    }
}
