//! Twelve Data. It says no in the body, with the same status or with 200. Its company profiles are
//! not on the free plan.
//!
//! <https://twelvedata.com/docs>

use std::sync::Arc;

use domain::{Clock, Day, Secret, Symbol};
use reqwest::Url;
use serde::Deserialize;

use super::answer::{self, Made, Told, ToldBar};
use super::http::{self, Http};
use super::number::Literal;
use super::{
    Asked, CompanyProfile, History, ProviderKind, ProviderQuote, QuoteProvider, Refusal, SearchHit,
    Window,
};

/// The adapter.
pub(super) struct TwelveData {
    pub(super) http: Http,
    pub(super) base: Url,
    pub(super) key: Secret,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for TwelveData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TwelveData")
    }
}

impl TwelveData {
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Refusal> {
        let header = http::key_header("Authorization", "apikey ", &self.key);
        let reply = self.http.get(http::address(&self.base, &[path], query), header).await?;
        let object = answer::object(&reply.body);
        let is_error =
            |one: &answer::Object| answer::text(one, "status").as_deref() == Some("error");
        if let Some(object) = object.filter(is_error) {
            let code =
                object.get("code").and_then(|code| code.get().trim_matches('"').parse().ok());
            let code = code.unwrap_or(reply.status.as_u16());
            let text = answer::text(&object, "message").unwrap_or_default();
            return Err(refusal(code, &text, reply.retry_after));
        }
        answer::refuse_status(&reply)?;
        Ok(reply.body)
    }
}

/// What it means when it says no.
fn refusal(code: u16, text: &str, retry_after: Option<std::time::Duration>) -> Refusal {
    match code {
        429 if text.contains("for the day") => {
            Refusal::RateLimited { window: Window::Day, retry_after }
        }
        429 => Refusal::RateLimited { window: Window::Minute, retry_after },
        401 => Refusal::AuthFailed,
        403 => Refusal::PlanRestricted { symbol_only: text.contains("symbol") },
        400 | 404 if text.contains("symbol") || text.contains("No data is available") => {
            Refusal::NotFound
        }
        404 => Refusal::NotFound,
        400 | 414 => Refusal::Malformed,
        _ => Refusal::Transient,
    }
}

impl QuoteProvider for TwelveData {
    fn kind(&self) -> ProviderKind {
        ProviderKind::TwelveData
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                symbol: String,
                close: Literal,
                #[serde(default)]
                previous_close: Literal,
                #[serde(default)]
                timestamp: Literal,
                #[serde(default)]
                last_quote_at: Literal,
                #[serde(default)]
                datetime: Literal,
                #[serde(default)]
                volume: Literal,
                #[serde(default)]
                currency: Literal,
            }
            let body = self.ask("quote", &[("symbol", symbol.as_str())]).await?;
            let told: Answer = answer::parse(&body)?;
            let day = told.datetime.text().and_then(|text| Day::parse(text.get(..10)?));
            // `timestamp` is when the day's session began; the price is as old as `last_quote_at`.
            let at = answer::seconds(&told.last_quote_at).or(answer::seconds(&told.timestamp));
            let made = at.map(Made::At).or(day.map(Made::On));
            let told = Told {
                symbol: Some(&told.symbol),
                price: &told.close,
                previous_close: told.previous_close.price(),
                made: made.ok_or(Refusal::Malformed)?,
                volume: told.volume.whole(),
                currency: told.currency.into_text(),
            };
            answer::quote(symbol, &told, self.clock.now())
        })
    }

    fn history<'a>(&'a self, symbol: &'a Symbol, from: Day, to: Day) -> Asked<'a, History> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                meta: Meta,
                values: Vec<Row>,
            }
            #[derive(Deserialize)]
            struct Meta {
                symbol: String,
                #[serde(default)]
                currency: Literal,
            }
            #[derive(Deserialize)]
            struct Row {
                datetime: String,
                #[serde(default)]
                open: Literal,
                #[serde(default)]
                high: Literal,
                #[serde(default)]
                low: Literal,
                close: Literal,
                #[serde(default)]
                volume: Literal,
            }
            // The end is not included.
            let (first, after) = (from.to_string(), Day(to.0.saturating_add(1)).to_string());
            let query = [
                ("symbol", symbol.as_str()),
                ("interval", "1day"),
                ("start_date", &*first),
                ("end_date", &*after),
                ("order", "ASC"),
                ("outputsize", "5000"),
            ];
            let body = self.ask("time_series", &query).await?;
            let told: Answer = answer::parse(&body)?;
            if !told.meta.symbol.eq_ignore_ascii_case(symbol.as_str()) {
                return Err(Refusal::Malformed);
            }
            let bars = told.values.iter().map(|row| {
                let Row { datetime: day, open, high, low, close, volume } = row;
                ToldBar { day, open, high, low, close, volume }.read()
            });
            let currency = told.meta.currency.into_text();
            answer::history(bars, currency.as_deref(), (from, to), self.clock.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> Asked<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                data: Vec<Hit>,
            }
            #[derive(Deserialize)]
            struct Hit {
                symbol: String,
                instrument_name: String,
                #[serde(default)]
                instrument_type: Literal,
                #[serde(default)]
                country: Literal,
                #[serde(default)]
                exchange: Literal,
                #[serde(default)]
                currency: Literal,
            }
            let body = self.ask("symbol_search", &[("symbol", text)]).await?;
            let hits = answer::parse::<Answer>(&body)?.data.into_iter().map(|hit| SearchHit {
                symbol: hit.symbol,
                name: hit.instrument_name,
                kind: hit.instrument_type.into_text(),
                region: hit.country.into_text(),
                exchange: hit.exchange.into_text(),
                currency: hit.currency.into_text(),
            });
            Ok(hits.collect())
        })
    }

    fn profile<'a>(&'a self, _: &'a Symbol) -> Asked<'a, CompanyProfile> {
        Box::pin(async { Err(Refusal::Unsupported) })
    }
}
