//! The receipt of a trade, and its note.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EntryKind, LedgerEntry, Money, Note, NoteError, OrderId, Price, Quantity};
use store::LedgerRow;

use super::auth::character_error;
use super::form::{Form, Post};
use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{pending, redirect, response, xp};
use crate::auth::sessions::RequestId;
use crate::game::history::{load_trade, save_note};
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage<'a> {
    view: &'a View,
    form: &'a Form,
    entry: &'a LedgerEntry,
    symbol: String,
    name: String,
    trade_id: String,
    side: &'static str,
    quantity: Quantity,
    price: Price,
    total: Money,
    note: Option<String>,
    is_noted: bool,
    /// Why it earned no XP.
    no_xp: String,
    note_rule: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    PathSegment(trade_id): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    if OrderId::parse(&trade_id).is_some() {
        return pending::show(&state, &me, &trade_id, StatusCode::OK).await;
    }
    let row = load_trade(&state, &me.player(), &trade_id).await?;
    let form = Form::new(&["note"]).with("note", row.note.clone().unwrap_or_default());
    let is_noted = query.find("noted").is_some();
    page(&state, &me, StatusCode::OK, &row, &form, is_noted).await
}

async fn page(
    state: &AppState,
    me: &SignedIn,
    status: StatusCode,
    row: &LedgerRow,
    form: &Form,
    is_noted: bool,
) -> Result<Response, Problem> {
    let view = View::new(state, me, Tab::Portfolio, "order-receipt-title");
    let symbol = row.symbol.as_ref().ok_or_else(Problem::not_found)?;
    let stock = state.stock(symbol).await?;
    let entry = &row.entry;
    let settled_by = state.rules.of_entry(entry.rules_version);
    let page = ReceiptPage {
        view: &view,
        form,
        symbol: symbol.to_string(),
        name: stock.map_or_else(|| symbol.to_string(), |stock| stock.name),
        trade_id: entry.trade_id().to_string(),
        side: if entry.kind == EntryKind::Sell { "sell" } else { "buy" },
        quantity: Quantity(entry.quantity.0.saturating_abs()),
        price: entry.price.unwrap_or_default(),
        total: Money(entry.amount.0.saturating_abs()),
        note: row.note.clone(),
        is_noted,
        no_xp: xp::why_none(&settled_by, &view, entry.amount),
        note_rule: xp::note_rule(state, &view),
        entry,
    };
    Ok(response::page_with(status, &view, &page))
}

/// Adds or changes the note of a trade.
pub(super) async fn save_note_form(
    State(state): State<AppState>,
    request_id: RequestId,
    PathSegment(trade_id): PathSegment,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["note"])?;
    let row = load_trade(&state, &me.player(), &trade_id).await?;
    match Note::parse(form.value("note").trim().replace("\r\n", "\n").as_str()) {
        Ok(note) => {
            save_note(&state, &row, note, &request_id).await?;
            Ok(redirect::see_other(&format!("/orders/{trade_id}?noted=1#note")))
        }
        Err(error) => {
            let view = View::new(&state, &me, Tab::Portfolio, "order-receipt-title");
            form.add_error("note", note_error(&view, error));
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(&state, &me, status, &row, &form, false).await
        }
    }
}

pub(super) fn note_error(view: &View, error: NoteError) -> String {
    match error {
        NoteError::Unfit(error) => character_error(view, error),
        NoteError::Empty | NoteError::TooLong => {
            view.tn("order-note-wrong", "max", Note::LENGTH_MAX)
        }
    }
}
