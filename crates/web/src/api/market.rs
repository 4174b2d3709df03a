//! The market: its state, and the parameters from which its prices can be recomputed. The market
//! source publishes the seed after the market's end.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use market::{AtEnd, MarketFacts, TickRule};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::game::market::{SeedCommitment, load_seed_commitment};
use crate::http::etag;
use crate::openapi::Data;
use crate::state::AppState;

/// The market of the game.
#[derive(Serialize, ToSchema)]
#[schema(as = Market)]
pub(crate) struct MarketResponse {
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
    /// One line of text.
    description: String,
    /// The market's calendar day.
    #[schema(example = "2005-01-04")]
    market_date: String,
    /// Whether its last session is over.
    ended: bool,
    /// The schedule of its sessions; `null` for live and for fixed prices.
    timetable: Option<MarketTimetable>,
    /// The commitment to the seed of its prices; `null` without a seed, or if the seed is in the
    /// configuration.
    chance: Option<SeedCommitment>,
}

/// The schedule of a market's sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarketTimetable {
    /// When the first session began.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    started_at: String,
    /// The length of a session in seconds.
    #[schema(example = 60)]
    session_seconds: u32,
    /// The number of the first session that is played, counted from the first recorded close.
    #[schema(example = 3784)]
    first_session: usize,
    /// The number of sessions.
    #[schema(example = 4529)]
    sessions: usize,
    /// `stop` or `loop`.
    #[schema(example = "stop")]
    at_end: &'static str,
    /// The tick of all prices; `null` if the tick depends on the price: 0.0001 below 1, 0.001 below
    /// 10, 0.01 otherwise.
    #[schema(example = "0.01")]
    tick: Option<String>,
    /// The parameters of a simulated market, as in `[market.simulated]` of the configuration.
    #[schema(value_type = Option<Object>)]
    simulated: Option<Value>,
}

/// The market's state, and the parameters from which its prices can be recomputed.
#[utoipa::path(get, path = "/api/market", tag = "stocks",
    responses(
        (status = 200, body = Data<MarketResponse>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
pub(super) async fn show_market(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let (market, now) = (&state.market, state.clock.now());
    let response = MarketResponse {
        source: market.source().as_str(),
        description: market.describe(),
        market_date: market.market_day(now).to_string(),
        ended: market.present(now).ended,
        timetable: market.facts().map(timetable),
        chance: load_seed_commitment(&state),
    };
    etag::public(&headers, &Data::new(response))
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
