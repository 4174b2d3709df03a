//! Quotes, history, search and profiles in the response formats of two providers, as in the
//! original API. No request waits for a provider: quotes and history are those of the game, and in
//! a live market an old quote is refreshed in the background.

mod formats;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::text::TextKind;
use domain::{Day, PageRequest, Symbol, UnixMicros};
use serde::Serialize;
use serde_json::Value;
use store::StockRow;
use utoipa::ToSchema;

use self::formats::{Format, history_in, hit_in, own_hit, profile_of, quote_in};
use crate::auth::sessions::PlayerSession;
use crate::game::stocks::last_public_day;
use crate::http::input::text_of;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::http::{etag, limits};
use crate::problem::{Problem, codes};
use crate::state::AppState;

const HISTORY_DAYS: i64 = 30;
const HISTORY_DAYS_MAX: i64 = 3_650;
const HITS_MAX: i64 = 20;
/// In characters.
const SEARCH_LENGTH_MAX: usize = 50;

/// A response in the format of a provider.
#[derive(Serialize, ToSchema)]
struct External {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// In the format of the provider named by `source`.
    #[schema(value_type = Object)]
    data: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<QuoteMeta>,
}

impl External {
    fn new(data: impl Into<Value>) -> Self {
        Self { success: true, data: data.into(), meta: None }
    }
}

/// The age and the source of a price.
#[derive(Serialize, ToSchema)]
struct QuoteMeta {
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// Whether the price is too old.
    #[schema(example = false)]
    stale: bool,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
}

/// The current price of a stock of the game.
///
/// `source=fmp` returns numbers, `source=alphavantage` (the default) strings, as those providers
/// do.
#[utoipa::path(get, path = "/api/external/stocks/quote/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "There is no price yet.")))]
pub(super) async fn external_quote(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (format, stock) = (Format::parse(&query)?, load_tradable(&state, &symbol).await?);
    let present = state.prices.snapshot();
    let position = state.prices.position(stock.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let is_halted = position.is_some_and(|position| present.halt(position).is_some());
    let Some(quote) = quote else { return Err(no_data("No data returned from provider")) };
    let now = state.clock.now();
    let stale = is_halted || state.is_stale(quote.as_of);
    if let Some(lookups) = &state.lookups
        && lookups.should_refresh(stock.stock_id, quote.as_of, now)
    {
        expedite(&state, stock.stock_id, now).await;
    }
    let mut response = External::new(quote_in(format, &stock.symbol, &quote));
    let (as_of, source) = (quote.as_of.to_string(), present.source.as_str());
    response.meta = Some(QuoteMeta { as_of, stale, source });
    Ok(etag::private(&headers, &response))
}

/// The daily closes of a stock of the game, up to its market's last public day.
///
/// `source=fmp` returns a list, `source=alphavantage` (the default) an object by day. Open, high
/// and low are `null`.
#[utoipa::path(get, path = "/api/external/stocks/history/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`"),
        ("days" = Option<i64>, Query, description = "Calendar days, 30 by default, at most \
            3650", example = 30)),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "There is no history of these days.")))]
pub(super) async fn external_history(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (format, stock) = (Format::parse(&query)?, load_tradable(&state, &symbol).await?);
    let days = query.lenient_integer("days").unwrap_or(HISTORY_DAYS).clamp(0, HISTORY_DAYS_MAX);
    let to = last_public_day(&state.prices.snapshot());
    let from = Day(to.0.saturating_sub(i32::try_from(days).unwrap_or(0)));
    let closes = state.stock_history(stock.stock_id, from, to).await?;
    if closes.is_empty() {
        return Err(no_data("No history available"));
    }
    Ok(etag::private(&headers, &External::new(history_in(format, &stock.symbol, &closes))))
}

/// Stocks whose symbol or name contains a text: those of the game first, then those of providers.
#[utoipa::path(get, path = "/api/external/stocks/search", tag = "external",
    security(("bearer" = [])),
    params(("q" = String, Query, description = "1 to 50 characters", example = "apple"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed.")))]
pub(super) async fn external_search(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let format = Format::parse(&query)?;
    let text = text_of(query.find("q").unwrap_or_default(), TextKind::Search, "q");
    let text = text.map_err(|error| Problem::field("q", error))?;
    if text.is_empty() {
        return Err(Problem::field("q", "Query parameter \"q\" is required"));
    }
    if text.chars().count() > SEARCH_LENGTH_MAX {
        return Err(Problem::field("q", "The q field must not be greater than 50 characters."));
    }
    let page = PageRequest::clamped(1, HITS_MAX, HITS_MAX);
    let (stocks, _) = state.store.stocks_page(None, Some(&text), page).await?;
    let found = state.lookups.as_ref().and_then(|lookups| lookups.search(&text));
    let own = stocks.iter().map(|stock| own_hit(&state, stock));
    let others = found.iter().flat_map(|hits| hits.iter()).filter(|hit| {
        !stocks.iter().any(|stock| hit.symbol.eq_ignore_ascii_case(stock.symbol.as_str()))
    });
    let limit = usize::try_from(HITS_MAX).unwrap_or(0);
    let hits = own.chain(others.cloned()).take(limit);
    let rows: Vec<Value> = hits.map(|hit| hit_in(format, hit)).collect();
    Ok(etag::private(&headers, &External::new(rows)))
}

/// The profile of the company of a stock of the game.
#[utoipa::path(get, path = "/api/external/stocks/profile/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it.")))]
pub(super) async fn external_profile(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let stock = load_tradable(&state, &symbol).await?;
    let found = state.lookups.as_ref().and_then(|lookups| lookups.profile(&stock.symbol));
    let present = state.prices.snapshot();
    let position = state.prices.position(stock.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let data = profile_of(&state, &stock, found.as_deref(), quote);
    Ok(etag::private(&headers, &External::new(data)))
}

/// The stock with this symbol, if the game trades it.
async fn load_tradable(state: &AppState, symbol: &str) -> Result<StockRow, Problem> {
    let Ok(symbol) = Symbol::parse(symbol) else {
        return Err(Problem::new(&codes::VALIDATION_FAILED, "Invalid stock symbol format"));
    };
    let stock = match state.prices.find(&symbol) {
        Some(_) => state.store.find_stock(&symbol).await?,
        None => None,
    };
    stock.ok_or_else(|| Problem::new(&codes::NOT_FOUND, "Symbol not available for trading"))
}

fn no_data(message: &'static str) -> Problem {
    Problem::new(&codes::NO_MARKET_DATA, message)
}

/// Schedules the refresh of an old quote before its turn.
async fn expedite(state: &AppState, stock_id: i64, now: UnixMicros) {
    if let Err(error) = state.store.expedite_quote(stock_id, now.plus_seconds(-60)).await {
        tracing::debug!(stock_id, %error, "expediting a quote failed; it is refreshed in its turn");
    }
}
