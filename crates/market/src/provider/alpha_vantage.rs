//! Adapter for Alpha Vantage. It reports errors in a body with status 200 and takes its key in the
//! URL only.
//!
//! <https://www.alphavantage.co/documentation/>

use std::collections::HashMap;
use std::time::Duration;

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
pub(super) struct AlphaVantage(pub(super) ProviderConnection);

impl AlphaVantage {
    async fn fetch(&self, function: &str, more: &[(&str, &str)]) -> Result<String, ProviderError> {
        let mut query = vec![("function", function)];
        query.extend_from_slice(more);
        let reply = self.0.get_with_query_key(&["query"], query, "apikey").await?;
        check_body(&reply.body, reply.retry_after)?;
        response::check_status(&reply)?;
        Ok(reply.body)
    }
}

/// Maps error texts to errors. Two texts name the daily limit, but only one is about it.
fn check_body(body: &str, retry_after: Option<Duration>) -> Result<(), ProviderError> {
    let Some(object) = response::object(body) else { return Ok(()) };
    let limited = |window| Err(ProviderError::RateLimited { window, retry_after });
    if let Some(text) = response::text(&object, "Error Message") {
        let about_key = text.contains("apikey is invalid");
        return Err(if about_key { ProviderError::AuthFailed } else { ProviderError::NotFound });
    }
    if object.contains_key("Note") {
        return limited(QuotaWindow::Minute);
    }
    let Some(text) = response::text(&object, "Information") else { return Ok(()) };
    let contains = |part: &str| text.contains(part);
    if contains("request per second") || contains("requests per second") {
        limited(QuotaWindow::Second)
    } else if contains("requests per day") {
        limited(QuotaWindow::Day)
    } else if contains("demo") {
        Err(ProviderError::AuthFailed)
    } else if contains("premium") {
        Err(ProviderError::PlanRestricted { symbol_only: false })
    } else {
        // An unknown text: an immediate retry does not help.
        limited(QuotaWindow::Minute)
    }
}

impl QuoteProvider for AlphaVantage {
    fn kind(&self) -> ProviderKind {
        ProviderKind::AlphaVantage
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                #[serde(rename = "Global Quote")]
                quote: HashMap<String, JsonLiteral>,
            }
            let body = self.fetch("GLOBAL_QUOTE", &[("symbol", symbol.as_str())]).await?;
            let fields = response::parse::<ResponseBody>(&body)?.quote;
            if fields.is_empty() {
                return Err(ProviderError::NotFound);
            }
            let field = |name: &str| fields.get(name).ok_or(ProviderError::Malformed);
            let day = field("07. latest trading day")?.text().and_then(Day::parse);
            let raw = RawQuote {
                symbol: field("01. symbol")?.text(),
                price: field("05. price")?,
                previous_close: fields.get("08. previous close").and_then(JsonLiteral::price),
                made: QuoteTime::On(day.ok_or(ProviderError::Malformed)?),
                volume: fields.get("06. volume").and_then(JsonLiteral::whole),
                currency: None,
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
                #[serde(rename = "Time Series (Daily)")]
                days: HashMap<String, Bar>,
            }
            #[derive(Deserialize)]
            struct Bar {
                #[serde(rename = "1. open")]
                open: JsonLiteral,
                #[serde(rename = "2. high")]
                high: JsonLiteral,
                #[serde(rename = "3. low")]
                low: JsonLiteral,
                #[serde(rename = "4. close")]
                close: JsonLiteral,
                #[serde(rename = "5. volume")]
                volume: JsonLiteral,
            }
            // More than the last 100 days is premium.
            let query = [("symbol", symbol.as_str()), ("outputsize", "compact")];
            let body = self.fetch("TIME_SERIES_DAILY", &query).await?;
            let days = response::parse::<ResponseBody>(&body)?.days;
            let bars = days.iter().map(|(day, bar)| {
                let Bar { open, high, low, close, volume } = bar;
                RawBar { day, open, high, low, close, volume }.read()
            });
            response::history(bars, None, (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                #[serde(rename = "bestMatches")]
                matches: Vec<Match>,
            }
            #[derive(Deserialize)]
            struct Match {
                #[serde(rename = "1. symbol")]
                symbol: String,
                #[serde(rename = "2. name")]
                name: String,
                #[serde(rename = "3. type", default)]
                kind: JsonLiteral,
                #[serde(rename = "4. region", default)]
                region: JsonLiteral,
                #[serde(rename = "8. currency", default)]
                currency: JsonLiteral,
            }
            let body = self.fetch("SYMBOL_SEARCH", &[("keywords", text)]).await?;
            let hits =
                response::parse::<ResponseBody>(&body)?.matches.into_iter().map(|hit| SearchHit {
                    symbol: hit.symbol,
                    name: hit.name,
                    kind: hit.kind.into_text(),
                    region: hit.region.into_text(),
                    exchange: None,
                    currency: hit.currency.into_text(),
                });
            Ok(hits.collect())
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            let body = self.fetch("OVERVIEW", &[("symbol", symbol.as_str())]).await?;
            let mut fields = response::parse::<HashMap<String, JsonLiteral>>(&body)?;
            if fields.is_empty() {
                return Err(ProviderError::NotFound);
            }
            let mut take = |name: &str| fields.remove(name).and_then(JsonLiteral::into_text);
            let raw = take("Symbol").ok_or(ProviderError::Malformed)?;
            response::check_symbol(symbol, &raw)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: take("Name").ok_or(ProviderError::Malformed)?,
                description: take("Description"),
                exchange: take("Exchange"),
                currency: take("Currency"),
                country: take("Country"),
                sector: take("Sector"),
                industry: take("Industry"),
                website: response::website(take("OfficialSite")),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_texts_map_to_errors() {
        let limited = |window| Err(ProviderError::RateLimited { window, retry_after: None });
        for (body, expected) in [
            (
                r#"{"Note":"Our standard API call frequency is 5 calls per minute"}"#,
                limited(QuotaWindow::Minute),
            ),
            (
                r#"{"Information":"Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to lift the free key rate limit (25 requests per day)"}"#,
                limited(QuotaWindow::Second),
            ),
            (
                r#"{"Information":"We have detected your API key as X and our standard API rate limit is 25 requests per day."}"#,
                limited(QuotaWindow::Day),
            ),
            (
                r#"{"Information":"Thank you for using Alpha Vantage! This is a premium endpoint."}"#,
                Err(ProviderError::PlanRestricted { symbol_only: false }),
            ),
            (
                r#"{"Information":"The **demo** API key is for demo purposes only."}"#,
                Err(ProviderError::AuthFailed),
            ),
            (r#"{"Information":"Something new"}"#, limited(QuotaWindow::Minute)),
            (
                r#"{"Error Message":"the parameter apikey is invalid or missing."}"#,
                Err(ProviderError::AuthFailed),
            ),
            (r#"{"Error Message":"Invalid API call."}"#, Err(ProviderError::NotFound)),
            (r#"{"Global Quote":{}}"#, Ok(())),
        ] {
            assert_eq!(check_body(body, None), expected, "{body}");
        }
    }
}
