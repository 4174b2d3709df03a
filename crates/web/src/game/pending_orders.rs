//! Pending orders: when an order fills that does not fill at once, how the API and the export show
//! one, and cancellation. `orders` accepts them; `trading::OrderExecutor` executes them.

use domain::{FillMode, OrderId, OrderState, Rejection, UnixMicros};
use market::Halt;
use serde::Serialize;
use store::{FillsAt, PendingOrder, UNPLANNED};
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::game::numbers::Shares;
use crate::problem::Problem;
use crate::state::AppState;

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

/// When an order of this stock fills; `None`: at once, or the desk rejects it.
pub(crate) fn fill_time(state: &AppState, stock_id: i64) -> Result<Option<FillTime>, Rejection> {
    let (rules, now) = (&state.rules(), state.clock.now());
    state.prices.check_clock(now)?;
    match rules.fill {
        FillMode::Close => {
            // A pause that is planned before the close, without an end.
            let is_paused_before = state.market.closing_day(now).is_some();
            let rejection =
                if is_paused_before { Rejection::GamePaused } else { Rejection::MarketClosed };
            let closing = state.market.closing_session(now).ok_or(rejection)?;
            // Without a trade the close is that of the previous session, which is public.
            if is_without_close(state, stock_id) {
                return Err(Rejection::NoQuote);
            }
            let expires_at = closing.final_at.plus_seconds(rules.quote_age_max_s);
            let at = FillsAt::Close(closing.day);
            Ok(Some(FillTime { at, fills_at: closing.ends_at, expires_at }))
        }
        FillMode::Now if state.market.is_live() => {
            let Ok(quote) = state.prices.quote_for_order(stock_id, now) else { return Ok(None) };
            if quote.as_of.plus_seconds(rules.now_age_max_s()) >= now {
                return Ok(None);
            }
            let expires_at = now.plus_seconds(rules.quote_age_max_s);
            // An earlier quote may be known already from a faster source.
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

/// A pending order, or one that has ended.
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
    /// `close`: at the close of the session of `market_date`; `next_quote`: at the next quote that
    /// is received.
    #[schema(example = "close")]
    fills: &'static str,
    /// The session's calendar day, if it fills at a close.
    #[schema(example = "2005-01-04")]
    market_date: Option<String>,
    /// The earliest time of execution; `null` while the game is paused and its close not planned.
    #[schema(example = "2026-11-23T00:46:41.000000Z")]
    fills_at: Option<String>,
    /// When it expires if it was not executed; `null` like `fills_at`.
    #[schema(example = "2026-11-23T01:01:41.000000Z")]
    expires_at: Option<String>,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    accepted_at: String,
    /// When it was filled, rejected, cancelled or marked as expired.
    #[schema(example = "2026-11-23T00:46:42.000000Z")]
    ended_at: Option<String>,
    /// The trade it became; `GET /api/portfolio/transactions/{trade_id}` explains it.
    #[schema(example = "t-42-202611-2")]
    trade_id: Option<String>,
    /// The error code of its rejection or expiry.
    #[schema(example = "insufficient_cash")]
    rejection: Option<&'static str>,
}

impl OrderView {
    pub(crate) fn new(order: &PendingOrder) -> Self {
        let (fills, market_date) = match order.at {
            FillsAt::Close(day) => ("close", Some(day.to_string())),
            FillsAt::QuoteAfter(_) => ("next_quote", None),
        };
        let is_planned = order.fills_at < UNPLANNED;
        Self {
            id: order.id.to_string(),
            status: order.state.as_str(),
            stock_symbol: order.symbol.to_string(),
            side: order.order.side.as_str(),
            quantity: Shares(order.order.quantity),
            note: order.note.clone(),
            fills,
            market_date,
            fills_at: is_planned.then(|| order.fills_at.to_string()),
            expires_at: is_planned.then(|| order.expires_at.to_string()),
            accepted_at: order.accepted_at.to_string(),
            ended_at: order.ended_at.map(|at| at.to_string()),
            trade_id: order.trade.map(|trade| trade.to_string()),
            rejection: order.rejection.map(Rejection::code),
        }
    }
}

/// The player's order with this number; another player's order is not found.
pub(crate) async fn load_order(
    state: &AppState,
    player: &PlayerSession,
    order_id: &str,
) -> Result<PendingOrder, Problem> {
    let id = OrderId::parse(order_id).filter(|id| id.player_id == player.player_id);
    let id = id.ok_or_else(Problem::not_found)?;
    state.store.find_order(id).await?.ok_or_else(Problem::not_found)
}

/// Cancels an order and returns it; `None`: it is executing or has ended otherwise.
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

/// Whether the price that an order fills at is already public. Cancelling would then be a free
/// option.
fn has_price(state: &AppState, order: &PendingOrder) -> bool {
    match order.at {
        // The fill time may lag behind a change of the clock for a moment.
        FillsAt::Close(day) => {
            let now = state.clock.now();
            order.fills_at <= now || state.market.session_on(now, day).is_some()
        }
        FillsAt::QuoteAfter(after) => {
            state.prices.quote(order.order.stock_id).is_some_and(|quote| quote.as_of > after)
        }
    }
}

/// Whether the player can still cancel an order.
pub(crate) fn is_cancellable(state: &AppState, order: &PendingOrder) -> bool {
    order.state == OrderState::Pending && !has_price(state, order)
}
