//! An order: the ticket is validated and reviewed, then confirmed under an idempotency key.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{DecimalError, Entropy, Money, Note, Outcome, Price, Quantity, Ratio, Side, Symbol};
use store::StockRow;
use trading::DeskError;

use super::form::{Form, Post};
use super::receipt::note_error;
use super::rejection::rejection_text;
use super::stock::{self, DisplayedQuote, TICKET};
use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{limits, pending, redirect, response, xp};
use crate::auth::sessions::RequestId;
use crate::game::orders::{OrderRequest, Submitted, submit, tradable_quantity};
use crate::game::stocks::load_stock;
use crate::problem::Problem;
use crate::state::AppState;

/// From this share of the total value on, in hundredths of a percent, the review warns.
const MUCH_OF_ALL: i64 = 4_000;
const ORDER: [&str; 5] = ["symbol", "side", "quantity", "note", "key"];
const KEY_LENGTH: usize = 32;

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage<'a> {
    view: &'a View,
    stock: &'a StockRow,
    form: &'a Form,
    side: &'static str,
    quantity: Quantity,
    quote: Option<DisplayedQuote>,
    fills: String,
    total: Money,
    fee: Money,
    cash_after: Option<Money>,
    /// The share of the total value in this company after the order, if it is large.
    share: Option<Ratio>,
    /// The XP that it earns, or why none.
    xp: String,
    key: String,
    /// The message of a rejected order.
    rejection: Option<String>,
}

struct Ticket {
    order: OrderRequest,
    side: Side,
}

impl Ticket {
    /// Errors are added to the form.
    fn parse(state: &AppState, view: &View, form: &mut Form) -> Option<Self> {
        let side = match form.value("side") {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            _ => None,
        };
        let listing = Symbol::parse(form.value("symbol")).ok();
        let listing = listing.and_then(|symbol| state.prices.find(&symbol));
        let quantity = parse_quantity(state, view, form.value("quantity"));
        let typed = form.value("note").trim().to_owned();
        // Browsers send line breaks as CRLF.
        let typed = typed.replace("\r\n", "\n");
        let note = if typed.is_empty() { Ok(None) } else { Note::parse(&typed).map(Some) };
        if side.is_none() {
            form.add_error("side", view.t("order-side-missing"));
        }
        if let Err(text) = &quantity {
            form.add_error("quantity", text);
        }
        if let Err(error) = &note {
            form.add_error("note", note_error(view, *error));
        }
        let (listing, side) = (listing?, side?);
        let order = OrderRequest {
            stock_id: listing.stock_id,
            symbol: listing.symbol.clone(),
            quantity: quantity.ok()?,
            note: note.ok()?,
        };
        Some(Self { order, side })
    }
}

/// The quantity, or the text of its error.
fn parse_quantity(state: &AppState, view: &View, typed: &str) -> Result<Quantity, String> {
    let wrong = || {
        let max = view.fmt.shares(state.rules().quantity_max);
        let key = match state.rules().fractional_shares {
            true => "order-quantity-wrong",
            false => "order-quantity-whole",
        };
        view.tn(key, "max", max.as_str())
    };
    match Quantity::parse_typed(typed) {
        Ok(quantity) => tradable_quantity(quantity, &state.rules()).map_err(|_| wrong()),
        Err(DecimalError::Ambiguous(instead)) => {
            Err(view.tn("order-quantity-ambiguous", "number", instead.as_str()))
        }
        Err(_) => Err(wrong()),
    }
}

/// Shows the effect of an order; nothing is written.
pub(super) async fn review(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&TICKET)?;
    let stock = load_stock(&state, form.value("symbol")).await?;
    let view = View::new(&state, &me, Tab::Market, "order-review-title");
    let Some(ticket) = Ticket::parse(&state, &view, &mut form) else {
        return stock::page_with_errors(&state, &me, &stock, &form).await;
    };
    let (order, player_id) = (ticket.order.clone(), me.player().player_id);
    let request = order.into_desk_request(ticket.side, player_id, None, String::new());
    if let Some(rejection) = limits::find_reached(&state, &request).await? {
        form.add_error("quantity", rejection_text(&view, &state.rules(), rejection));
        return stock::page_with_errors(&state, &me, &stock, &form).await;
    }
    let key = new_key(&*state.entropy);
    review_page(&state, &me, &stock, &form, &ticket, key, None).await
}

/// An idempotency key of 128 random bits.
fn new_key(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; KEY_LENGTH / 2];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}

async fn review_page(
    state: &AppState,
    me: &SignedIn,
    stock: &StockRow,
    form: &Form,
    ticket: &Ticket,
    key: String,
    rejection: Option<String>,
) -> Result<Response, Problem> {
    let view = View::new(state, me, Tab::Market, "order-review-title");
    let quantity = ticket.order.quantity;
    let quote = stock::displayed_quote(state, &view, stock.stock_id);
    let total = quote.as_ref().map(|quote| quote.total(ticket.side, quantity, view.fmt.unit));
    let total = total.unwrap_or_default();
    let fee = state.rules().fee.on(total).unwrap_or_default();
    let cash = me.viewer().cash;
    let cash_after = match ticket.side {
        Side::Buy => cash.0.checked_sub(total.0).and_then(|left| left.checked_sub(fee.0)),
        Side::Sell => cash.0.checked_add(total.0).and_then(|sum| sum.checked_sub(fee.0)),
    };
    let share = match ticket.side {
        Side::Buy => Some(share_of_all(state, me, stock, total).await?),
        Side::Sell => None,
    };
    let progress = xp::load_progress(state, me.player().player_id).await?;
    let status = if rejection.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let page = ReviewPage {
        view: &view,
        stock,
        form,
        side: ticket.side.as_str(),
        quantity,
        quote,
        fills: pending::when(state, &view, stock.stock_id),
        total,
        fee,
        cash_after: cash_after.filter(|cents| *cents >= 0).map(Money),
        share: share.filter(|share| share.percent(2) >= MUCH_OF_ALL),
        xp: xp::outlook(state, &view, &progress, ticket.side, Some(total)),
        key,
        rejection,
    };
    Ok(response::page_with(status, &view, &page))
}

/// The share of the total value in this company after a purchase.
async fn share_of_all(
    state: &AppState,
    me: &SignedIn,
    stock: &StockRow,
    total: Money,
) -> Result<Ratio, Problem> {
    let player_id = me.player().player_id;
    let (prices, unit) = (state.prices.prices_json(), state.rules().minor_unit);
    let summary = state.store.portfolio_summary(player_id, &prices, unit).await?;
    let position = state.store.load_position(player_id, stock.stock_id).await?;
    let price = state.prices.quote(stock.stock_id).map_or(Price(0), |quote| quote.price);
    let held = price.value_rounded_down(position.quantity, unit).unwrap_or_default();
    let inside = Money(held.0.saturating_add(total.0));
    Ok(inside.part_of(Money(summary.cash.0.saturating_add(summary.total_value.0))))
}

/// Submits the order under its idempotency key.
pub(super) async fn confirm(
    State(state): State<AppState>,
    request_id: RequestId,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&ORDER)?;
    let stock = load_stock(&state, form.value("symbol")).await?;
    let view = View::new(&state, &me, Tab::Market, "order-review-title");
    let key = form.value("key").to_owned();
    let is_key = key.len() == KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some(ticket) = Ticket::parse(&state, &view, &mut form).filter(|_| is_key) else {
        return stock::page_with_errors(&state, &me, &stock, &form).await;
    };
    let (player_id, sent_key) = (me.player().player_id, Some(key.clone()));
    // A copy, because the review page shows the ticket again after a rejection.
    let order = ticket.order.clone();
    let request = order.into_desk_request(ticket.side, player_id, sent_key, request_id.to_string());
    let submitted = match submit(&state, request).await {
        Ok(Submitted::Pending { order, .. }) => {
            return Ok(redirect::see_other(&format!("/orders/{}", order.id)));
        }
        Ok(Submitted::TooMany) => {
            let max = state.rules().pending_orders_max;
            let rejection = view.tn("order-too-many", "max", max);
            return review_page(&state, &me, &stock, &form, &ticket, key, Some(rejection)).await;
        }
        Ok(Submitted::Settled(response)) => Ok(response.outcome),
        Err(error) => Err(error),
    };
    let (key, rejection) = match submitted {
        Ok(Outcome::Ok(fill)) => {
            return Ok(redirect::see_other(&format!("/orders/{}", fill.entry.trade_id())));
        }
        // A rejection that may pass is not stored: the order keeps its key.
        Ok(Outcome::Err(rejection)) if !rejection.is_final() => {
            (key, rejection_text(&view, &state.rules(), rejection))
        }
        // A final rejection is stored under the key: a new attempt needs a new one.
        Ok(Outcome::Err(rejection)) => {
            (new_key(&*state.entropy), rejection_text(&view, &state.rules(), rejection))
        }
        Err(DeskError::UnknownPlayer) => return Err(DeskError::UnknownPlayer.into()),
        Err(DeskError::Full { .. } | DeskError::Closed) => (key, view.t("order-busy")),
        // With the same key it can be confirmed again, whatever its outcome.
        Err(error) => {
            tracing::warn!(%error, %request_id, "the outcome of an order is unknown");
            (key, view.t("order-unknown"))
        }
    };
    review_page(&state, &me, &stock, &form, &ticket, key, Some(rejection)).await
}
