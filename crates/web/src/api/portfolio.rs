//! The player's holdings at the market's current prices, and their totals.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::Money;
use market::{Halt, PriceSnapshot};
use serde::Serialize;
use store::HoldingRow;
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::game::numbers::{self, Shares};
use crate::http::etag;
use crate::http::query::Query;
use crate::openapi::{Data, PageResponse};
use crate::problem::Problem;
use crate::state::AppState;

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 100;
/// The original API numbers holdings across all players; here player and stock identify a holding.
const STOCKS_A_PLAYER: i64 = 1 << 16;

/// Shares of one stock.
#[derive(Serialize, ToSchema)]
#[schema(as = Holding)]
pub(crate) struct HoldingResponse {
    /// The stable id of this holding.
    #[schema(example = 65_537)]
    portfolio_id: i64,
    #[schema(example = 1)]
    stock_id: i64,
    #[schema(example = "AAPL")]
    stock_symbol: String,
    #[schema(example = "Apple")]
    stock_name: String,
    quantity: Shares,
    /// What one share cost on average, without fees, with the digits of an amount and up to four.
    #[schema(example = "189.95")]
    average_price: String,
    /// The market's current price of one share, with the digits of an amount and up to four.
    #[schema(example = "189.95")]
    current_price: String,
    #[schema(example = "569.85")]
    total_value: String,
    #[schema(example = "0.00")]
    profit_loss: String,
    /// Percent of the cost, with six places.
    #[schema(example = "59.829515")]
    profit_loss_percentage: String,
    /// When the price was made; `null` while there is none.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: Option<String>,
    /// Whether the price is too old, or there is none.
    #[schema(example = false)]
    stale: bool,
    /// Whether the stock has had no price for two sessions or more: it counts at its last price,
    /// and is not traded until it has a new one.
    #[schema(example = false)]
    no_longer_traded: bool,
}

impl HoldingResponse {
    fn new(player_id: i64, row: HoldingRow, present: &PriceSnapshot, state: &AppState) -> Self {
        let position = state.prices.position(row.stock_id);
        let quote = position.and_then(|position| present.quote(position));
        let halt = position.and_then(|position| present.halt(position));
        let unit = state.rules().minor_unit;
        let profit_loss_percentage = numbers::percent_to(row.profit_ratio(), 6);
        Self {
            as_of: quote.map(|quote| quote.as_of.to_string()),
            stale: halt.is_some() || quote.is_none_or(|quote| state.is_stale(quote.as_of)),
            no_longer_traded: halt == Some(Halt::NotTraded),
            portfolio_id: player_id.saturating_mul(STOCKS_A_PLAYER).saturating_add(row.stock_id),
            stock_id: row.stock_id,
            stock_symbol: row.symbol.to_string(),
            stock_name: row.name,
            quantity: Shares(row.quantity),
            average_price: row.average_price.to_text(unit),
            current_price: row.current_price.to_text(unit),
            total_value: row.total_value.to_text(unit),
            profit_loss: row.profit_loss.to_text(unit),
            profit_loss_percentage,
        }
    }
}

/// A player's totals at the market's current prices.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
    #[schema(example = "Ada")]
    name: String,
    /// Cash.
    #[schema(example = "9430.15")]
    balance: String,
    /// What the holdings cost, without fees.
    #[schema(example = "569.85")]
    total_invested: String,
    /// The value of the holdings.
    #[schema(example = "569.85")]
    total_value: String,
    #[schema(example = "0.00")]
    profit_loss: String,
    /// Percent of what was invested; `0.00` when nothing was.
    #[schema(example = "0.00")]
    profit_loss_percentage: String,
    #[schema(example = 1)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
    /// The experience from the start of this level to the next.
    #[schema(example = 1000)]
    next_level_xp: i64,
    /// The market's calendar day of the prices.
    #[schema(example = "2005-01-03")]
    market_date: String,
}

/// The player's holdings, ordered by symbol; sold-out ones are left out.
#[utoipa::path(get, path = "/api/portfolio", tag = "portfolio", security(("bearer" = [])),
    params(
        ("page" = Option<i64>, Query, description = "From 1; any other value counts as 1",
            minimum = 1, example = 1),
        ("per_page" = Option<i64>, Query, description = "Clamped to 1 to 100; 50 by default",
            minimum = 1, maximum = 100, example = 50),
    ),
    responses(
        (status = 200, body = PageResponse<HoldingResponse>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
pub(super) async fn list_holdings(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let page = query.lenient_page(PER_PAGE, PER_PAGE_MAX);
    let present = state.prices.snapshot();
    let prices = present.prices_json();
    let unit = state.rules().minor_unit;
    let (rows, total) = state.store.portfolio_page(player.player_id, &prices, unit, page).await?;
    let describe = |row| HoldingResponse::new(player.player_id, row, &present, &state);
    let holdings = rows.into_iter().map(describe).collect();
    Ok(etag::private(&headers, &PageResponse::new(holdings, page.meta(total))))
}

/// Cash, the value of all holdings, profit and progress.
#[utoipa::path(get, path = "/api/portfolio/summary", tag = "portfolio", security(("bearer" = [])),
    responses(
        (status = 200, body = Data<Summary>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
    ))]
pub(super) async fn show_summary(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let prices = state.prices.prices_json();
    let rules = state.rules();
    let unit = rules.minor_unit;
    let row = state.store.portfolio_summary(player.player_id, &prices, unit).await?;
    let profit = Money(row.total_value.0.saturating_sub(row.total_invested.0));
    let progress = rules.levels.progress(row.total_xp);
    let summary = Summary {
        name: row.name,
        balance: row.cash.to_text(unit),
        total_invested: row.total_invested.to_text(unit),
        total_value: row.total_value.to_text(unit),
        profit_loss: profit.to_text(unit),
        profit_loss_percentage: numbers::percent(profit.part_of(row.total_invested)),
        level: progress.level,
        experience_points: progress.xp_in_level,
        next_level_xp: progress.next_level_xp,
        market_date: state.prices.snapshot().market_day.to_string(),
    };
    Ok(etag::private(&headers, &Data::new(summary)))
}
