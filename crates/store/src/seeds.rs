//! The secret seed of a game's market, stored once and read by all nodes. `market` draws and
//! publishes it.

use domain::{Secret, UnixMicros};

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// The seed of a market and its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameSeed {
    /// 128 bits in hexadecimal; secret until the market has ended.
    pub seed: Secret,
    /// 128 bits that protect the commitment against guessing; secret as long.
    pub salt: Secret,
    /// The published hash of seed and salt.
    pub commitment: String,
    /// The first pass of the market that uses the seed.
    pub first_pass: i64,
    /// The first session of that pass that uses the seed.
    pub first_session: i64,
}

// For a game created without a seed: the first starting node decides.
static CLAIM: LazyStatement = LazyStatement::new(
    "seeds.claim",
    "UPDATE game_seeds SET market = $2, seed = $4, salt = $5, commitment = $6, first_pass = $7,
         first_session = $8, made_at = $9
     WHERE game_id = $1 AND market = $3 AND seed IS NULL",
);

static ADD: LazyStatement = LazyStatement::new(
    "seeds.add",
    "INSERT INTO game_seeds (game_id, market, seed, salt, commitment, first_pass, first_session,
         made_at)
     VALUES ($1, $2, $3, $4, $5, 0, 0, $6) ON CONFLICT (game_id, market) DO NOTHING",
);

static LOAD: LazyStatement = LazyStatement::new(
    "seeds.load",
    "SELECT seed, salt, commitment, first_pass, first_session FROM game_seeds
     WHERE game_id = $1 AND market = $2 AND seed IS NOT NULL",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&CLAIM, &ADD, &LOAD];

type SeedRow = (String, String, String, i64, i64);

/// A market of a game: `kind` is the configured word, `market` also names an imported one.
#[derive(Clone, Copy, Debug)]
pub struct SeededMarket<'a> {
    pub game_id: i64,
    /// `replay` or `simulated`.
    pub kind: &'a str,
    /// As `kind`, or `replay:NAME`.
    pub market: &'a str,
}

fn read((seed, salt, commitment, first_pass, first_session): SeedRow) -> GameSeed {
    let (seed, salt) = (Secret::new(seed), Secret::new(salt));
    GameSeed { seed, salt, commitment, first_pass, first_session }
}

impl Store {
    /// The seed of a market, if a server has drawn it.
    pub async fn find_seed(
        &self,
        market: SeededMarket<'_>,
    ) -> Result<Option<GameSeed>, StoreError> {
        let params = (market.game_id, market.market);
        let row: Option<SeedRow> = self.reader().fetch_optional(&LOAD, params).await?;
        Ok(row.map(read))
    }

    /// The seed of a market; `drawn` if there is none yet. A game created without a seed uses it
    /// from the drawn seed's first session, other games from the beginning.
    pub async fn ensure_seed(
        &self,
        market: SeededMarket<'_>,
        drawn: &GameSeed,
        now: UnixMicros,
    ) -> Result<GameSeed, StoreError> {
        let SeededMarket { game_id, kind, market } = market;
        let (seed, salt) = (drawn.seed.reveal(), drawn.salt.reveal());
        self.writer()
            .execute(
                &CLAIM,
                (
                    game_id,
                    market,
                    kind,
                    seed,
                    salt,
                    &drawn.commitment,
                    drawn.first_pass,
                    drawn.first_session,
                    now.0,
                ),
            )
            .await?;
        self.writer()
            .execute(&ADD, (game_id, market, seed, salt, &drawn.commitment, now.0))
            .await?;
        Ok(read(self.writer().fetch_one(&LOAD, (game_id, market)).await?))
    }
}
