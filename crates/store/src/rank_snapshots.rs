//! Rank snapshots: the ranks of a leaderboard at the close of a session. Movements are counted from
//! the newest finished snapshot, which also serves reads while a leaderboard is being built. Older
//! ones are deleted in steps. Callers ensure that only one node writes.

use domain::{Day, UnixMicros};

use crate::ledger::read_day;
use crate::rows::{ColumnType, RowSet};
use crate::statement::{Lazy, Statement, only};
use crate::{Store, StoreError};

/// RowSet deleted per statement; SQLite blocks other writers meanwhile.
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

/// A finished snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankSnapshot {
    /// Increases with each snapshot.
    pub close_id: i64,
    /// The day of the session.
    pub day: Day,
    /// The number of ranked players.
    pub players: i64,
}

static OPEN: Lazy = Lazy::new(|| {
    Statement::new(
        "board_closes.open",
        "INSERT INTO board_closes (board, day, players, is_done, made_at)
         VALUES ($1, $2, $3, 0, $4) RETURNING close_id",
    )
});

static SAVE_PLACES: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "board_places.insert",
        &[("place", ColumnType::Int), ("player_id", ColumnType::Int)],
        "WITH batch AS ({rows})
         INSERT INTO board_places (close_id, place, player_id)
         SELECT {$1}, place, player_id FROM batch",
    )
});

static FINISH: Lazy = Lazy::new(|| {
    Statement::new("board_closes.finish", "UPDATE board_closes SET is_done = 1 WHERE close_id = $1")
});

static NEWEST: Lazy = Lazy::new(|| {
    Statement::new(
        "board_closes.newest",
        "SELECT close_id, day, players FROM board_closes WHERE board = $1 AND is_done = 1
         ORDER BY close_id DESC LIMIT 1",
    )
});

static OLD: Lazy = Lazy::new(|| {
    Statement::new(
        "board_closes.old",
        "SELECT close_id FROM board_closes WHERE board = $1 AND close_id < $2
         ORDER BY close_id LIMIT 1",
    )
});

static DELETE_RANKS: Lazy = Lazy::new(|| {
    Statement::new(
        "board_places.forget",
        "DELETE FROM board_places WHERE close_id = $1 AND place IN (
             SELECT place FROM board_places WHERE close_id = $1 ORDER BY place LIMIT $2)",
    )
});

static DELETE: Lazy = Lazy::new(|| {
    Statement::new("board_closes.forget", "DELETE FROM board_closes WHERE close_id = $1")
});

static PLACES_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "board_places.page",
        "SELECT player_id FROM board_places WHERE close_id = $1 AND place > $2
         ORDER BY place LIMIT $3",
    )
});

static PLACE: Lazy = Lazy::new(|| {
    Statement::new(
        "board_places.find",
        "SELECT place FROM board_places WHERE close_id = $1 AND player_id = $2",
    )
});

// Starts shortly before the snapshot: players erased earlier are not in it.
static ERASED: Lazy = Lazy::new(|| {
    Statement::new(
        "board_places.erased",
        "SELECT b.place FROM board_closes c
         JOIN erasures e ON e.erased_at > c.made_at - $2
         JOIN players p ON p.user_id = e.user_id AND p.erased_at IS NOT NULL
         JOIN board_places b ON b.close_id = c.close_id AND b.player_id = p.player_id
         WHERE c.close_id = $1
         ORDER BY b.place LIMIT $3",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[
    &OPEN,
    &SAVE_PLACES,
    &FINISH,
    &NEWEST,
    &OLD,
    &DELETE_RANKS,
    &DELETE,
    &PLACES_PAGE,
    &PLACE,
    &ERASED,
];

impl Store {
    /// Begins a snapshot of the close of `day`. It is not visible until it is finished.
    pub async fn open_board_close(
        &self,
        board: BoardKind,
        day: Day,
        players: i64,
        now: UnixMicros,
    ) -> Result<RankSnapshot, StoreError> {
        let rows: Vec<(i64,)> = self
            .writer()
            .fetch_all(&OPEN, (board.as_str(), i64::from(day.0), players, now.0))
            .await?;
        let (close_id,) = only(rows)?;
        Ok(RankSnapshot { close_id, day, players })
    }

    /// Saves ranks as (rank, player).
    ///
    /// # Errors
    /// None of them is saved.
    pub async fn save_board_places(
        &self,
        close_id: i64,
        places: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let rows =
            RowSet::new(vec![RowSet::int(places, |row| row.0), RowSet::int(places, |row| row.1)]);
        self.writer().execute(&SAVE_PLACES, (&rows, close_id)).await?;
        Ok(())
    }

    /// Makes a complete snapshot visible.
    pub async fn finish_board_close(&self, close_id: i64) -> Result<(), StoreError> {
        self.writer().execute(&FINISH, (close_id,)).await?;
        Ok(())
    }

    /// The newest finished snapshot.
    pub async fn find_board_close(
        &self,
        board: BoardKind,
    ) -> Result<Option<RankSnapshot>, StoreError> {
        let row: Option<(i64, i64, i64)> =
            self.reader().fetch_optional(&NEWEST, (board.as_str(),)).await?;
        let read =
            |(close_id, day, players)| Ok(RankSnapshot { close_id, day: read_day(day)?, players });
        row.map(read).transpose()
    }

    /// Deletes some ranks of snapshots before `close_id`; returns whether none are left.
    pub async fn forget_board_closes(
        &self,
        board: BoardKind,
        close_id: i64,
    ) -> Result<bool, StoreError> {
        let old: Option<(i64,)> =
            self.reader().fetch_optional(&OLD, (board.as_str(), close_id)).await?;
        let Some((old,)) = old else { return Ok(true) };
        let deleted = self.writer().execute(&DELETE_RANKS, (old, DELETED_ROWS_MAX)).await?;
        if deleted == 0 {
            self.writer().execute(&DELETE, (old,)).await?;
        }
        Ok(false)
    }

    /// The players after the first `offset` ranks in order, at most `limit`.
    pub async fn board_places_page(
        &self,
        close_id: i64,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let rows: Vec<(i64,)> =
            self.reader().fetch_all(&PLACES_PAGE, (close_id, offset, limit)).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// The player's rank in a snapshot, from 1.
    pub async fn find_board_place(
        &self,
        close_id: i64,
        player_id: i64,
    ) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> =
            self.reader().fetch_optional(&PLACE, (close_id, player_id)).await?;
        Ok(row.map(|row| row.0))
    }

    /// The ranks of players erased since the snapshot, ascending. Ranks below move up accordingly.
    pub async fn erased_board_places(&self, close_id: i64) -> Result<Vec<i64>, StoreError> {
        self.reader().fetch_scalars(&ERASED, (close_id, ERASED_BEFORE_MICROS, ERASED_MAX)).await
    }
}
