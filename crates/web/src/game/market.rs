//! The public commitment to the secret seed of the market's prices.

use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;

/// The commitment to a secret seed, and the seed when the market has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = MarketChance)]
pub(crate) struct SeedCommitment {
    /// SHA-256 of `openbell-seed-1`, the salt and the seed, joined by line feeds.
    #[schema(example = "0d91619bb88cd6307779b95b05293348a1a965ab869a02c38ab1064a1d3c383e")]
    pub(crate) commitment: String,
    /// The pass of the market from which the seed is used; above 0 only in a game that is older
    /// than secret seeds.
    #[schema(example = 0)]
    from_pass: i64,
    /// The first session of that pass whose prices follow from the seed.
    #[schema(example = 0)]
    from_session: i64,
    /// The seed, 128 bits in hexadecimal; `null` until the market has ended.
    seed: Option<String>,
    /// The salt; `null` until the market has ended.
    salt: Option<String>,
}

/// What is public of the market's seed; `None` if the market has no secret seed.
pub(crate) fn load_seed_commitment(state: &AppState) -> Option<SeedCommitment> {
    let market = &state.market;
    let (from_pass, from_session) = market.committed_from()?;
    let revealed = market.revealed(state.clock.now());
    Some(SeedCommitment {
        commitment: market.commitment()?.to_owned(),
        from_pass,
        from_session,
        seed: revealed.map(|seed| seed.seed.reveal().to_owned()),
        salt: revealed.map(|seed| seed.salt.reveal().to_owned()),
    })
}

impl SeedCommitment {
    /// Seed and salt, once they are published.
    pub(crate) fn published(&self) -> Option<(&str, &str)> {
        Some((self.seed.as_deref()?, self.salt.as_deref()?))
    }
}
