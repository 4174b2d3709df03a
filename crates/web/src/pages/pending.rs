//! Orders that do not fill at once, on pages: when an order fills, one order with its cancel
//! button, and the list of the portfolio. They are accepted in `order`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{FillMode, OrderState, Quantity};
use store::{FillsAt, PendingOrder};

use super::form::{Form, Post};
use super::redirect;
use super::rejection::rejection_text;
use super::response;
use super::view::{Tab, View};
use super::visitor::SignedIn;
use crate::api::orders::pending::{self, fill_time, is_cancellable, load_own};
use crate::api::stocks::Segment;
use crate::problem::Problem;
use crate::state::AppState;

/// Orders that the portfolio reads at most, and ended ones that it shows.
const READ: i64 = 100;
const ENDED: usize = 5;

/// An order as pages show it.
pub(super) struct ShownOrder {
    pub(super) id: String,
    pub(super) side: &'static str,
    pub(super) quantity: Quantity,
    pub(super) symbol: String,
    pub(super) name: String,
    /// Its state, as a message.
    pub(super) state_key: &'static str,
    /// When it fills, or why it did not.
    pub(super) story: Option<String>,
    pub(super) can_cancel: bool,
    /// The receipt.
    pub(super) trade_id: Option<String>,
}

impl ShownOrder {
    /// What is to be done, as a message.
    pub(super) fn wish(&self) -> &'static str {
        if self.side == "buy" { "order-wish-buy" } else { "order-wish-sell" }
    }

    async fn new(state: &AppState, view: &View, order: &PendingOrder) -> Result<Self, Problem> {
        let stock = state.stock(&order.symbol).await?;
        let story = match (order.state, order.rejection) {
            (OrderState::Pending, _) => Some(match order.at {
                FillsAt::Close(_) => {
                    let time = view.fmt.time(order.fills_at);
                    view.tn("order-pending-close", "time", time.as_str())
                }
                FillsAt::QuoteAfter(_) => {
                    let time = view.fmt.time(order.expires_at);
                    view.tn("order-pending-quote", "time", time.as_str())
                }
            }),
            (OrderState::Rejected, Some(rejection)) => Some(rejection_text(view, rejection)),
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
    order: &'a ShownOrder,
    note: Option<&'a str>,
    /// Whether it was to be cancelled and is not.
    is_too_late: bool,
}

/// When an order of this stock fills, in the reader's words.
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
        Ok(None) if state.rules.fill == FillMode::NextTick => view.t("order-next-tick"),
        Ok(None) => view.t("order-price-moves"),
        Err(rejection) => rejection_text(view, rejection),
    }
}

/// The page of one order. Once it is filled, that leads to the receipt.
pub(super) async fn show(
    state: &AppState,
    me: &SignedIn,
    order_id: &str,
    status: StatusCode,
) -> Result<Response, Problem> {
    let order = load_own(state, &me.player(), order_id).await?;
    let title = match order.state {
        OrderState::Pending | OrderState::Executing => "order-pending-title",
        _ => "order-ended-title",
    };
    let view = View::new(state, me, Tab::Portfolio, title);
    let shown = ShownOrder::new(state, &view, &order).await?;
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
    Segment(order_id): Segment,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let _: Form = sent.into_form(&[])?;
    let order = load_own(&state, &me.player(), &order_id).await?;
    match pending::cancel(&state, order).await? {
        Some(order) => Ok(redirect::see_other(&format!("/orders/{}", order.id))),
        None => show(&state, &me, &order_id, StatusCode::CONFLICT).await,
    }
}

/// The player's open orders and the newest ended ones.
pub(super) async fn list(
    state: &AppState,
    view: &View,
    player_id: i64,
) -> Result<Vec<ShownOrder>, Problem> {
    let of = async |order_state| state.store.orders_page(player_id, None, order_state, READ).await;
    let mut open = of(Some(OrderState::Executing)).await?;
    open.extend(of(Some(OrderState::Pending)).await?);
    let newest = of(None).await?;
    let ended = newest.iter().filter(|order| !order.state.is_open());
    let mut shown = Vec::new();
    for order in open.iter().chain(ended.take(ENDED)) {
        shown.push(ShownOrder::new(state, view, order).await?);
    }
    Ok(shown)
}
