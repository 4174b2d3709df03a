//! The secret seed of a game's market: saved once, read back on every node. It draws nothing and
//! publishes nothing; `market` does both.

use domain::{Secret, UnixMicros};

use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// The seed of a market, with what is published about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameSeed {
    /// 128 bits in hexadecimal; secret until the market has ended.
    pub seed: Secret,
    /// As many bits that keep the commitment from being tried out; secret for as long.
    pub salt: Secret,
    /// The published hash of both.
    pub commitment: String,
    /// The pass of the market in which the seed first counts.
    pub first_pass: i64,
    /// The first session of that pass whose prices follow from it.
    pub first_session: i64,
}

// A game of the version without seeds: the first node that starts decides.
static CLAIM: Lazy = Lazy::new(|| {
    Statement::new(
        "seeds.claim",
        "UPDATE game_seeds SET market = $2, seed = $4, salt = $5, commitment = $6, first_pass = $7,
             first_session = $8, made_at = $9
         WHERE game_id = $1 AND market = $3 AND seed IS NULL",
    )
});

static ADD: Lazy = Lazy::new(|| {
    Statement::new(
        "seeds.add",
        "INSERT INTO game_seeds (game_id, market, seed, salt, commitment, first_pass, first_session,
             made_at)
         VALUES ($1, $2, $3, $4, $5, 0, 0, $6) ON CONFLICT (game_id, market) DO NOTHING",
    )
});

static LOAD: Lazy = Lazy::new(|| {
    Statement::new(
        "seeds.load",
        "SELECT seed, salt, commitment, first_pass, first_session FROM game_seeds
         WHERE game_id = $1 AND market = $2 AND seed IS NOT NULL",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&CLAIM, &ADD, &LOAD];

type SeedRow = (String, String, String, i64, i64);

/// Which market of which game: `kind` is the word of the configuration, `market` also names an
/// imported one.
#[derive(Clone, Copy, Debug)]
pub struct SeededMarket<'a> {
    /// The game.
    pub game_id: i64,
    /// `replay` or `simulated`.
    pub kind: &'a str,
    /// The same, or `replay:NAME`.
    pub market: &'a str,
}

impl Store {
    /// The seed of a market, which is `drawn` if there is none yet. In a game of the version
    /// without seeds it counts from the drawn seed's first session, in others from the beginning.
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
        let (seed, salt, commitment, first_pass, first_session): SeedRow =
            self.writer().fetch_one(&LOAD, (game_id, market)).await?;
        let (seed, salt) = (Secret::new(seed), Secret::new(salt));
        Ok(GameSeed { seed, salt, commitment, first_pass, first_session })
    }
}
