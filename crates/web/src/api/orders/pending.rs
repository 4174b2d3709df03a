//! Orders that do not fill at once: when an order fills, accepting one, and the routes that list,
//! show and cancel pending orders. They are executed by `trading::OrderExecutor`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::text::TextKind;
use domain::{Action, FillMode, OrderId, OrderState, Rejection, UnixMicros};
use market::Halt;
use serde::Serialize;
use store::{FillsAt, NewPendingOrder, OrderPlacement, PendingOrder};
use trading::{DeskError, DeskRequest, OrderResponse};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::stocks::Segment;
use crate::auth::sessions::Player;
use crate::game::numbers::Shares;
use crate::http::etag;
use crate::http::query::Query;
use crate::openapi::Data;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// Orders a page by default.
const LIMIT: i64 = 50;
/// The most orders a page.
const LIMIT_MAX: i64 = 100;
const PATH: &str = "/api/portfolio/orders";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_orders)).routes(routes!(show_order, cancel_order))
}

/// When an order fills that does not fill at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FillTime {
    pub(crate) at: FillsAt,
    pub(crate) fills_at: UnixMicros,
    pub(crate) expires_at: UnixMicros,
}

impl FillTime {
    pub(crate) fn is_close(&self) -> bool {
        matches!(self.at, FillsAt::Close(_))
    }
}

/// When an order of this stock fills; `None`: at once, or the desk refuses it.
pub(crate) fn fill_time(state: &AppState, stock_id: i64) -> Result<Option<FillTime>, Rejection> {
    let (rules, now) = (&state.rules, state.clock.now());
    match rules.fill {
        FillMode::Close => {
            let closing = state.market.closing_session(now).ok_or(Rejection::MarketClosed)?;
            // The close of a session without a trade is that of the session before: public.
            if is_without_close(state, stock_id) {
                return Err(Rejection::NoQuote);
            }
            let expires_at = closing.final_at.plus_seconds(rules.quote_age_max_s);
            let at = FillsAt::Close(closing.day);
            Ok(Some(FillTime { at, fills_at: closing.ends_at, expires_at }))
        }
        FillMode::Now if state.market.is_live() => {
            let Ok(quote) = state.prices.quote_for_order(stock_id) else { return Ok(None) };
            if quote.as_of.plus_seconds(rules.now_age_max_s()) >= now {
                return Ok(None);
            }
            let expires_at = now.plus_seconds(rules.quote_age_max_s);
            // A quote that was made before may be known from a faster source.
            let at = FillsAt::QuoteAfter(now);
            Ok(Some(FillTime { at, fills_at: now, expires_at }))
        }
        FillMode::Now | FillMode::NextTick => Ok(None),
    }
}

fn is_without_close(state: &AppState, stock_id: i64) -> bool {
    let position = state.prices.position(stock_id);
    let halt = position.and_then(|position| state.prices.snapshot().halt(position));
    matches!(halt, Some(Halt::NoClose | Halt::NotTraded))
}

/// The result of an order.
pub(crate) enum Submitted {
    /// The desk's answer, or a refusal at acceptance, of which nothing is stored.
    Answered(OrderResponse),
    /// It is stored and fills later.
    Pending { order: PendingOrder, is_replay: bool },
    /// Refused: the player has as many pending orders as allowed.
    TooMany,
}

/// Submits an order to the desk, or stores it if it does not fill at once.
pub(crate) async fn submit(state: &AppState, request: DeskRequest) -> Result<Submitted, DeskError> {
    let may_wait = state.rules.fill == FillMode::Close || state.market.is_live();
    let Action::Trade(order, note) = &request.action else {
        return state.desk.submit(request).await.map(Submitted::Answered);
    };
    if !may_wait {
        return state.desk.submit(request).await.map(Submitted::Answered);
    }
    let key = request.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
    let time = match fill_time(state, order.stock_id) {
        Ok(None) => return submit_now(state, request).await,
        Ok(Some(time)) => Ok(time),
        Err(rejection) => Err(rejection),
    };
    if let Some(known) = find_known(state, &request).await? {
        return Ok(known);
    }
    let time = match time {
        Ok(time) => time,
        Err(rejection) => return Ok(refused(rejection)),
    };
    if let Some(rejection) = state.desk.preview(&request).await? {
        return Ok(refused(rejection));
    }
    let new = NewPendingOrder {
        player_id: request.player_id,
        order: *order,
        note: note.as_ref(),
        client_key: key,
        fingerprint: request.idempotency.as_ref().map_or([0; 32], |known| known.fingerprint),
        request_id: &request.request_id,
        at: time.at,
        fills_at: time.fills_at,
        expires_at: time.expires_at,
    };
    let orders_max = state.rules.pending_orders_max;
    let placed = state.store.place_order(&new, orders_max, state.clock.now()).await;
    match placed.map_err(store_error)? {
        OrderPlacement::Accepted(order) => Ok(Submitted::Pending { order, is_replay: false }),
        OrderPlacement::Known(order) => Ok(replay(order, &request)),
        OrderPlacement::TooMany => Ok(Submitted::TooMany),
        OrderPlacement::UnknownPlayer => Err(DeskError::UnknownPlayer),
        OrderPlacement::KeyOfTrade => {
            // Only the stored outcome: without one, the same request may be sent again.
            let answers = state.desk.submit_at(vec![(request, Err(Rejection::Contended))]).await;
            let answer = answers.into_iter().next().unwrap_or(Err(DeskError::Lost))?;
            Ok(Submitted::Answered(answer))
        }
    }
}

/// Submits to the desk an order that fills at once, unless its key belongs to a pending order.
async fn submit_now(state: &AppState, request: DeskRequest) -> Result<Submitted, DeskError> {
    match state.desk.submit(request.clone()).await {
        Ok(answer) => Ok(Submitted::Answered(answer)),
        Err(DeskError::KeyOfOrder) => {
            find_known(state, &request).await?.ok_or(DeskError::KeyOfOrder)
        }
        Err(error) => Err(error),
    }
}

/// The order that was placed with the request's key before.
async fn find_known(
    state: &AppState,
    request: &DeskRequest,
) -> Result<Option<Submitted>, DeskError> {
    let Some(idempotency) = &request.idempotency else { return Ok(None) };
    let found = state.store.find_order_by_key(request.player_id, &idempotency.key).await;
    Ok(found.map_err(store_error)?.map(|order| replay(order, request)))
}

fn replay(order: PendingOrder, request: &DeskRequest) -> Submitted {
    let fingerprint = request.idempotency.as_ref().map(|known| known.fingerprint);
    if fingerprint != Some(order.fingerprint) {
        return refused(Rejection::IdempotencyKeyReused);
    }
    Submitted::Pending { order, is_replay: true }
}

fn refused(rejection: Rejection) -> Submitted {
    Submitted::Answered(OrderResponse { outcome: Err(rejection), first_request_id: None })
}

fn store_error(error: store::StoreError) -> DeskError {
    DeskError::Store(error.into())
}

/// The answer to an order that was accepted and fills later, and to its cancellation.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderAnswer {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Order accepted; it fills at the close")]
    message: &'static str,
    order: OrderView,
}

/// An order that does not fill at once.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderView {
    #[schema(example = "o-42-7")]
    id: String,
    /// `pending`, `executing`, `filled`, `rejected`, `cancelled` or `expired`.
    #[schema(example = "pending")]
    status: &'static str,
    #[schema(example = "AAPL")]
    stock_symbol: String,
    /// `buy` or `sell`.
    #[schema(example = "buy")]
    side: &'static str,
    quantity: Shares,
    #[schema(example = "I use their phones.")]
    note: Option<String>,
    /// `close`: the close of the session of `market_date`; `next_quote`: the next quote that is
    /// received.
    #[schema(example = "close")]
    fills: &'static str,
    /// The session's calendar day, if it fills at a close.
    #[schema(example = "2005-01-04")]
    market_date: Option<String>,
    /// From when on it can be executed.
    #[schema(example = "2026-11-23T00:46:41.000000Z")]
    fills_at: String,
    /// When it expires if it could not be executed.
    #[schema(example = "2026-11-23T01:01:41.000000Z")]
    expires_at: String,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    accepted_at: String,
    /// When it was filled, rejected, cancelled or found expired.
    #[schema(example = "2026-11-23T00:46:42.000000Z")]
    ended_at: Option<String>,
    /// The trade it became; `GET /api/portfolio/transactions/{trade_id}` explains it.
    #[schema(example = "t-42-202611-2")]
    trade_id: Option<String>,
    /// The code of the error for which it was rejected or expired.
    #[schema(example = "insufficient_cash")]
    rejection: Option<&'static str>,
}

impl OrderView {
    pub(crate) fn new(order: &PendingOrder) -> Self {
        let (fills, market_date) = match order.at {
            FillsAt::Close(day) => ("close", Some(day.to_string())),
            FillsAt::QuoteAfter(_) => ("next_quote", None),
        };
        Self {
            id: order.id.to_string(),
            status: order.state.as_str(),
            stock_symbol: order.symbol.to_string(),
            side: order.order.side.as_str(),
            quantity: Shares(order.order.quantity),
            note: order.note.clone(),
            fills,
            market_date,
            fills_at: order.fills_at.to_string(),
            expires_at: order.expires_at.to_string(),
            accepted_at: order.accepted_at.to_string(),
            ended_at: order.ended_at.map(|at| at.to_string()),
            trade_id: order.trade.map(|trade| trade.to_string()),
            rejection: order.rejection.map(Rejection::code),
        }
    }
}

/// The answer 202 to an order that was accepted.
pub(crate) fn accepted(order: &PendingOrder) -> Response {
    let message = match order.at {
        FillsAt::Close(_) => "Order accepted; it fills at the close",
        FillsAt::QuoteAfter(_) => "Order accepted; it fills at the next price",
    };
    let answer = OrderAnswer { success: true, message, order: OrderView::new(order) };
    (StatusCode::ACCEPTED, axum::Json(answer)).into_response()
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderList {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// Newest first.
    data: Vec<OrderView>,
    meta: OrderListMeta,
}

/// Where the list continues.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderListMeta {
    /// Hand this back as `cursor` for older orders; `null` when there are none.
    #[schema(example = "2a")]
    next_cursor: Option<String>,
    /// Orders a page.
    #[schema(example = 50)]
    limit: i64,
}

/// The player's orders that did not fill at once, newest first. Ended ones are kept for 30 days by
/// default.
#[utoipa::path(get, path = "/api/portfolio/orders", tag = "portfolio",
    security(("bearer" = [])),
    params(
        ("status" = Option<String>, Query, description = "Only orders with this status",
            example = "pending"),
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 by default",
            minimum = 1, maximum = 100, example = 50),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
    ),
    responses(
        (status = 200, body = OrderList,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`."))),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
async fn list_orders(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let mut fields = query.strict();
    let limit = fields.integer("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT);
    let cursor = fields.text("cursor", TextKind::Line, 0..=40);
    let status = fields.text("status", TextKind::Line, 0..=20);
    fields.finish()?;
    let status = status.map(|word| {
        let invalid = || Problem::field("status", "The selected status is invalid.");
        OrderState::parse(&word).ok_or_else(invalid)
    });
    let status = status.transpose()?;
    let below = cursor.map(|text| {
        let invalid = || Problem::field("cursor", "The selected cursor is invalid.");
        read_cursor(&text).ok_or_else(invalid)
    });
    let below = below.transpose()?;
    let mut orders = state.store.orders_page(player.player_id, below, status, limit + 1).await?;
    let limit_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = orders.len() > limit_length;
    orders.truncate(limit_length);
    let last = orders.last().filter(|_| has_more);
    let next_cursor = last.map(|order| format!("{:x}", order.id.order_id));
    let link = next_cursor.as_deref().and_then(|cursor| {
        let status = status.map(|status| format!("&status={}", status.as_str()));
        let status = status.unwrap_or_default();
        let link = format!("<{PATH}?cursor={cursor}&limit={limit}{status}>; rel=\"next\"");
        HeaderValue::from_str(&link).ok()
    });
    let data = orders.iter().map(OrderView::new).collect();
    let meta = OrderListMeta { next_cursor, limit };
    let mut response = etag::private(&headers, &OrderList { success: true, data, meta });
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Reads the cursor of a page, and nothing else.
fn read_cursor(text: &str) -> Option<i64> {
    let order_id = i64::from_str_radix(text, 16).ok()?;
    (order_id > 0 && format!("{order_id:x}") == text).then_some(order_id)
}

/// One order that did not fill at once.
#[utoipa::path(get, path = "/api/portfolio/orders/{order_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("order_id" = String, Path, description = "As in the order's answer",
        example = "o-42-7")),
    responses(
        (status = 200, body = Data<OrderView>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such order, or not yours."),
    ))]
async fn show_order(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    Segment(order_id): Segment,
) -> Result<Response, Problem> {
    let order = load_own(&state, &player, &order_id).await?;
    Ok(etag::private(&headers, &Data::new(OrderView::new(&order))))
}

/// Cancels a pending order. A cancelled order can be cancelled again, which changes nothing.
#[utoipa::path(delete, path = "/api/portfolio/orders/{order_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("order_id" = String, Path, description = "As in the order's answer",
        example = "o-42-7")),
    responses(
        (status = 200, body = OrderAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such order, or not yours."),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "The order executes, or has ended (`order_not_cancellable`)."),
    ))]
async fn cancel_order(
    State(state): State<AppState>,
    player: Player,
    Segment(order_id): Segment,
) -> Result<Response, Problem> {
    let order = load_own(&state, &player, &order_id).await?;
    let Some(order) = cancel(&state, order).await? else {
        return Err((&codes::ORDER_NOT_CANCELLABLE).into());
    };
    let order = OrderView::new(&order);
    let answer = OrderAnswer { success: true, message: "Order cancelled", order };
    Ok(axum::Json(answer).into_response())
}

/// The player's order with this number; another player's order is not found.
pub(crate) async fn load_own(
    state: &AppState,
    player: &Player,
    order_id: &str,
) -> Result<PendingOrder, Problem> {
    let id = OrderId::parse(order_id).filter(|id| id.player_id == player.player_id);
    let id = id.ok_or_else(Problem::not_found)?;
    state.store.find_order(id).await?.ok_or_else(Problem::not_found)
}

/// Cancels an order and returns it as it is then; `None`: it executes, or has ended otherwise.
pub(crate) async fn cancel(
    state: &AppState,
    order: PendingOrder,
) -> Result<Option<PendingOrder>, Problem> {
    if order.state == OrderState::Cancelled {
        return Ok(Some(order));
    }
    if has_price(state, &order) {
        return Ok(None);
    }
    if state.store.cancel_order(order.id, state.clock.now()).await? {
        trading::count_ended(OrderState::Cancelled);
    }
    let order = state.store.find_order(order.id).await?.ok_or_else(Problem::not_found)?;
    Ok(Some(order).filter(|order| order.state == OrderState::Cancelled))
}

/// Whether the price that an order fills at is public already. Cancelling would then be an option
/// without a price.
fn has_price(state: &AppState, order: &PendingOrder) -> bool {
    match order.at {
        FillsAt::Close(_) => order.fills_at <= state.clock.now(),
        FillsAt::QuoteAfter(after) => {
            state.prices.quote(order.order.stock_id).is_some_and(|quote| quote.as_of > after)
        }
    }
}

/// Whether the player can still cancel an order.
pub(crate) fn is_cancellable(state: &AppState, order: &PendingOrder) -> bool {
    order.state == OrderState::Pending && !has_price(state, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        assert_eq!(read_cursor("2a"), Some(42));
        for text in ["", "2A", "0", "-1", "+1", "02a", "x", "ffffffffffffffffff"] {
            assert_eq!(read_cursor(text), None, "{text:?}");
        }
    }
}
