//! The public routes of the stocks: the list, one stock, and its closes up to the market's last
//! public day. Current prices come from the price board, not from the database.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::text::TextKind;
use domain::{Day, PageRequest};
use market::{Halt, PriceSnapshot};
use serde::Serialize;
use store::StockRow;
use utoipa::ToSchema;

use crate::game::numbers;
use crate::game::stocks::{last_public_day, load_stock};
use crate::http::etag;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::openapi::{Data, PageResponse};
use crate::problem::Problem;
use crate::state::AppState;

const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 50;
const HISTORY_DAYS: i64 = 30;
const HISTORY_DAYS_MAX: i64 = 3650;
/// The shortest and the longest search text, in characters.
const SEARCH_LENGTH: (usize, usize) = (2, 50);

/// A stock of the list.
#[derive(Serialize, ToSchema)]
#[schema(as = Stock)]
pub(crate) struct StockResponse {
    #[serde(flatten)]
    facts: StockFacts,
    /// The price with its time and source; `null` while the stock has no price.
    quote: Option<QuoteResponse>,
}

/// A stock with all its texts.
#[derive(Serialize, ToSchema)]
pub(crate) struct StockDetail {
    #[serde(flatten)]
    facts: StockFacts,
    /// A memorable fact about the company.
    #[schema(example = "Its first product was a bare circuit board.")]
    fun_fact: Option<String>,
    /// The price with its time and source; `null` while the stock has no price.
    quote: Option<QuoteResponse>,
}

/// The members of every stock, in the order of the original API.
#[derive(Serialize, ToSchema)]
pub(crate) struct StockFacts {
    #[schema(example = "AAPL")]
    symbol: String,
    #[schema(example = "Apple")]
    name: String,
    /// The market's current price of one share, with the digits of an amount and up to four;
    /// `null` while there is none.
    #[schema(example = "189.95")]
    current_price: Option<String>,
    /// The change since the close before the price's day, in percent.
    #[schema(example = "1.25")]
    change_percentage: String,
    #[schema(example = "Tech")]
    category: String,
    /// For adults.
    #[schema(example = "Designs and sells the iPhone.")]
    description: String,
    /// For children.
    #[schema(example = "Apple makes the iPhone.")]
    kid_friendly_description: String,
}

/// A price with its time and source.
#[derive(Serialize, ToSchema)]
#[schema(as = StockQuote)]
pub(crate) struct QuoteResponse {
    /// The exact price, with up to four places: the middle of bid and ask.
    #[schema(example = "189.95")]
    price: String,
    /// What a seller receives for one share.
    #[schema(example = "189.8975")]
    bid: String,
    /// What a buyer pays for one share.
    #[schema(example = "190.0025")]
    ask: String,
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// The market's calendar day (in a replay, a day in history).
    #[schema(example = "2005-01-03")]
    market_date: String,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
    /// Whether the price is too old: in a live market no provider returned a newer one, in other
    /// markets it is too old to trade at.
    #[schema(example = false)]
    stale: bool,
    /// Whether a newer price awaits confirmation: until it is confirmed or withdrawn, orders of
    /// this stock are rejected with `price_in_doubt`.
    #[schema(example = false)]
    in_doubt: bool,
    /// Whether the stock has had no price for two sessions or more: it keeps its last price, and is
    /// not traded until it has a new one.
    #[schema(example = false)]
    no_longer_traded: bool,
}

/// The close of one day.
#[derive(Serialize, ToSchema)]
pub(crate) struct Close {
    /// Midnight (UTC) of the day.
    #[schema(example = "2005-01-03T00:00:00.000000Z")]
    date: String,
    /// With the digits of an amount, and up to four where it has them.
    #[schema(example = "187.50")]
    close_price: String,
}

/// The stocks of the market, ordered by symbol.
#[utoipa::path(get, path = "/api/stocks", tag = "stocks",
    params(
        ("page" = Option<i64>, Query, description = "From 1", minimum = 1, example = 1),
        ("per_page" = Option<i64>, Query, description = "1 to 50; 20 by default",
            minimum = 1, maximum = 50, example = 20),
        ("category" = Option<String>, Query, description = "Exactly this category",
            example = "Tech"),
        ("search" = Option<String>, Query, description = "Part of a symbol or a name",
            min_length = 2, max_length = 50, example = "appl"),
    ),
    responses(
        (status = 200, body = PageResponse<StockResponse>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list_stocks(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let request = StockListQuery::parse(&query)?;
    let (category, search) = (request.category.as_deref(), request.search.as_deref());
    let found = state.stocks(category, search, request.page).await?;
    let (rows, total) = &*found;
    let present = state.prices.snapshot();
    let stocks = rows.iter().map(|row| {
        let StockDetail { facts, quote, .. } = describe(&state, &present, row.clone());
        StockResponse { facts, quote }
    });
    let page = PageResponse::new(stocks.collect(), request.page.meta(*total));
    Ok(etag::public(&headers, &page))
}

/// One stock, by its symbol in upper or lower case.
#[utoipa::path(get, path = "/api/stocks/{symbol}", tag = "stocks",
    params(("symbol" = String, Path, description = "In any case", example = "AAPL")),
    responses(
        (status = 200, body = Data<StockDetail>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show_stock(
    State(state): State<AppState>,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
) -> Result<Response, Problem> {
    let stock = load_stock(&state, &symbol).await?;
    let stock = describe(&state, &state.prices.snapshot(), stock);
    Ok(etag::public(&headers, &Data::new(stock)))
}

/// The closes of a stock, oldest first, up to the market's last public day.
#[utoipa::path(get, path = "/api/stocks/{symbol}/history", tag = "stocks",
    params(
        ("symbol" = String, Path, description = "In any case", example = "AAPL"),
        ("days" = Option<i64>, Query,
            description = "Calendar days back from the market's current day, 0 to 3650; \
                           30 by default. A value that is not a number counts as 0.",
            minimum = 0, maximum = 3650, example = 30),
    ),
    responses(
        (status = 200, body = Data<Vec<Close>>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn stock_history(
    State(state): State<AppState>,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    let days = query.lenient_integer("days").unwrap_or(HISTORY_DAYS).clamp(0, HISTORY_DAYS_MAX);
    let stock = load_stock(&state, &symbol).await?;
    let present = state.prices.snapshot();
    let days = i32::try_from(days).unwrap_or(0);
    let from = Day(present.market_day.0.saturating_sub(days));
    let to = last_public_day(&present);
    let closes = state.stock_history(stock.stock_id, from, to).await?;
    let unit = state.rules().minor_unit;
    let closes: Vec<Close> = closes
        .into_iter()
        .map(|(day, close)| Close {
            date: day.start().to_string(),
            close_price: close.to_text(unit),
        })
        .collect();
    Ok(etag::public(&headers, &Data::new(closes)))
}

struct StockListQuery {
    page: PageRequest,
    category: Option<String>,
    search: Option<String>,
}

impl StockListQuery {
    fn parse(query: &Query) -> Result<Self, Problem> {
        let mut fields = query.strict();
        let page = fields.integer("page", 1..=i64::MAX).unwrap_or(1);
        let per_page = fields.integer("per_page", 1..=PER_PAGE_MAX).unwrap_or(PER_PAGE);
        let category = fields.text("category", TextKind::Line, 0..=usize::MAX);
        let search = fields.text("search", TextKind::Search, SEARCH_LENGTH.0..=SEARCH_LENGTH.1);
        fields.finish()?;
        Ok(Self { page: PageRequest::clamped(page, per_page, PER_PAGE_MAX), category, search })
    }
}

/// Joins a row with the market's current price.
fn describe(state: &AppState, present: &PriceSnapshot, row: StockRow) -> StockDetail {
    let position = state.prices.position(row.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let unit = state.rules().minor_unit;
    let facts = StockFacts {
        symbol: row.symbol.to_string(),
        name: row.name,
        current_price: quote.map(|quote| quote.price.to_text(unit)),
        change_percentage: numbers::percent(quote.map(|quote| quote.change()).unwrap_or_default()),
        category: row.category,
        description: row.description,
        kid_friendly_description: row.kid_friendly_description,
    };
    let halt = position.and_then(|position| present.halt(position));
    let quote = quote.map(|quote| (present.sides(&quote, state.rules().spread_bps), quote));
    let quote = quote.map(|(sides, quote)| QuoteResponse {
        price: quote.price.to_text(unit),
        bid: sides.bid.to_text(unit),
        ask: sides.ask.to_text(unit),
        as_of: quote.as_of.to_string(),
        market_date: present.market_day.to_string(),
        source: present.source.as_str(),
        stale: halt.is_some() || state.is_stale(quote.as_of),
        in_doubt: halt == Some(Halt::Unconfirmed),
        no_longer_traded: halt == Some(Halt::NotTraded),
    });
    StockDetail { facts, fun_fact: row.fun_fact, quote }
}
