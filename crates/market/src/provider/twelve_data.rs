//! Adapter for Twelve Data. It reports errors in the body, with the same status or with 200; its
//! free plan has no company profiles.
//!
//! <https://twelvedata.com/docs>

use domain::{Day, Symbol};
use serde::Deserialize;

use super::http::ProviderConnection;
use super::number::JsonLiteral;
use super::response::{self, QuoteTime, RawBar, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

#[derive(Debug)]
pub(super) struct TwelveData(pub(super) ProviderConnection);

impl TwelveData {
    async fn fetch(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ProviderError> {
        let reply = self.0.get(&[path], query, ("Authorization", "apikey ")).await?;
        let object = response::object(&reply.body);
        let is_error =
            |one: &response::JsonObject| response::text(one, "status").as_deref() == Some("error");
        if let Some(object) = object.filter(is_error) {
            let code =
                object.get("code").and_then(|code| code.get().trim_matches('"').parse().ok());
            let code = code.unwrap_or(reply.status.as_u16());
            let text = response::text(&object, "message").unwrap_or_default();
            return Err(error(code, &text, reply.retry_after));
        }
        response::check_status(&reply)?;
        Ok(reply.body)
    }
}

fn error(code: u16, text: &str, retry_after: Option<std::time::Duration>) -> ProviderError {
    match code {
        429 if text.contains("for the day") => {
            ProviderError::RateLimited { window: QuotaWindow::Day, retry_after }
        }
        429 => ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after },
        401 => ProviderError::AuthFailed,
        403 => ProviderError::PlanRestricted { symbol_only: text.contains("symbol") },
        400 | 404 if text.contains("symbol") || text.contains("No data is available") => {
            ProviderError::NotFound
        }
        404 => ProviderError::NotFound,
        400 | 414 => ProviderError::Malformed,
        _ => ProviderError::Transient,
    }
}

impl QuoteProvider for TwelveData {
    fn kind(&self) -> ProviderKind {
        ProviderKind::TwelveData
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                symbol: String,
                close: JsonLiteral,
                #[serde(default)]
                previous_close: JsonLiteral,
                #[serde(default)]
                timestamp: JsonLiteral,
                #[serde(default)]
                last_quote_at: JsonLiteral,
                #[serde(default)]
                datetime: JsonLiteral,
                #[serde(default)]
                volume: JsonLiteral,
                #[serde(default)]
                currency: JsonLiteral,
            }
            let body = self.fetch("quote", &[("symbol", symbol.as_str())]).await?;
            let raw: ResponseBody = response::parse(&body)?;
            let day = raw.datetime.text().and_then(|text| Day::parse(text.get(..10)?));
            // `timestamp` is when the day's session began; the price is as old as `last_quote_at`.
            let at = response::seconds(&raw.last_quote_at).or(response::seconds(&raw.timestamp));
            let made = at.map(QuoteTime::At).or(day.map(QuoteTime::On));
            let raw = RawQuote {
                symbol: Some(&raw.symbol),
                price: &raw.close,
                previous_close: raw.previous_close.price(),
                made: made.ok_or(ProviderError::Malformed)?,
                volume: raw.volume.whole(),
                currency: raw.currency.into_text(),
            };
            response::quote(symbol, &raw, self.0.now())
        })
    }

    fn history<'a>(
        &'a self,
        symbol: &'a Symbol,
        from: Day,
        to: Day,
    ) -> ProviderFuture<'a, PriceHistory> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                meta: Meta,
                values: Vec<ResponseRow>,
            }
            #[derive(Deserialize)]
            struct Meta {
                symbol: String,
                #[serde(default)]
                currency: JsonLiteral,
            }
            #[derive(Deserialize)]
            struct ResponseRow {
                datetime: String,
                #[serde(default)]
                open: JsonLiteral,
                #[serde(default)]
                high: JsonLiteral,
                #[serde(default)]
                low: JsonLiteral,
                close: JsonLiteral,
                #[serde(default)]
                volume: JsonLiteral,
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
            let body = self.fetch("time_series", &query).await?;
            let raw: ResponseBody = response::parse(&body)?;
            response::check_symbol(symbol, &raw.meta.symbol)?;
            let bars = raw.values.iter().map(|row| {
                let ResponseRow { datetime: day, open, high, low, close, volume } = row;
                RawBar { day, open, high, low, close, volume }.read()
            });
            let currency = raw.meta.currency.into_text();
            response::history(bars, currency.as_deref(), (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                data: Vec<Hit>,
            }
            #[derive(Deserialize)]
            struct Hit {
                symbol: String,
                instrument_name: String,
                #[serde(default)]
                instrument_type: JsonLiteral,
                #[serde(default)]
                country: JsonLiteral,
                #[serde(default)]
                exchange: JsonLiteral,
                #[serde(default)]
                currency: JsonLiteral,
            }
            let body = self.fetch("symbol_search", &[("symbol", text)]).await?;
            let hits =
                response::parse::<ResponseBody>(&body)?.data.into_iter().map(|hit| SearchHit {
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

    fn profile<'a>(&'a self, _: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async { Err(ProviderError::Unsupported) })
    }
}
