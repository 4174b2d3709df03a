//! What the original asked of providers for whoever called, in the shapes it answered with. Here
//! nobody waits for a provider: quotes and history are the game's own, never later than its
//! present, and in a live market what is old is asked for in the background. A provider's own words
//! never reach a client.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::text::TextKind;
use domain::{Day, PageRequest, Price, Symbol, UnixMicros};
use market::{CompanyProfile, PriceUnit, SearchHit, StockQuote};
use serde::Serialize;
use serde_json::{Map, Value};
use store::StockRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stocks::{Segment, last_public_day};
use crate::auth::sessions::Player;
use crate::game::numbers::{self, json_number, padded_price};
use crate::http::etag;
use crate::http::input::text_of;
use crate::http::limits;
use crate::http::query::Query;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// Days of history when the caller does not say, and at most.
const HISTORY_DAYS: i64 = 30;
const HISTORY_DAYS_MAX: i64 = 3_650;
/// Stocks that a search finds at most.
const HITS_MAX: i64 = 20;
/// The longest text to search for, in characters.
const SEARCH_LENGTH_MAX: usize = 50;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(external_quote))
        .routes(routes!(external_history))
        .routes(routes!(external_search))
        .routes(routes!(external_profile))
}

/// An answer in a provider's shape.
#[derive(Serialize, ToSchema)]
struct External {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// In the shape that the provider named by `source` has for it.
    #[schema(value_type = Object)]
    data: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<QuoteMeta>,
}

impl External {
    fn new(data: impl Into<Value>) -> Self {
        Self { success: true, data: data.into(), meta: None }
    }
}

/// How old a price is, and where it comes from.
#[derive(Serialize, ToSchema)]
struct QuoteMeta {
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// Whether there should be a newer one.
    #[schema(example = false)]
    stale: bool,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
}

/// In whose shape the answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    AlphaVantage,
    FinancialModelingPrep,
}

impl Shape {
    fn read(query: &Query) -> Result<Self, Problem> {
        match query.find("source").unwrap_or("alphavantage") {
            "alphavantage" => Ok(Self::AlphaVantage),
            "fmp" => Ok(Self::FinancialModelingPrep),
            _ => Err(Problem::field("source", "The selected source is invalid.")),
        }
    }
}

/// The present price of a stock of the game.
///
/// `source=fmp` writes numbers, `source=alphavantage` (the default) texts, as those providers do.
#[utoipa::path(get, path = "/api/external/stocks/quote/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is none."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "Nobody has told a price of it yet.")))]
async fn external_quote(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    Segment(symbol): Segment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (shape, stock) = (Shape::read(&query)?, load_tradable(&state, &symbol).await?);
    let present = state.prices.snapshot();
    let position = state.prices.position(stock.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let is_halted = position.is_some_and(|position| present.halt(position).is_some());
    let Some(quote) = quote else { return Err(no_data("No data returned from provider")) };
    let now = state.clock.now();
    let age_max_s = state.rules.quote_age_max_s;
    let stale = is_halted || state.market.is_stale(quote.as_of, now, age_max_s);
    if let Some(lookups) = &state.lookups
        && lookups.should_refresh(stock.stock_id, quote.as_of, now)
    {
        hurry(&state, stock.stock_id, now).await;
    }
    let mut answer = External::new(quote_in(shape, &stock.symbol, &quote));
    let (as_of, source) = (quote.as_of.to_string(), present.source.as_str());
    answer.meta = Some(QuoteMeta { as_of, stale, source });
    Ok(etag::private(&headers, &answer))
}

/// The daily closes of a stock of the game, up to its market's last public day.
///
/// `source=fmp` gives a list, `source=alphavantage` (the default) an object by day. Where only the
/// close of a day is known, open, high and low are `null`.
#[utoipa::path(get, path = "/api/external/stocks/history/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`"),
        ("days" = Option<i64>, Query, description = "Calendar days, 30 unless said otherwise, at \
            most 3650", example = 30)),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is none."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "Nothing is known of these days.")))]
async fn external_history(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    Segment(symbol): Segment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (shape, stock) = (Shape::read(&query)?, load_tradable(&state, &symbol).await?);
    let days = query.lenient_integer("days").unwrap_or(HISTORY_DAYS).clamp(0, HISTORY_DAYS_MAX);
    let to = last_public_day(&state.prices.snapshot());
    let from = Day(to.0.saturating_sub(i32::try_from(days).unwrap_or(0)));
    let closes = state.stock_history(stock.stock_id, from, to).await?;
    if closes.is_empty() {
        return Err(no_data("No history available"));
    }
    Ok(etag::private(&headers, &External::new(history_in(shape, &stock.symbol, &closes))))
}

/// Stocks whose symbol or name has a text: those of the game first, then those that providers know.
#[utoipa::path(get, path = "/api/external/stocks/search", tag = "external",
    security(("bearer" = [])),
    params(("q" = String, Query, description = "1 to 50 characters", example = "apple"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is none.")))]
async fn external_search(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let shape = Shape::read(&query)?;
    let text = text_of(query.find("q").unwrap_or_default(), TextKind::Search, "q");
    let text = text.map_err(|error| Problem::field("q", error))?;
    if text.is_empty() {
        return Err(Problem::field("q", "Query parameter \"q\" is required"));
    }
    if text.chars().count() > SEARCH_LENGTH_MAX {
        return Err(Problem::field("q", "The q field must not be greater than 50 characters."));
    }
    let page = PageRequest::clamped(1, HITS_MAX, HITS_MAX);
    let (stocks, _) = state.store.stocks_page(None, Some(&text), page).await?;
    let told = state.lookups.as_ref().and_then(|lookups| lookups.search(&text));
    let own = stocks.iter().map(|stock| own_hit(&state, stock));
    let others = told.iter().flat_map(|hits| hits.iter()).filter(|hit| {
        !stocks.iter().any(|stock| hit.symbol.eq_ignore_ascii_case(stock.symbol.as_str()))
    });
    let limit = usize::try_from(HITS_MAX).unwrap_or(0);
    let hits = own.chain(others.cloned()).take(limit);
    let rows: Vec<Value> = hits.map(|hit| hit_in(shape, hit)).collect();
    Ok(etag::private(&headers, &External::new(rows)))
}

/// What the company behind a stock of the game does.
#[utoipa::path(get, path = "/api/external/stocks/profile/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is none."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it.")))]
async fn external_profile(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
    Segment(symbol): Segment,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let stock = load_tradable(&state, &symbol).await?;
    let told = state.lookups.as_ref().and_then(|lookups| lookups.profile(&stock.symbol));
    let present = state.prices.snapshot();
    let position = state.prices.position(stock.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let data = profile_of(&state, &stock, told.as_deref(), quote);
    Ok(etag::private(&headers, &External::new(data)))
}

/// The stock, if its symbol is one and the game trades it. Checked before anybody is asked.
async fn load_tradable(state: &AppState, symbol: &str) -> Result<StockRow, Problem> {
    let Ok(symbol) = Symbol::parse(symbol) else {
        return Err(Problem::new(&codes::VALIDATION_FAILED, "Invalid stock symbol format"));
    };
    let stock = match state.prices.find(&symbol) {
        Some(_) => state.store.find_stock(&symbol).await?,
        None => None,
    };
    stock.ok_or_else(|| Problem::new(&codes::NOT_FOUND, "Symbol not available for trading"))
}

fn no_data(message: &'static str) -> Problem {
    Problem::new(&codes::NO_MARKET_DATA, message)
}

/// Lets a price that is old be asked for before its turn; when that cannot be noted, it has its
/// turn.
async fn hurry(state: &AppState, stock_id: i64, now: UnixMicros) {
    if let Err(error) = state.store.expedite_quote(stock_id, now.plus_seconds(-60)).await {
        tracing::debug!(%error, "a stock could not be hurried");
    }
}

fn quote_in(shape: Shape, symbol: &Symbol, quote: &StockQuote) -> Value {
    let change = Price(quote.price.0 - quote.previous_close.0);
    let mut data = Map::new();
    data.insert("symbol".to_owned(), symbol.as_str().into());
    match shape {
        Shape::AlphaVantage => {
            // Four places, as that provider writes them.
            let percent = numbers::percent_to(quote.change(), 4);
            data.insert("price".to_owned(), padded_price(quote.price).into());
            data.insert("change".to_owned(), padded_price(change).into());
            data.insert("change_percent".to_owned(), format!("{percent}%").into());
        }
        Shape::FinancialModelingPrep => {
            data.insert("price".to_owned(), json_number(&padded_price(quote.price)));
            data.insert("volume".to_owned(), Value::Null);
            data.insert("change".to_owned(), json_number(&padded_price(change)));
            let percent = numbers::percent(quote.change());
            data.insert("changesPercentage".to_owned(), json_number(&percent));
        }
    }
    Value::Object(data)
}

fn history_in(shape: Shape, symbol: &Symbol, closes: &[(Day, Price)]) -> Value {
    match shape {
        Shape::AlphaVantage => {
            let day = |(day, close): &(Day, Price)| {
                let mut bar = Map::new();
                for name in ["1. open", "2. high", "3. low"] {
                    bar.insert(name.to_owned(), Value::Null);
                }
                bar.insert("4. close".to_owned(), padded_price(*close).into());
                bar.insert("5. volume".to_owned(), Value::Null);
                (day.to_string(), Value::Object(bar))
            };
            Value::Object(closes.iter().map(day).collect())
        }
        Shape::FinancialModelingPrep => {
            let day = |(day, close): &(Day, Price)| {
                let mut bar = Map::new();
                bar.insert("symbol".to_owned(), symbol.as_str().into());
                bar.insert("date".to_owned(), day.to_string().into());
                for name in ["open", "high", "low"] {
                    bar.insert(name.to_owned(), Value::Null);
                }
                bar.insert("close".to_owned(), json_number(&padded_price(*close)));
                bar.insert("volume".to_owned(), Value::Null);
                Value::Object(bar)
            };
            // Newest first, as that provider gives them.
            Value::Array(closes.iter().rev().map(day).collect())
        }
    }
}

fn own_hit(state: &AppState, stock: &StockRow) -> SearchHit {
    SearchHit {
        symbol: stock.symbol.to_string(),
        name: stock.name.clone(),
        kind: Some("Equity".to_owned()),
        region: None,
        exchange: None,
        currency: Some(state.rules.currency.code().to_owned()),
    }
}

fn hit_in(shape: Shape, hit: SearchHit) -> Value {
    let SearchHit { symbol, name, kind, region, exchange, currency } = hit;
    let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
    let members = match shape {
        Shape::AlphaVantage => vec![
            ("1. symbol", Value::from(symbol)),
            ("2. name", name.into()),
            ("3. type", text(kind)),
            ("4. region", text(region)),
            ("8. currency", text(currency)),
        ],
        Shape::FinancialModelingPrep => vec![
            ("symbol", Value::from(symbol)),
            ("name", name.into()),
            ("currency", text(currency)),
            ("stockExchange", text(exchange.clone())),
            ("exchangeShortName", text(exchange)),
        ],
    };
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn profile_of(
    state: &AppState,
    stock: &StockRow,
    told: Option<&CompanyProfile>,
    quote: Option<StockQuote>,
) -> Value {
    let text = |text: Option<&String>| text.map_or(Value::Null, |text| text.as_str().into());
    let told_text = |read: fn(&CompanyProfile) -> &Option<String>| {
        text(told.and_then(|told| read(told).as_ref()))
    };
    let own = |told: Value, own: &str| if told.is_null() { own.into() } else { told };
    let price = quote.map_or(Value::Null, |quote| json_number(&padded_price(quote.price)));
    let change = quote.map(|quote| Price(quote.price.0 - quote.previous_close.0));
    let change = change.map_or(Value::Null, |change| json_number(&padded_price(change)));
    // Prices are in the currency itself where the provider quotes them in hundredths of it.
    let currency = told.and_then(|told| PriceUnit::parse(told.currency.as_deref()?));
    let currency = currency.map(|unit| Value::from(unit.currency)).unwrap_or_default();
    let currency = own(currency, state.rules.currency.code());
    let members = [
        ("symbol", Value::from(stock.symbol.as_str())),
        ("price", price),
        ("changes", change),
        ("companyName", told.map_or(stock.name.as_str(), |told| &told.name).into()),
        ("currency", currency),
        ("exchangeShortName", told_text(|told| &told.exchange)),
        ("industry", told_text(|told| &told.industry)),
        ("website", told_text(|told| &told.website)),
        ("description", own(told_text(|told| &told.description), &stock.description)),
        ("sector", own(told_text(|told| &told.sector), &stock.category)),
        ("country", told_text(|told| &told.country)),
    ];
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(price: i64, previous_close: i64) -> StockQuote {
        let previous_close = Price(previous_close);
        StockQuote { price: Price(price), previous_close, as_of: UnixMicros(0) }
    }

    #[test]
    fn a_quote_is_written_as_each_provider_writes_it() {
        let symbol = Symbol::parse("AAPL").unwrap();
        let (up, down) = (quote(1_912_400, 1_899_500), quote(9_950, 10_000));
        let text = |shape, quote| serde_json::to_string(&quote_in(shape, &symbol, quote)).unwrap();
        assert_eq!(
            text(Shape::AlphaVantage, &up),
            r#"{"change":"1.2900","change_percent":"0.6791%","price":"191.2400","symbol":"AAPL"}"#
        );
        assert_eq!(
            text(Shape::FinancialModelingPrep, &down),
            r#"{"change":-0.005,"changesPercentage":-0.5,"price":0.995,"symbol":"AAPL","volume":null}"#
        );
    }

    #[test]
    fn nothing_is_divided_by_a_close_of_nothing() {
        assert_eq!(numbers::percent_to(quote(100, 0).change(), 4), "0.0000");
    }
}
