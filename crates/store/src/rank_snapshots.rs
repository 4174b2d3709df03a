//! The places on the boards at a session's close, from which movements are told, and which answer
//! while a board is built. The newest close that is done counts; older ones are forgotten in steps.
//! When a session closes, and who writes, its callers know; so is that only one writes at a time.

use domain::{Day, UnixMicros};

use crate::ledger::read_day;
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement, only};
use crate::{Store, StoreError};

/// Places deleted in one statement, which others wait for on SQLite.
const FORGOTTEN_AT_ONCE: i64 = 2_000;

/// The most erased players of a close that are looked for.
const ERASED_MAX: i64 = 10_000;
/// How long before a close's instant an erasure may have been recorded that its writer did not know
/// of yet: clocks of nodes that disagree, and notices on their way.
const ERASED_BEFORE_MICROS: i64 = 3_600_000_000;

/// Which board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoardKind {
    /// By experience.
    Xp,
    /// By what cash and shares are worth.
    Return,
}

impl BoardKind {
    /// Its name in the database, in metrics and in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xp => "xp",
            Self::Return => "return",
        }
    }
}

/// A close whose places are all kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankSnapshot {
    /// Its number; later ones have larger numbers.
    pub close_id: i64,
    /// The session's day.
    pub day: Day,
    /// How many players were on the board.
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
        &[("place", Type::Int), ("player_id", Type::Int)],
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

static FORGET_PLACES: Lazy = Lazy::new(|| {
    Statement::new(
        "board_places.forget",
        "DELETE FROM board_places WHERE close_id = $1 AND place IN (
             SELECT place FROM board_places WHERE close_id = $1 ORDER BY place LIMIT $2)",
    )
});

static FORGET: Lazy = Lazy::new(|| {
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

// By the erasures since shortly before the close: those from before are on no board that is closed.
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
    &FORGET_PLACES,
    &FORGET,
    &PLACES_PAGE,
    &PLACE,
    &ERASED,
];

impl Store {
    /// Begins to keep the places of so many players at the close of `day`. It counts for nothing
    /// until it is finished.
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

    /// Keeps these players' places (place, player) at a close that is open.
    ///
    /// # Errors
    /// The fault met; none of them is kept then.
    pub async fn save_board_places(
        &self,
        close_id: i64,
        places: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let rows = Rows::new(vec![Rows::int(places, |row| row.0), Rows::int(places, |row| row.1)]);
        self.writer().execute(&SAVE_PLACES, (&rows, close_id)).await?;
        Ok(())
    }

    /// Lets a close count whose places are all kept.
    pub async fn finish_board_close(&self, close_id: i64) -> Result<(), StoreError> {
        self.writer().execute(&FINISH, (close_id,)).await?;
        Ok(())
    }

    /// The close that counts.
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

    /// Forgets some places of closes before `close_id`; whether there are no more.
    pub async fn forget_board_closes(
        &self,
        board: BoardKind,
        close_id: i64,
    ) -> Result<bool, StoreError> {
        let old: Option<(i64,)> =
            self.reader().fetch_optional(&OLD, (board.as_str(), close_id)).await?;
        let Some((old,)) = old else { return Ok(true) };
        let deleted = self.writer().execute(&FORGET_PLACES, (old, FORGOTTEN_AT_ONCE)).await?;
        if deleted == 0 {
            self.writer().execute(&FORGET, (old,)).await?;
        }
        Ok(false)
    }

    /// The players after the first `offset` at a close, in order, at most `limit`.
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

    /// The player's place at a close, from 1.
    pub async fn find_board_place(
        &self,
        close_id: i64,
        player_id: i64,
    ) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> =
            self.reader().fetch_optional(&PLACE, (close_id, player_id)).await?;
        Ok(row.map(|row| row.0))
    }

    /// The places at a close of players whose user was erased since, in ascending order. Rows below
    /// them move up by as many.
    pub async fn erased_board_places(&self, close_id: i64) -> Result<Vec<i64>, StoreError> {
        self.reader().fetch_scalars(&ERASED, (close_id, ERASED_BEFORE_MICROS, ERASED_MAX)).await
    }
}
