//! The market: its state, and the parameters from which its prices can be recomputed. The market
//! source publishes the seed after the market's end.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{ClockSegment, MinorUnit};
use market::{AtEnd, MarketFacts, TickRule, TradingHours};
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
    /// Whether the game's clock is paused: prices stand still and orders are rejected.
    paused: bool,
    /// When the clock runs again, if that is planned.
    #[schema(example = "2026-11-23T06:00:00.000000Z")]
    resumes_at: Option<String>,
    /// Real seconds of a session at present; while the clock is paused, of the session after it.
    /// `null` for live and for fixed prices.
    #[schema(example = 60)]
    session_seconds: Option<u32>,
    /// The sessions played since the start of the game, in millionths; `null` for live and for
    /// fixed prices.
    #[schema(example = 12_500_000)]
    position: Option<i64>,
    /// The schedule of its sessions; `null` for live and for fixed prices.
    timetable: Option<MarketTimetable>,
    /// The commitment to the seed of its prices; `null` without a seed, or if the seed is in the
    /// configuration.
    chance: Option<SeedCommitment>,
}

/// The schedule of a market's sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarketTimetable {
    /// The steps of prices in a session, which follow each other evenly at any pace.
    #[schema(example = 60)]
    session_steps: u32,
    /// The segments of the game's clock, by beginning; the newest 1,000.
    clock: Vec<MarketClockSegment>,
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

/// From an instant on, sessions last this long.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarketClockSegment {
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    begins_at: String,
    /// The sessions played since the start of the game at that instant, in millionths.
    #[schema(example = 0)]
    position: i64,
    /// Real seconds of a session; 0 while the clock is paused.
    #[schema(example = 60)]
    session_seconds: u32,
}

impl From<ClockSegment> for MarketClockSegment {
    fn from(segment: ClockSegment) -> Self {
        let ClockSegment { begins_at, position, session_seconds, .. } = segment;
        Self { begins_at: begins_at.to_string(), position: position.0, session_seconds }
    }
}

/// The market's state, and the parameters from which its prices can be recomputed.
#[utoipa::path(get, path = "/api/market", tag = "stocks",
    responses(
        (status = 200, body = Data<MarketResponse>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
pub(super) async fn show_market(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let (market, now) = (&state.market, state.clock.now());
    let facts = market.facts();
    let reading = facts.as_ref().map(|_| market.clock_at(now));
    let (paused, resumes_at) = match market.hours(now) {
        TradingHours::Paused { resumes_at } => (true, resumes_at),
        TradingHours::Open | TradingHours::Closed { .. } => (false, None),
    };
    let response = MarketResponse {
        source: market.source().as_str(),
        description: market.describe(now),
        market_date: market.market_day(now).to_string(),
        ended: market.present(now).ended,
        paused,
        resumes_at: resumes_at.map(|at| at.to_string()),
        session_seconds: reading.map(|reading| reading.session_seconds),
        position: reading.map(|reading| reading.position.0),
        timetable: facts.map(|facts| timetable(facts, state.rules().minor_unit)),
        chance: load_seed_commitment(&state),
    };
    etag::public(&headers, &Data::new(response))
}

fn timetable(facts: MarketFacts, unit: MinorUnit) -> MarketTimetable {
    let at_end = match facts.at_end {
        AtEnd::Stop => "stop",
        AtEnd::Loop => "loop",
    };
    MarketTimetable {
        session_steps: facts.session_steps,
        clock: facts.segments.into_iter().map(MarketClockSegment::from).collect(),
        first_session: facts.first_session,
        sessions: facts.sessions,
        at_end,
        tick: match facts.tick {
            TickRule::Ladder => None,
            TickRule::Fixed(step) => Some(step.to_text(unit)),
        },
        simulated: facts.simulated.and_then(|config| serde_json::to_value(config).ok()),
    }
}
