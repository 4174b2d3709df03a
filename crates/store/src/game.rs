//! The row of the game: its market and when it began. `game_rules` has the rules.

use domain::UnixMicros;

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// The code of the default game.
pub const MAIN: &str = "main";

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Game {
        pub game_id: i64,
        /// The code by which it is joined, in lower case.
        pub code: String,
        pub market: String,
        /// The instant at which its market began.
        pub started_at: UnixMicros,
    }
}

static OPEN: LazyStatement = LazyStatement::new(
    "games.open",
    "INSERT INTO games (code, market, started_at) VALUES ($1, $2, $3)
     ON CONFLICT (code) DO NOTHING",
);

static LOAD: LazyStatement = LazyStatement::new(
    "games.load",
    "SELECT game_id, code, market, started_at FROM games WHERE code = $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&OPEN, &LOAD];

impl Store {
    /// The game `main`, created now if it does not exist.
    pub async fn ensure_game(&self, market: &str, now: UnixMicros) -> Result<Game, StoreError> {
        if let Some(game) = self.reader().fetch_optional(&LOAD, (MAIN,)).await? {
            return Ok(game);
        }
        self.writer().execute(&OPEN, (MAIN, market, now.0)).await?;
        self.writer().fetch_one(&LOAD, (MAIN,)).await
    }

    /// The game of this code, ignoring case.
    pub async fn find_game(&self, code: &str) -> Result<Option<Game>, StoreError> {
        self.reader().fetch_optional(&LOAD, (code.to_lowercase(),)).await
    }
}
