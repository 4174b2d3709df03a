//! The row of the game: when it began, and the market that it plays for ever. `game_rules` has the
//! rules, `game_clock` the clock.

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
        /// The row of its market. `None` before [`Store::set_game_market`].
        pub market_id: Option<i64>,
        /// The settings of its market in the format of `market::GameMarket`.
        pub market_settings: Option<String>,
    }
}

/// The market of a new game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGameMarket<'a> {
    /// The name of an imported market, or the kind and the game's code.
    pub name: &'a str,
    /// `imported`, or as in [`Game::market`].
    pub kind: &'a str,
    /// The code of the exchange of a live market, otherwise `-`.
    pub exchange: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// The settings of its market in the format of `market::GameMarket`.
    pub settings: &'a str,
}

static OPEN: LazyStatement = LazyStatement::new(
    "games.open",
    "INSERT INTO games (code, market, started_at) VALUES ($1, $2, $3)
     ON CONFLICT (code) DO NOTHING",
);

static LOAD: LazyStatement = LazyStatement::new(
    "games.load",
    "SELECT game_id, code, market, started_at, market_id, market_settings FROM games
     WHERE code = $1",
);

static ADD_MARKET: LazyStatement = LazyStatement::new(
    "markets.add",
    "INSERT INTO markets (name, exchange, currency, kind, imported_at)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING",
);

static SET_MARKET: LazyStatement = LazyStatement::new(
    "games.set_market",
    "UPDATE games SET market_settings = $1,
         market_id = (SELECT market_id FROM markets WHERE name = $2 AND kind = $3)
     WHERE game_id = $4 AND market_settings IS NULL",
);

static PLAYING: LazyStatement = LazyStatement::new(
    "games.of_market",
    "SELECT game_id, code, market, started_at, market_id, market_settings FROM games
     WHERE market_id = $1 ORDER BY game_id LIMIT $2",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&OPEN, &LOAD, &ADD_MARKET, &SET_MARKET, &PLAYING];

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

    /// Sets the market of a game that has none yet, and returns the game. If another node was
    /// first, its market stays.
    pub async fn set_game_market(
        &self,
        game: &Game,
        market: &NewGameMarket<'_>,
        now: UnixMicros,
    ) -> Result<Game, StoreError> {
        let &NewGameMarket { name, kind, exchange, currency, settings } = market;
        let mut tx = self.begin().await?;
        tx.run().execute(&ADD_MARKET, (name, exchange, currency, kind, now.0)).await?;
        tx.run().execute(&SET_MARKET, (settings, name, kind, game.game_id)).await?;
        tx.commit().await?;
        self.writer().fetch_one(&LOAD, (game.code.as_str(),)).await
    }

    /// The games that play a market, `limit` at most.
    pub async fn games_of_market(
        &self,
        market_id: i64,
        limit: i64,
    ) -> Result<Vec<Game>, StoreError> {
        self.reader().fetch_all(&PLAYING, (market_id, limit)).await
    }
}
