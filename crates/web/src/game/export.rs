//! The export of all data stored about a user, as a zip of JSON and CSV. It is written to a
//! temporary file in bounded pieces and sent when it is complete: memory use does not grow with the
//! history, and a read error becomes an error response.

mod spool;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use domain::{Day, PageRequest};
use futures_util::Stream;
use serde_json::{Value, json};
use store::{HoldingRow, MarketQuery};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::spool::Spool;
use crate::auth::security_events::{SecurityEvent, SecurityEventKind};
use crate::auth::sessions::PlayerSession;
use crate::game::csv::{BOM, Cell, Csv};
use crate::game::history::Transaction;
use crate::game::history_csv::{push_csv, to_csv};
use crate::game::numbers::Shares;
use crate::game::pending_orders::OrderView;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// Rows of a query, and entries of a page of the history.
const ROWS: i64 = 100;
const ENTRIES: usize = 1_000;
static CONCURRENT_EXPORTS: Semaphore = Semaphore::const_new(2);
const WAIT_MAX: Duration = Duration::from_secs(5);
const RETRY_AFTER_S: u64 = 5;

const README: &str = "\
All data that this game stores about you. It contains no data of other players.

account.json       your name and address, settings, how you appear on boards, devices and tokens
                   (not the tokens themselves), watched stocks, achievements
holdings.csv       your current shares; the same in holdings.json
transactions.csv   your complete history, including the archive, with your notes; the same in
                   transactions.json, the input of the verifier in docs/verify.md
orders.json        orders that did not fill at once: pending ones, and those that ended in the last
                   weeks
equity.csv         the value of your portfolio at the end of each market day, newest first

The keys and responses of your orders are also stored, for a day or two, so that an order that is
sent twice is executed once. Your password and your recovery codes are stored as hashes only.
";

/// Writes the zip to a temporary file; its length in bytes, and its content.
///
/// # Errors
/// `busy` while other exports are written, `history_unavailable` if the archive cannot be read, or
/// the error of the store.
pub(crate) async fn write(
    state: &AppState,
    player: &PlayerSession,
) -> Result<(u64, impl Stream<Item = io::Result<Bytes>> + Send + use<>), Problem> {
    let permit = timeout(WAIT_MAX, CONCURRENT_EXPORTS.acquire()).await;
    let _permit = permit.map_err(|_| Problem::from(&codes::BUSY).retry_after(RETRY_AFTER_S))?;
    let mut spool = Spool::open().await?;
    spool.begin("README.txt").await?;
    spool.write(README).await?;
    spool.begin("account.json").await?;
    let account = account(state, player).await?;
    spool.write(format!("{account:#}\n")).await?;
    write_holdings(&mut spool, state, player).await?;
    write_history(&mut spool, state, player).await?;
    write_orders(&mut spool, state, player).await?;
    spool.begin("equity.csv").await?;
    spool.write(BOM).await?;
    spool.write(equity(state, player).await?).await?;
    let exported = spool.finish().await?;
    SecurityEvent::of_user(SecurityEventKind::Exported, player.user_id).log();
    Ok(exported)
}

/// The data without paging: each list has at most a hundred rows.
async fn account(state: &AppState, player: &PlayerSession) -> Result<Value, Problem> {
    let viewer = state.store.load_viewer(player.user_id, player.player_id).await?;
    let all = PageRequest::clamped(1, ROWS, ROWS);
    let now = state.clock.now();
    let (tokens, _) = state.store.tokens_page(player.user_id, None, now, all).await?;
    let achievements = state.store.achievements_of(player.player_id).await?;
    let watched = MarketQuery {
        player_id: Some(player.player_id),
        only_watched: true,
        ..MarketQuery::default()
    };
    let quotes = state.prices.snapshot().quotes_json();
    let (watched, _) = state.store.market_page(&watched, &quotes, all).await?;
    let preferences = viewer.preferences.clone().unwrap_or_default();
    let codes = state.store.count_recovery_codes(player.user_id).await?;
    Ok(json!({
        "exported_at": now.to_string(),
        "account": {
            "user_id": player.user_id, "player_id": player.player_id,
            "name": viewer.name, "email": viewer.email, "cash": viewer.cash.to_text(state.rules().minor_unit),
            "total_xp": viewer.total_xp, "level": state.rules().levels.progress(viewer.total_xp).level,
            "ledger_entries": viewer.entries, "role": viewer.role.as_str(),
            "created_at": viewer.created_at.to_string(),
        },
        "preferences": {
            "mode": preferences.mode, "language": preferences.language,
            "theme": preferences.theme, "text_size": preferences.text_size,
            "data_saver": preferences.data_saver, "hide_amounts": preferences.hide_amounts,
            "time_zone": preferences.time_zone,
        },
        "on_boards": {
            "shows": viewer.appearance.shows.as_str(), "pseudonym": viewer.appearance.pseudonym,
        },
        "recovery_codes": {
            "left": codes.count, "made_at": codes.made_at.map(|at| at.to_string()),
        },
        "tokens": tokens.iter().map(|token| json!({
            "name": token.name, "kind": token.kind.as_str(),
            "created_at": token.created_at.to_string(),
            "last_used_at": token.last_used_at.to_string(),
            "expires_at": token.expires_at.to_string(),
        })).collect::<Vec<_>>(),
        "watched": watched.iter().map(|row| row.stock.symbol.to_string()).collect::<Vec<_>>(),
        "achievements": achievements.iter().filter_map(|row| {
            let unlocked_at = row.unlocked_at?.to_string();
            Some(json!({ "code": row.code, "name": row.name, "unlocked_at": unlocked_at }))
        }).collect::<Vec<_>>(),
    }))
}

async fn write_holdings(
    spool: &mut Spool,
    state: &AppState,
    player: &PlayerSession,
) -> Result<(), Problem> {
    let (prices, unit) = (state.prices.prices_json(), state.rules().minor_unit);
    let mut csv = Csv::new("symbol,quantity,average_price,current_price,total_value");
    spool.begin("holdings.json").await?;
    let mut list = List::default();
    for page in 1.. {
        let page_request = PageRequest::clamped(page, ROWS, ROWS);
        let found = state.store.portfolio_page(player.player_id, &prices, unit, page_request);
        let (rows, total): (Vec<HoldingRow>, i64) = found.await?;
        for row in &rows {
            csv.row([
                Cell::Text(row.symbol.to_string()),
                Cell::plain(Some(row.quantity)),
                Cell::plain(Some(row.average_price.to_text(unit))),
                Cell::plain(Some(row.current_price.to_text(unit))),
                Cell::plain(Some(row.total_value.to_text(unit))),
            ]);
        }
        let value = |row: &HoldingRow| {
            json!({
                "symbol": row.symbol.to_string(), "quantity": Shares(row.quantity),
                "average_price": row.average_price.to_text(unit),
                "current_price": row.current_price.to_text(unit),
                "total_value": row.total_value.to_text(unit),
            })
        };
        spool.write(list.rows(rows.iter().map(value))).await?;
        if page * ROWS >= total {
            break;
        }
    }
    spool.write(list.end()).await?;
    spool.begin("holdings.csv").await?;
    spool.write(BOM).await?;
    spool.write(csv.into_text()).await
}

/// The complete history, newest first, in the format of one page of the API.
async fn write_history(
    spool: &mut Spool,
    state: &AppState,
    player: &PlayerSession,
) -> Result<(), Problem> {
    let unit = state.rules().minor_unit;
    let mut scratch = spool.scratch_file().await?;
    scratch.write(to_csv(&[], unit, true)).await?;
    spool.begin("transactions.json").await?;
    spool.write("{\"data\":").await?;
    let (mut list, mut before) = (List::default(), None);
    loop {
        let page = state.history.page(player.player_id, before, ENTRIES).await?;
        let rows = page.rows.iter().map(|row| json!(Transaction::new(row, unit)));
        spool.write(list.rows(rows)).await?;
        let mut csv = Csv::default();
        push_csv(&mut csv, &page.rows, unit);
        scratch.write(csv.into_text()).await?;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    spool.write(list.end()).await?;
    spool.write("}\n").await?;
    spool.begin("transactions.csv").await?;
    spool.append(scratch).await
}

async fn write_orders(
    spool: &mut Spool,
    state: &AppState,
    player: &PlayerSession,
) -> Result<(), Problem> {
    spool.begin("orders.json").await?;
    let (mut list, mut below) = (List::default(), None);
    loop {
        let orders = state.store.orders_page(player.player_id, below, None, ROWS).await?;
        let Some(last) = orders.last() else { break };
        below = Some(last.id.order_id);
        spool.write(list.rows(orders.iter().map(|order| json!(OrderView::new(order))))).await?;
    }
    spool.write(list.end()).await
}

async fn equity(state: &AppState, player: &PlayerSession) -> Result<String, Problem> {
    let unit = state.rules().minor_unit;
    let mut csv = Csv::new("market_date,value,cash");
    let mut to = Day(i32::MAX);
    loop {
        // A bounded number of the newest days up to `to`.
        let points = state.store.equity_curve(player.player_id, Day(i32::MIN), to).await?;
        for point in points.iter().rev() {
            csv.row([
                Cell::plain(Some(point.day)),
                Cell::plain(Some(point.value.to_text(unit))),
                Cell::plain(Some(point.cash.to_text(unit))),
            ]);
        }
        let Some(first) = points.first() else { return Ok(csv.into_text()) };
        to = Day(first.day.0.saturating_sub(1));
    }
}

/// A JSON array that is written in pieces.
#[derive(Default)]
struct List {
    has_rows: bool,
}

impl List {
    fn rows(&mut self, rows: impl Iterator<Item = Value>) -> String {
        let mut text = String::new();
        for row in rows {
            text.push_str(if std::mem::replace(&mut self.has_rows, true) { ",\n" } else { "[\n" });
            text.push_str(&row.to_string());
        }
        text
    }

    fn end(self) -> &'static str {
        if self.has_rows { "\n]" } else { "[]" }
    }
}
