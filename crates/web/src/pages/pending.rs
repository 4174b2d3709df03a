//! Pending orders: the time at which an order fills, the page of one order with its cancel button,
//! and the list on the portfolio page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{FillMode, OrderState, Quantity};
use store::{FillsAt, PendingOrder, UNPLANNED};

use super::form::{Form, Post};
use super::rejection::rejection_text;
use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{redirect, response};
use crate::game::pending_orders::{self, fill_time, is_cancellable, load_order};
use crate::http::path_segment::PathSegment;
use crate::problem::Problem;
use crate::state::AppState;

/// The orders that the portfolio page reads, and the ended ones that it shows.
const READ: i64 = 100;
const ENDED: usize = 5;

pub(super) struct OrderSummary {
    pub(super) id: String,
    pub(super) side: &'static str,
    pub(super) quantity: Quantity,
    pub(super) symbol: String,
    pub(super) name: String,
    /// A message key.
    pub(super) state_key: &'static str,
    /// The time at which it fills, or why it did not fill.
    pub(super) story: Option<String>,
    pub(super) can_cancel: bool,
    /// The filled order's trade.
    pub(super) trade_id: Option<String>,
}

impl OrderSummary {
    /// A message key.
    pub(super) fn wish(&self) -> &'static str {
        if self.side == "buy" { "order-wish-buy" } else { "order-wish-sell" }
    }

    async fn new(state: &AppState, view: &View, order: &PendingOrder) -> Result<Self, Problem> {
        let stock = state.stock(&order.symbol).await?;
        let story = match (order.state, order.rejection) {
            (OrderState::Pending, _) => Some(match order.at {
                FillsAt::Close(_) if order.fills_at >= UNPLANNED => view.t("order-pending-paused"),
                FillsAt::Close(_) => {
                    let time = view.fmt.time(order.fills_at);
                    view.tn("order-pending-close", "time", time.as_str())
                }
                FillsAt::QuoteAfter(_) => {
                    let time = view.fmt.time(order.expires_at);
                    view.tn("order-pending-quote", "time", time.as_str())
                }
            }),
            (OrderState::Rejected, Some(rejection)) => {
                Some(rejection_text(view, &state.rules(), rejection))
            }
            (OrderState::Expired, _) => Some(view.t("order-no-fill")),
            _ => None,
        };
        Ok(Self {
            id: order.id.to_string(),
            side: order.order.side.as_str(),
            quantity: order.order.quantity,
            symbol: order.symbol.to_string(),
            name: stock.map_or_else(|| order.symbol.to_string(), |stock| stock.name),
            state_key: match order.state {
                OrderState::Pending => "order-state-pending",
                OrderState::Executing => "order-state-executing",
                OrderState::Filled => "order-state-filled",
                OrderState::Rejected => "order-state-rejected",
                OrderState::Cancelled => "order-state-cancelled",
                OrderState::Expired => "order-state-expired",
            },
            story,
            can_cancel: is_cancellable(state, order),
            trade_id: order.trade.map(|trade| trade.to_string()),
        })
    }
}

#[derive(Template)]
#[template(path = "pending.html")]
struct PendingPage<'a> {
    view: &'a View,
    order: &'a OrderSummary,
    note: Option<&'a str>,
    /// Whether a cancellation came too late.
    is_too_late: bool,
}

/// The text on when an order of this stock fills.
pub(super) fn when(state: &AppState, view: &View, stock_id: i64) -> String {
    match fill_time(state, stock_id) {
        Ok(Some(time)) => {
            let key = match time.at {
                FillsAt::Close(_) => "order-fills-close",
                FillsAt::QuoteAfter(_) => "order-fills-quote",
            };
            let shown = if time.is_close() { time.fills_at } else { time.expires_at };
            view.tn(key, "time", view.fmt.time(shown).as_str())
        }
        Ok(None) if state.rules().fill == FillMode::NextTick => view.t("order-next-tick"),
        Ok(None) => view.t("order-price-moves"),
        Err(rejection) => rejection_text(view, &state.rules(), rejection),
    }
}

/// The page of one order, with a link to the receipt once it is filled.
pub(super) async fn show(
    state: &AppState,
    me: &SignedIn,
    order_id: &str,
    status: StatusCode,
) -> Result<Response, Problem> {
    let order = load_order(state, &me.player(), order_id).await?;
    let title = match order.state {
        OrderState::Pending | OrderState::Executing => "order-pending-title",
        _ => "order-ended-title",
    };
    let view = View::new(state, me, Tab::Portfolio, title);
    let shown = OrderSummary::new(state, &view, &order).await?;
    let page = PendingPage {
        view: &view,
        order: &shown,
        note: order.note.as_deref(),
        is_too_late: status == StatusCode::CONFLICT,
    };
    Ok(response::page_with(status, &view, &page))
}

/// Cancels an order and shows it.
pub(super) async fn cancel(
    State(state): State<AppState>,
    PathSegment(order_id): PathSegment,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let _: Form = sent.into_form(&[])?;
    let order = load_order(&state, &me.player(), &order_id).await?;
    match pending_orders::cancel(&state, order).await? {
        Some(order) => Ok(redirect::see_other(&format!("/orders/{}", order.id))),
        None => show(&state, &me, &order_id, StatusCode::CONFLICT).await,
    }
}

/// The player's open orders and the newest ended ones.
pub(super) async fn list(
    state: &AppState,
    view: &View,
    player_id: i64,
) -> Result<Vec<OrderSummary>, Problem> {
    let of = async |order_state| state.store.orders_page(player_id, None, order_state, READ).await;
    let mut open = of(Some(OrderState::Executing)).await?;
    open.extend(of(Some(OrderState::Pending)).await?);
    let newest = of(None).await?;
    let ended = newest.iter().filter(|order| !order.state.is_open());
    let mut shown = Vec::new();
    for order in open.iter().chain(ended.take(ENDED)) {
        shown.push(OrderSummary::new(state, view, order).await?);
    }
    Ok(shown)
}
