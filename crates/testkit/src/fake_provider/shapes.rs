//! The responses of the fake provider in the documented format of each provider, with shortened
//! texts of their errors.

use std::fmt::Write as _;

use domain::Day;

use super::{Dialect, FakeMode, State, Stock};

#[derive(Debug)]
pub(super) struct ProviderRequest {
    kind: RequestKind,
    /// The stock, or the text of a search.
    subject: String,
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestKind {
    Quote,
    History,
    Search,
    Profile,
    Unknown,
}

impl ProviderRequest {
    pub(super) fn parse(dialect: Dialect, target: &str, head: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut found =
                pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
            found.next_back().unwrap_or_default()
        };
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let function = value("function");
        let (kind, subject, key) = match dialect {
            Dialect::AlphaVantage => match function.as_str() {
                "GLOBAL_QUOTE" => (RequestKind::Quote, value("symbol"), value("apikey")),
                "TIME_SERIES_DAILY" => (RequestKind::History, value("symbol"), value("apikey")),
                "SYMBOL_SEARCH" => (RequestKind::Search, value("keywords"), value("apikey")),
                "OVERVIEW" => (RequestKind::Profile, value("symbol"), value("apikey")),
                _ => (RequestKind::Unknown, String::new(), value("apikey")),
            },
            Dialect::FinancialModelingPrep => match path {
                "/stable/quote" => (RequestKind::Quote, value("symbol"), header("apikey")),
                "/stable/historical-price-eod/full" => {
                    (RequestKind::History, value("symbol"), header("apikey"))
                }
                "/stable/search-symbol" => (RequestKind::Search, value("query"), header("apikey")),
                "/stable/profile" => (RequestKind::Profile, value("symbol"), header("apikey")),
                _ => (RequestKind::Unknown, String::new(), String::new()),
            },
            Dialect::Finnhub => match path {
                "/api/v1/quote" => (RequestKind::Quote, value("symbol"), header("X-Finnhub-Token")),
                "/api/v1/search" => (RequestKind::Search, value("q"), header("X-Finnhub-Token")),
                "/api/v1/stock/profile2" => {
                    (RequestKind::Profile, value("symbol"), header("X-Finnhub-Token"))
                }
                _ => (RequestKind::Unknown, String::new(), String::new()),
            },
            Dialect::TwelveData => match path {
                "/quote" => (RequestKind::Quote, value("symbol"), header("Authorization")),
                "/time_series" => (RequestKind::History, value("symbol"), header("Authorization")),
                "/symbol_search" => (RequestKind::Search, value("symbol"), header("Authorization")),
                _ => (RequestKind::Unknown, String::new(), String::new()),
            },
        };
        Self { kind, subject, key }
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

/// A regular response, changed as `mode` requires.
pub(super) fn healthy(state: &State, request: &ProviderRequest, mode: &FakeMode) -> String {
    let other = "OTHER".to_owned();
    let symbol = if *mode == FakeMode::WrongSymbol { &other } else { &request.subject };
    let stock = state.stocks.get(&request.subject);
    match (request.kind, stock) {
        (RequestKind::Search, _) => search(state, &request.subject),
        (RequestKind::Quote, Some(stock)) => {
            quote(state.dialect, symbol, &changed(stock, mode), mode)
        }
        (RequestKind::History, Some(stock)) if !stock.bars.is_empty() => {
            history(state.dialect, symbol, stock)
        }
        (RequestKind::Profile, Some(stock)) => profile(state.dialect, symbol, stock),
        (kind, _) => unknown(state.dialect, kind),
    }
}

fn changed(stock: &Stock, mode: &FakeMode) -> Stock {
    let mut stock = stock.clone();
    match mode {
        FakeMode::Price(text) => (*text).clone_into(&mut stock.price),
        FakeMode::Shifted(seconds) => stock.made_at = stock.made_at.plus_seconds(*seconds),
        _ => {}
    }
    stock
}

fn quote(dialect: Dialect, symbol: &str, stock: &Stock, mode: &FakeMode) -> String {
    let (price, at) = (&stock.price, stock.made_at.seconds());
    // The winter time of New York, in which the tests take place.
    let day = Day(i32::try_from((at - 5 * 3_600).div_euclid(86_400)).unwrap_or(0));
    // A price that is no JSON string.
    let bare = matches!(mode, FakeMode::Price("null"));
    let quoted = if bare { price.clone() } else { format!("\"{price}\"") };
    match dialect {
        Dialect::AlphaVantage => format!(
            r#"{{"Global Quote":{{"01. symbol":"{symbol}","02. open":"{price}","03. high":"{price}","04. low":"{price}","05. price":{quoted},"06. volume":"1234567","07. latest trading day":"{day}","08. previous close":"101.0000","09. change":"1.4000","10. change percent":"1.3861%"}}}}"#
        ),
        Dialect::FinancialModelingPrep => format!(
            r#"[{{"symbol":"{symbol}","name":"{}","price":{price},"changePercentage":1.3861,"change":1.4,"volume":1234567,"dayLow":100.9,"dayHigh":103.05,"yearHigh":120.5,"yearLow":80.1,"marketCap":1234000000,"exchange":"NASDAQ","open":101.2,"previousClose":101,"timestamp":{at}}}]"#,
            stock.name
        ),
        Dialect::Finnhub => format!(
            r#"{{"c":{price},"d":1.4,"dp":1.3861,"h":103.05,"l":100.9,"o":101.2,"pc":101.0,"t":{at}}}"#
        ),
        Dialect::TwelveData => format!(
            r#"{{"symbol":"{symbol}","name":"{}","exchange":"NASDAQ","mic_code":"XNGS","currency":"USD","datetime":"{day}","timestamp":{at},"open":"101.20000","high":"103.05000","low":"100.90000","close":{quoted},"volume":"1234567","previous_close":"101.00000","change":"1.40000","percent_change":"1.38614","is_market_open":false}}"#,
            stock.name
        ),
    }
}

fn history(dialect: Dialect, symbol: &str, stock: &Stock) -> String {
    let mut rows = Vec::new();
    // Newest first, the default of all providers.
    for bar in stock.bars.iter().rev() {
        let ([open, high, low, close], day, volume) = (bar.prices, bar.day, bar.volume);
        rows.push(match dialect {
            Dialect::AlphaVantage => format!(
                r#""{day}":{{"1. open":"{open}","2. high":"{high}","3. low":"{low}","4. close":"{close}","5. volume":"{volume}"}}"#
            ),
            Dialect::TwelveData => format!(
                r#"{{"datetime":"{day}","open":"{open}","high":"{high}","low":"{low}","close":"{close}","volume":"{volume}"}}"#
            ),
            _ => format!(
                r#"{{"symbol":"{symbol}","date":"{day}","open":{open},"high":{high},"low":{low},"close":{close},"volume":{volume},"change":1.2,"changePercent":1.1858,"vwap":{close}}}"#
            ),
        });
    }
    let rows = rows.join(",");
    match dialect {
        Dialect::AlphaVantage => format!(
            r#"{{"Meta Data":{{"2. Symbol":"{symbol}","4. Output Size":"Compact","5. Time Zone":"US/Eastern"}},"Time Series (Daily)":{{{rows}}}}}"#
        ),
        Dialect::TwelveData => format!(
            r#"{{"meta":{{"symbol":"{symbol}","interval":"1day","currency":"USD","exchange_timezone":"America/New_York","exchange":"NASDAQ","mic_code":"XNGS","type":"Common Stock"}},"values":[{rows}],"status":"ok"}}"#
        ),
        _ => format!("[{rows}]"),
    }
}

fn search(state: &State, text: &str) -> String {
    let mut rows = String::new();
    for (symbol, Stock { name, .. }) in &state.stocks {
        if !symbol.contains(&text.to_uppercase()) {
            continue;
        }
        if !rows.is_empty() {
            rows.push(',');
        }
        let written = match state.dialect {
            Dialect::AlphaVantage => write!(
                rows,
                r#"{{"1. symbol":"{symbol}","2. name":"{name}","3. type":"Equity","4. region":"United States","8. currency":"USD","9. matchScore":"0.8889"}}"#
            ),
            Dialect::FinancialModelingPrep => write!(
                rows,
                r#"{{"symbol":"{symbol}","name":"{name}","currency":"USD","exchangeFullName":"NASDAQ Global Select","exchange":"NASDAQ"}}"#
            ),
            Dialect::Finnhub => write!(
                rows,
                r#"{{"description":"{name}","displaySymbol":"{symbol}","symbol":"{symbol}","type":"Common Stock"}}"#
            ),
            Dialect::TwelveData => write!(
                rows,
                r#"{{"symbol":"{symbol}","instrument_name":"{name}","exchange":"NASDAQ","mic_code":"XNGS","instrument_type":"Common Stock","country":"United States","currency":"USD"}}"#
            ),
        };
        written.expect("memory");
    }
    match state.dialect {
        Dialect::AlphaVantage => format!(r#"{{"bestMatches":[{rows}]}}"#),
        Dialect::FinancialModelingPrep => format!("[{rows}]"),
        Dialect::Finnhub => format!(r#"{{"count":1,"result":[{rows}]}}"#),
        Dialect::TwelveData => format!(r#"{{"data":[{rows}],"status":"ok"}}"#),
    }
}

fn profile(dialect: Dialect, symbol: &str, stock: &Stock) -> String {
    let name = &stock.name;
    match dialect {
        Dialect::AlphaVantage => format!(
            r#"{{"Symbol":"{symbol}","AssetType":"Common Stock","Name":"{name}","Description":"Makes demonstration goods.","Exchange":"NYSE","Currency":"USD","Country":"USA","Sector":"TECHNOLOGY","Industry":"SOFTWARE","MarketCapitalization":"1234000000","PERatio":"None"}}"#
        ),
        Dialect::FinancialModelingPrep => format!(
            r#"[{{"symbol":"{symbol}","price":102.4,"companyName":"{name}","currency":"USD","exchange":"NASDAQ","industry":"Software - Application","website":"https://example.com","description":"Makes demonstration goods.","sector":"Technology","country":"US","fullTimeEmployees":"1000"}}]"#
        ),
        _ => format!(
            r#"{{"country":"US","currency":"USD","exchange":"NASDAQ NMS - GLOBAL MARKET","finnhubIndustry":"Technology","marketCapitalization":1234.0,"name":"{name}","ticker":"{symbol}","weburl":"https://example.com/"}}"#
        ),
    }
}

fn unknown(dialect: Dialect, kind: RequestKind) -> String {
    match (dialect, kind) {
        (Dialect::AlphaVantage, RequestKind::Quote) => r#"{"Global Quote":{}}"#,
        (Dialect::AlphaVantage, RequestKind::History) => {
            r#"{"Error Message":"Invalid API call. Please retry or visit the documentation"}"#
        }
        (Dialect::FinancialModelingPrep, _) => "[]",
        (Dialect::Finnhub, RequestKind::Quote) => {
            r#"{"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0}"#
        }
        (Dialect::TwelveData, _) => {
            r#"{"code":404,"message":"**symbol** or **figi** parameter is missing or invalid","status":"error"}"#
        }
        _ => "{}",
    }
    .to_owned()
}

/// Status and body of an error in the dialect's own way.
pub(super) fn refusal(
    dialect: Dialect,
    request: &ProviderRequest,
    mode: &FakeMode,
) -> (u16, String) {
    let key = &request.key;
    let about_day = *mode == FakeMode::QuotaDay;
    match (dialect, mode) {
        (Dialect::AlphaVantage, FakeMode::KeyRefused) => (200, format!(
            r#"{{"Error Message":"the parameter apikey is invalid or missing: {key}"}}"#)),
        (Dialect::AlphaVantage, FakeMode::PlanRestricted) => {
            (200, r#"{"Information":"Thank you! This is a premium endpoint."}"#.to_owned())
        }
        (Dialect::AlphaVantage, FakeMode::QuotaSecond) => (200, r#"{"Information":"Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to lift the free key rate limit (25 requests per day)"}"#.to_owned()),
        (Dialect::AlphaVantage, FakeMode::QuotaMinute) => (200, r#"{"Note":"Our standard API call frequency is 5 calls per minute and 500 calls per day."}"#.to_owned()),
        (Dialect::AlphaVantage, _) => (200, format!(
            r#"{{"Information":"We have detected your API key as {key} and our standard API rate limit is 25 requests per day."}}"#)),
        (Dialect::FinancialModelingPrep, FakeMode::KeyRefused) => (401, format!(
            r#"{{"Error Message":"Invalid API KEY {key}. Feel free to create a Free API Key."}}"#)),
        (Dialect::FinancialModelingPrep, FakeMode::PlanRestricted) => (403, r#"{"Error Message":"Exclusive Endpoint : This endpoint is not available under your current subscription agreement"}"#.to_owned()),
        (Dialect::FinancialModelingPrep, _) => (200, r#"{"Error Message":"Limit Reach . Please upgrade your plan"}"#.to_owned()),
        (Dialect::Finnhub, FakeMode::KeyRefused) => {
            (401, format!(r#"{{"error":"Invalid API key {key}"}}"#))
        }
        (Dialect::Finnhub, FakeMode::PlanRestricted) => {
            (403, r#"{"error":"You don't have access to this resource."}"#.to_owned())
        }
        (Dialect::Finnhub, _) => (429, r#"{"error":"API limit reached. Please try again later. Remaining Limit: 0"}"#.to_owned()),
        (Dialect::TwelveData, FakeMode::KeyRefused) => (401, format!(
            r#"{{"code":401,"message":"**apikey** parameter is incorrect or not specified: {key}","status":"error"}}"#)),
        (Dialect::TwelveData, FakeMode::PlanRestricted) => (403, r#"{"code":403,"message":"This is available starting with the Grow plan","status":"error"}"#.to_owned()),
        (Dialect::TwelveData, _) => {
            let span = if about_day { "for the day." } else { "for the current minute." };
            (200, format!(
                r#"{{"code":429,"message":"You have run out of API credits {span}","status":"error"}}"#))
        }
    }
}
