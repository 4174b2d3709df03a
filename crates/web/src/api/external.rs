//! Quotes, history, search and profiles in the response formats of two providers, as in the
//! original API. No request waits for a provider: quotes and history are those of the game, and in
//! a live market an old quote is refreshed in the background.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::text::TextKind;
use domain::{Day, PageRequest, Price, Symbol, UnixMicros};
use market::{CompanyProfile, PriceUnit, SearchHit, StockQuote};
use serde::Serialize;
use serde_json::{Value, json};
use store::StockRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::sessions::PlayerSession;
use crate::game::numbers::{self, json_number, padded_price};
use crate::game::stocks::last_public_day;
use crate::http::etag;
use crate::http::input::text_of;
use crate::http::limits;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// The default and the maximum number of days of history.
const HISTORY_DAYS: i64 = 30;
const HISTORY_DAYS_MAX: i64 = 3_650;
/// The maximum number of search results.
const HITS_MAX: i64 = 20;
/// The longest search text, in characters.
const SEARCH_LENGTH_MAX: usize = 50;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(external_quote))
        .routes(routes!(external_history))
        .routes(routes!(external_search))
        .routes(routes!(external_profile))
}

/// A response in the format of a provider.
#[derive(Serialize, ToSchema)]
struct External {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// In the format of the provider named by `source`.
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

/// The age and the source of a price.
#[derive(Serialize, ToSchema)]
struct QuoteMeta {
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
    /// Whether the price is too old.
    #[schema(example = false)]
    stale: bool,
    /// `replay`, `simulated`, `fixed` or `live`.
    #[schema(example = "replay")]
    source: &'static str,
}

/// The provider whose format the response has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    AlphaVantage,
    FinancialModelingPrep,
}

impl Format {
    fn parse(query: &Query) -> Result<Self, Problem> {
        match query.find("source").unwrap_or("alphavantage") {
            "alphavantage" => Ok(Self::AlphaVantage),
            "fmp" => Ok(Self::FinancialModelingPrep),
            _ => Err(Problem::field("source", "The selected source is invalid.")),
        }
    }
}

/// The current price of a stock of the game.
///
/// `source=fmp` returns numbers, `source=alphavantage` (the default) strings, as those providers
/// do.
#[utoipa::path(get, path = "/api/external/stocks/quote/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "There is no price yet.")))]
async fn external_quote(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (format, stock) = (Format::parse(&query)?, load_tradable(&state, &symbol).await?);
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
        expedite(&state, stock.stock_id, now).await;
    }
    let mut response = External::new(quote_in(format, &stock.symbol, &quote));
    let (as_of, source) = (quote.as_of.to_string(), present.source.as_str());
    response.meta = Some(QuoteMeta { as_of, stale, source });
    Ok(etag::private(&headers, &response))
}

/// The daily closes of a stock of the game, up to its market's last public day.
///
/// `source=fmp` returns a list, `source=alphavantage` (the default) an object by day. Open, high
/// and low are `null`.
#[utoipa::path(get, path = "/api/external/stocks/history/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`"),
        ("days" = Option<i64>, Query, description = "Calendar days, 30 by default, at most \
            3650", example = 30)),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it."),
        (status = 502, body = Problem, content_type = "application/problem+json",
            description = "There is no history of these days.")))]
async fn external_history(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let (format, stock) = (Format::parse(&query)?, load_tradable(&state, &symbol).await?);
    let days = query.lenient_integer("days").unwrap_or(HISTORY_DAYS).clamp(0, HISTORY_DAYS_MAX);
    let to = last_public_day(&state.prices.snapshot());
    let from = Day(to.0.saturating_sub(i32::try_from(days).unwrap_or(0)));
    let closes = state.stock_history(stock.stock_id, from, to).await?;
    if closes.is_empty() {
        return Err(no_data("No history available"));
    }
    Ok(etag::private(&headers, &External::new(history_in(format, &stock.symbol, &closes))))
}

/// Stocks whose symbol or name contains a text: those of the game first, then those of providers.
#[utoipa::path(get, path = "/api/external/stocks/search", tag = "external",
    security(("bearer" = [])),
    params(("q" = String, Query, description = "1 to 50 characters", example = "apple"),
        ("source" = Option<String>, Query, description = "`alphavantage` or `fmp`")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed.")))]
async fn external_search(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let format = Format::parse(&query)?;
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
    let found = state.lookups.as_ref().and_then(|lookups| lookups.search(&text));
    let own = stocks.iter().map(|stock| own_hit(&state, stock));
    let others = found.iter().flat_map(|hits| hits.iter()).filter(|hit| {
        !stocks.iter().any(|stock| hit.symbol.eq_ignore_ascii_case(stock.symbol.as_str()))
    });
    let limit = usize::try_from(HITS_MAX).unwrap_or(0);
    let hits = own.chain(others.cloned()).take(limit);
    let rows: Vec<Value> = hits.map(|hit| hit_in(format, hit)).collect();
    Ok(etag::private(&headers, &External::new(rows)))
}

/// The profile of the company of a stock of the game.
#[utoipa::path(get, path = "/api/external/stocks/profile/{symbol}", tag = "external",
    security(("bearer" = [])),
    params(("symbol" = String, Path, example = "AAPL")),
    responses((status = 200, body = External),
        (status = 422, body = Problem, content_type = "application/problem+json",
            description = "A parameter or the symbol is malformed."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The game does not trade it.")))]
async fn external_profile(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(symbol): PathSegment,
) -> Result<Response, Problem> {
    limits::count_external(&state, player.user_id).await?;
    let stock = load_tradable(&state, &symbol).await?;
    let found = state.lookups.as_ref().and_then(|lookups| lookups.profile(&stock.symbol));
    let present = state.prices.snapshot();
    let position = state.prices.position(stock.stock_id);
    let quote = position.and_then(|position| present.quote(position));
    let data = profile_of(&state, &stock, found.as_deref(), quote);
    Ok(etag::private(&headers, &External::new(data)))
}

/// The stock with this symbol, if the game trades it.
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

/// Schedules the refresh of an old quote before its turn.
async fn expedite(state: &AppState, stock_id: i64, now: UnixMicros) {
    if let Err(error) = state.store.expedite_quote(stock_id, now.plus_seconds(-60)).await {
        tracing::debug!(stock_id, %error, "expediting a quote failed; it is refreshed in its turn");
    }
}

fn quote_in(format: Format, symbol: &Symbol, quote: &StockQuote) -> Value {
    let change = padded_price(Price(quote.price.0 - quote.previous_close.0));
    let (symbol, price) = (symbol.as_str(), padded_price(quote.price));
    match format {
        Format::AlphaVantage => {
            // Four places, as that provider writes them.
            let percent = numbers::percent_to(quote.change(), 4);
            let change_percent = format!("{percent}%");
            json!({
                "symbol": symbol, "price": price, "change": change,
                "change_percent": change_percent,
            })
        }
        Format::FinancialModelingPrep => json!({
            "symbol": symbol, "price": json_number(&price), "volume": null,
            "change": json_number(&change),
            "changesPercentage": json_number(&numbers::percent(quote.change())),
        }),
    }
}

fn history_in(format: Format, symbol: &Symbol, closes: &[(Day, Price)]) -> Value {
    match format {
        Format::AlphaVantage => {
            let day = |(day, close): &(Day, Price)| {
                let bar = json!({
                    "1. open": null, "2. high": null, "3. low": null,
                    "4. close": padded_price(*close), "5. volume": null,
                });
                (day.to_string(), bar)
            };
            Value::Object(closes.iter().map(day).collect())
        }
        Format::FinancialModelingPrep => {
            let day = |(day, close): &(Day, Price)| {
                json!({
                    "symbol": symbol.as_str(), "date": day.to_string(),
                    "open": null, "high": null, "low": null,
                    "close": json_number(&padded_price(*close)), "volume": null,
                })
            };
            // Newest first, as that provider returns them.
            closes.iter().rev().map(day).collect()
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

fn hit_in(format: Format, hit: SearchHit) -> Value {
    let SearchHit { symbol, name, kind, region, exchange, currency } = hit;
    match format {
        Format::AlphaVantage => json!({
            "1. symbol": symbol, "2. name": name, "3. type": kind, "4. region": region,
            "8. currency": currency,
        }),
        Format::FinancialModelingPrep => json!({
            "symbol": symbol, "name": name, "currency": currency, "stockExchange": exchange,
            "exchangeShortName": exchange,
        }),
    }
}

/// The provider's profile, with the game's own texts where the provider has none.
fn profile_of(
    state: &AppState,
    stock: &StockRow,
    profile: Option<&CompanyProfile>,
    quote: Option<StockQuote>,
) -> Value {
    let text =
        |read: fn(&CompanyProfile) -> &Option<String>| profile.and_then(|p| read(p).as_ref());
    let number = |price| json_number(&padded_price(price));
    let price = quote.map(|quote| number(quote.price));
    let change = quote.map(|quote| number(Price(quote.price.0 - quote.previous_close.0)));
    // Prices are in the currency itself where the provider quotes them in hundredths of it.
    let unit = text(|p| &p.currency).and_then(|code| PriceUnit::parse(code));
    let currency = unit.map(|unit| Value::from(unit.currency));
    json!({
        "symbol": stock.symbol.as_str(),
        "price": price,
        "changes": change,
        "companyName": profile.map_or(&stock.name, |profile| &profile.name),
        "currency": currency.unwrap_or_else(|| state.rules.currency.code().into()),
        "exchangeShortName": text(|p| &p.exchange),
        "industry": text(|p| &p.industry),
        "website": text(|p| &p.website),
        "description": text(|p| &p.description).unwrap_or(&stock.description),
        "sector": text(|p| &p.sector).unwrap_or(&stock.category),
        "country": text(|p| &p.country),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(price: i64, previous_close: i64) -> StockQuote {
        let previous_close = Price(previous_close);
        StockQuote { price: Price(price), previous_close, as_of: UnixMicros(0) }
    }

    #[test]
    fn a_quote_has_the_format_of_each_provider() {
        let symbol = Symbol::parse("AAPL").unwrap();
        let (up, down) = (quote(1_912_400, 1_899_500), quote(9_950, 10_000));
        let text = |shape, quote| serde_json::to_string(&quote_in(format, &symbol, quote)).unwrap();
        assert_eq!(
            text(Format::AlphaVantage, &up),
            r#"{"change":"1.2900","change_percent":"0.6791%","price":"191.2400","symbol":"AAPL"}"#
        );
        assert_eq!(
            text(Format::FinancialModelingPrep, &down),
            r#"{"change":-0.005,"changesPercentage":-0.5,"price":0.995,"symbol":"AAPL","volume":null}"#
        );
    }

    #[test]
    fn a_previous_close_of_zero_is_no_division_by_zero() {
        assert_eq!(numbers::percent_to(quote(100, 0).change(), 4), "0.0000");
    }
}
