//! Buying and selling: validates an order, submits it, and returns the trade as it was settled.

pub(super) mod pending;
mod read;

pub(crate) use self::read::read_note;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::{Fill, Money, Rejection, Side, Symbol};
use serde::Serialize;
use utoipa::ToSchema;

use self::pending::PendingOrderResponse;
use self::read::{OrderBody, idempotency_key, parse_order};
use super::achievements::UnlockedAchievement;
use crate::auth::sessions::{PlayerSession, RequestId};
use crate::game::numbers::Shares;
use crate::game::orders::{Submitted, submit};
use crate::game::pending_orders::fill_time;
use crate::http::body::Json;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// Marks an idempotent replay.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The response to an order that was filled.
#[derive(Serialize, ToSchema)]
#[schema(as = TradeAnswer)]
pub(crate) struct TradeResponse {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Stock purchased successfully")]
    message: &'static str,
    data: Trade,
}

/// A trade exactly as it was settled.
#[derive(Serialize, ToSchema)]
pub(crate) struct Trade {
    /// Cash afterwards.
    #[schema(example = "9430.15")]
    new_balance: String,
    /// Experience for the trade itself, without that of achievements.
    #[schema(example = 10)]
    xp_earned: i64,
    /// The trade's public number; `GET /api/portfolio/transactions/{trade_id}` explains it.
    #[schema(example = "t-42-202611-2")]
    trade_id: String,
    #[schema(example = "AAPL")]
    stock_symbol: String,
    /// `buy` or `sell`.
    #[schema(example = "buy")]
    side: &'static str,
    quantity: Shares,
    /// The price of one share: the ask for a purchase, the bid for a sale.
    #[schema(example = "189.95")]
    price: String,
    /// Price times quantity, without the fee: rounded up for a purchase, down for a sale.
    #[schema(example = "569.85")]
    total_amount: String,
    #[schema(example = "0.00")]
    fee: String,
    achievements_unlocked: Vec<UnlockedAchievement>,
    /// The player's level afterwards.
    #[schema(example = 1)]
    level: i64,
    quote: TradeQuote,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    executed_at: String,
}

/// The quote that an order filled at.
#[derive(Serialize, ToSchema)]
pub(crate) struct TradeQuote {
    /// The price of the side that the order filled at.
    #[schema(example = "189.95")]
    price: String,
    /// `ask` (a purchase) or `bid` (a sale).
    #[schema(example = "ask")]
    side: &'static str,
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
    /// The market's calendar day (in a replay, a day in history).
    #[schema(example = "2005-01-03")]
    market_date: String,
    /// Whether the price was too old when the order filled.
    #[schema(example = false)]
    stale: bool,
}

impl Trade {
    fn new(fill: &Fill, symbol: &Symbol, side: Side, state: &AppState) -> Self {
        let (entry, rules) = (&fill.entry, &state.rules());
        let unit = rules.minor_unit;
        let price = entry.price.unwrap_or_default().to_text(unit);
        let as_of = entry.quote_as_of.unwrap_or(entry.created_at);
        let quote = TradeQuote {
            price: price.clone(),
            side: quote_side(side),
            as_of: as_of.to_string(),
            stale: state.market.is_stale(as_of, entry.created_at, rules.quote_age_max_s),
            source: entry.quote_source.map_or("", domain::QuoteSource::as_str),
            market_date: entry.quote_day.unwrap_or(entry.created_at.day()).to_string(),
        };
        Self {
            new_balance: entry.cash_after.to_text(unit),
            xp_earned: entry.xp_trade,
            trade_id: entry.trade_id().to_string(),
            stock_symbol: symbol.to_string(),
            side: side.as_str(),
            quantity: Shares(domain::Quantity(entry.quantity.0.saturating_abs())),
            price,
            total_amount: Money(entry.amount.0.saturating_abs()).to_text(unit),
            fee: entry.fee.to_text(unit),
            achievements_unlocked: UnlockedAchievement::list(&fill.unlocked, rules),
            level: rules.levels.progress(entry.total_xp_after).level,
            quote,
            executed_at: entry.created_at.to_string(),
        }
    }
}

/// Which price of a quote an order fills at.
pub(crate) fn quote_side(side: Side) -> &'static str {
    match side {
        Side::Buy => "ask",
        Side::Sell => "bid",
    }
}

/// The description of both operations.
const DESCRIPTION: &str = "\
In a game whose orders fill at the close, and in a live market whose price is too old, the
response is 202 with a pending order. Repeating the request with its key returns that order.

Only market orders exist: a `type`, `time_in_force` or price of another kind is rejected.

With an `Idempotency-Key` the same order can be sent again without being executed again: the
first response is returned with `Idempotent-Replayed: true`, also a rejection, unless it is
retryable.";

/// Buys shares at the market's current ask, or in a game whose orders wait for the next price, at
/// the first ask that is published within two seconds after the order is accepted.
#[utoipa::path(post, path = "/api/portfolio/buy", tag = "portfolio", security(("bearer" = [])),
    description = DESCRIPTION,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters, kept for at least 24 hours",
        min_length = 1, max_length = 255, example = "5b0d7a0e-2f1c-4c57-9d5c-0a8b0a3f9e21")),
    request_body(content = OrderBody,
        example = json!({"stock_symbol": "AAPL", "quantity": 3, "note": "I use their phones."})),
    responses(
        (status = 200, body = TradeResponse, headers(("Idempotent-Replayed" = String,
            description = "`true` if this is the stored response to an earlier request."))),
        (status = 202, body = PendingOrderResponse,
            description = "The order is accepted and fills later: at the close of the session, or \
                in a live market at the next price that is received. Nothing is reserved; funds \
                are checked again when it executes."),
        (status = 400, body = Problem, content_type = "application/problem+json",
            description = "The order was rejected; `code` names the reason."),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "The exchange is closed (`market_closed`) until `opens_at`, there are \
                too many pending orders (`too_many_pending_orders`), or the rules of the game \
                limit such trades: `position_limit`, `session_trades_limit`, `price_too_low`, \
                `holding_too_short`."),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "The order breaks a rule, such as `stock_not_allowed` or \
                `order_too_small`, or the key was used for another request."),
    ))]
pub(super) async fn buy(
    state: State<AppState>,
    player: PlayerSession,
    request_id: RequestId,
    headers: HeaderMap,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    trade(Side::Buy, state, player, request_id, &headers, &body).await
}

/// Sells shares at the market's current bid, or in a game whose orders wait for the next price, at
/// the first bid that is published within two seconds after the order is accepted.
#[utoipa::path(post, path = "/api/portfolio/sell", tag = "portfolio", security(("bearer" = [])),
    description = DESCRIPTION,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters, kept for at least 24 hours",
        min_length = 1, max_length = 255, example = "5b0d7a0e-2f1c-4c57-9d5c-0a8b0a3f9e21")),
    request_body(content = OrderBody, example = json!({"stock_symbol": "AAPL", "quantity": 1})),
    responses(
        (status = 200, body = TradeResponse, headers(("Idempotent-Replayed" = String,
            description = "`true` if this is the stored response to an earlier request."))),
        (status = 202, body = PendingOrderResponse,
            description = "The order is accepted and fills later: at the close of the session, or \
                in a live market at the next price that is received. Nothing is reserved; funds \
                are checked again when it executes."),
        (status = 400, body = Problem, content_type = "application/problem+json",
            description = "The order was rejected; `code` names the reason."),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "The exchange is closed (`market_closed`) until `opens_at`, there are \
                too many pending orders (`too_many_pending_orders`), or the rules of the game \
                limit such trades: `position_limit`, `session_trades_limit`, `price_too_low`, \
                `holding_too_short`."),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "The order breaks a rule, such as `stock_not_allowed` or \
                `order_too_small`, or the key was used for another request."),
    ))]
pub(super) async fn sell(
    state: State<AppState>,
    player: PlayerSession,
    request_id: RequestId,
    headers: HeaderMap,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    trade(Side::Sell, state, player, request_id, &headers, &body).await
}

async fn trade(
    side: Side,
    State(state): State<AppState>,
    player: PlayerSession,
    request_id: RequestId,
    headers: &HeaderMap,
    body: &OrderBody,
) -> Result<Response, Problem> {
    let key = idempotency_key(headers)?;
    let order = parse_order(body, side, &state)?;
    if body.is_at_once() && matches!(fill_time(&state, order.stock_id), Ok(Some(_))) {
        let text = "This order does not fill at once. The time in force field must be day.";
        return Err(Problem::field("time_in_force", text));
    }
    let symbol = order.symbol.clone();
    let request = order.into_desk_request(side, player.player_id, key, request_id.to_string());
    let response = match submit(&state, request).await? {
        Submitted::Settled(response) => response,
        Submitted::TooMany => return Err((&codes::TOO_MANY_PENDING_ORDERS).into()),
        Submitted::Pending { order, is_replay } => {
            let mut response = pending::accepted(&order);
            if is_replay {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            return Ok(response);
        }
    };
    // A key that was used for another request has no earlier response to this one.
    let reused = response.outcome.as_ref().err() == Some(&Rejection::IdempotencyKeyReused);
    let first_request = response.first_request_id.filter(|_| !reused);
    let mut response = match response.outcome {
        Ok(fill) => {
            let data = Trade::new(&fill, &symbol, side, &state);
            let message = match side {
                Side::Buy => "Stock purchased successfully",
                Side::Sell => "Stock sold successfully",
            };
            axum::Json(TradeResponse { success: true, message, data }).into_response()
        }
        Err(rejection) => {
            let problem = Problem::refused(rejection, state.prices.hours(), state.clock.now());
            match &first_request {
                Some(first) => problem.of_request(first).into_response(),
                None => problem.into_response(),
            }
        }
    };
    if first_request.is_some() {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
