//! What is known of the market as a whole: where it stands, and what its prices can be recomputed
//! from. The seed is published only by the market source, after the market's end.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use market::{AtEnd, MarketFacts, TickRule};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::etag;
use crate::openapi::Data;
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show_market))
}

/// The market of the game.
#[derive(Serialize, ToSchema)]
pub(crate) struct Market {
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
    /// One line for people.
    description: String,
    /// The market's calendar day.
    #[schema(example = "2005-01-04")]
    market_date: String,
    /// Whether its last session is over.
    ended: bool,
    /// How its sessions follow one another; `null` for live prices and for prices that stand still.
    timetable: Option<MarketTimetable>,
    /// The chance that decides its prices; `null` where there is none, or where the seed is a
    /// number of the configuration.
    chance: Option<MarketChance>,
}

/// When which session is lived.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarketTimetable {
    /// When the first session began.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    started_at: String,
    /// How many seconds a session lasts.
    #[schema(example = 60)]
    session_seconds: u32,
    /// The number of the first session that is lived, counted from the first close there is.
    #[schema(example = 3784)]
    first_session: usize,
    /// How many sessions are lived.
    #[schema(example = 4529)]
    sessions: usize,
    /// `stop` or `loop`.
    #[schema(example = "stop")]
    at_end: &'static str,
    /// What every price is a multiple of; `null` where the step follows the price: 0.0001 below 1,
    /// 0.001 below 10, 0.01 from there on.
    #[schema(example = "0.01")]
    tick: Option<String>,
    /// What a simulated market is drawn from, as `[market.simulated]` of the configuration names
    /// it.
    #[schema(value_type = Option<Object>)]
    simulated: Option<Value>,
}

/// The commitment to a secret seed, and the seed when the market has ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarketChance {
    /// SHA-256 of `openbell-seed-1`, the salt and the seed, joined by line feeds.
    #[schema(example = "0d91619bb88cd6307779b95b05293348a1a965ab869a02c38ab1064a1d3c383e")]
    commitment: String,
    /// The pass of the market in which the seed first counts; above 0 only in a game that is older
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

/// The market: where it stands, and what its prices can be recomputed from.
#[utoipa::path(get, path = "/api/market", tag = "stocks",
    responses(
        (status = 200, body = Data<Market>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
async fn show_market(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let (market, now) = (&state.market, state.clock.now());
    let answer = Market {
        source: market.source().as_str(),
        description: market.describe(),
        market_date: market.market_day(now).to_string(),
        ended: market.present(now).ended,
        timetable: market.facts().map(timetable),
        chance: load_chance(&state),
    };
    etag::public(&headers, &Data::new(answer))
}

fn timetable(facts: MarketFacts) -> MarketTimetable {
    let at_end = match facts.at_end {
        AtEnd::Stop => "stop",
        AtEnd::Loop => "loop",
    };
    MarketTimetable {
        started_at: facts.started_at.to_string(),
        session_seconds: facts.session_seconds,
        first_session: facts.first_session,
        sessions: facts.sessions,
        at_end,
        tick: match facts.tick {
            TickRule::Ladder => None,
            TickRule::Fixed(step) => Some(step.to_string()),
        },
        simulated: facts.simulated.and_then(|config| serde_json::to_value(config).ok()),
    }
}

/// What may be known of the market's seed now.
pub(crate) fn load_chance(state: &AppState) -> Option<MarketChance> {
    let market = &state.market;
    let (from_pass, from_session) = market.committed_from()?;
    let revealed = market.revealed(state.clock.now());
    Some(MarketChance {
        commitment: market.commitment()?.to_owned(),
        from_pass,
        from_session,
        seed: revealed.map(|seed| seed.seed.reveal().to_owned()),
        salt: revealed.map(|seed| seed.salt.reveal().to_owned()),
    })
}

impl MarketChance {
    /// The commitment, for a page.
    pub(crate) fn commitment(&self) -> &str {
        &self.commitment
    }

    /// Seed and salt, for a page, once they are published.
    pub(crate) fn published(&self) -> Option<(&str, &str)> {
        Some((self.seed.as_deref()?, self.salt.as_deref()?))
    }
}
