//! Alpha Vantage. It answers everything with status 200 and says no in the body; of three such
//! answers each means something else. Its key stands in the address, because it takes no header.
//!
//! <https://www.alphavantage.co/documentation/>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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
pub(super) struct AlphaVantage {
    pub(super) http: Http,
    pub(super) base: Url,
    pub(super) key: Secret,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for AlphaVantage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AlphaVantage")
    }
}

impl AlphaVantage {
    /// The body of an answer that is none of its refusals.
    async fn ask(&self, function: &str, more: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut query = vec![("function", function)];
        query.extend_from_slice(more);
        query.push(("apikey", self.key.reveal()));
        let reply = self.http.get(http::address(&self.base, &["query"], &query), None).await?;
        refuse_body(&reply.body, reply.retry_after)?;
        answer::refuse_status(&reply)?;
        Ok(reply.body)
    }
}

/// What it means when it says no. Two of its texts name the daily limit, and only one is about it.
fn refuse_body(body: &str, retry_after: Option<Duration>) -> Result<(), Refusal> {
    let Some(object) = answer::object(body) else { return Ok(()) };
    let limited = |window| Err(Refusal::RateLimited { window, retry_after });
    if let Some(text) = answer::text(&object, "Error Message") {
        let about_key = text.contains("apikey is invalid");
        return Err(if about_key { Refusal::AuthFailed } else { Refusal::NotFound });
    }
    if object.contains_key("Note") {
        return limited(Window::Minute);
    }
    let Some(text) = answer::text(&object, "Information") else { return Ok(()) };
    let says = |part: &str| text.contains(part);
    if says("request per second") || says("requests per second") {
        limited(Window::Second)
    } else if says("requests per day") {
        limited(Window::Day)
    } else if says("demo") {
        Err(Refusal::AuthFailed)
    } else if says("premium") {
        Err(Refusal::PlanRestricted { symbol_only: false })
    } else {
        // Whatever it is, asking again at once does not help.
        limited(Window::Minute)
    }
}

impl QuoteProvider for AlphaVantage {
    fn kind(&self) -> ProviderKind {
        ProviderKind::AlphaVantage
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                #[serde(rename = "Global Quote")]
                quote: HashMap<String, Literal>,
            }
            let body = self.ask("GLOBAL_QUOTE", &[("symbol", symbol.as_str())]).await?;
            let fields = answer::parse::<Answer>(&body)?.quote;
            if fields.is_empty() {
                return Err(Refusal::NotFound);
            }
            let field = |name: &str| fields.get(name).ok_or(Refusal::Malformed);
            let day = field("07. latest trading day")?.text().and_then(Day::parse);
            let told = Told {
                symbol: field("01. symbol")?.text(),
                price: field("05. price")?,
                previous_close: fields.get("08. previous close").and_then(Literal::price),
                made: Made::On(day.ok_or(Refusal::Malformed)?),
                volume: fields.get("06. volume").and_then(Literal::whole),
                currency: None,
            };
            answer::quote(symbol, &told, self.clock.now())
        })
    }

    fn history<'a>(&'a self, symbol: &'a Symbol, from: Day, to: Day) -> Asked<'a, History> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                #[serde(rename = "Time Series (Daily)")]
                days: HashMap<String, Bar>,
            }
            #[derive(Deserialize)]
            struct Bar {
                #[serde(rename = "1. open")]
                open: Literal,
                #[serde(rename = "2. high")]
                high: Literal,
                #[serde(rename = "3. low")]
                low: Literal,
                #[serde(rename = "4. close")]
                close: Literal,
                #[serde(rename = "5. volume")]
                volume: Literal,
            }
            // More than the last 100 days is premium.
            let query = [("symbol", symbol.as_str()), ("outputsize", "compact")];
            let body = self.ask("TIME_SERIES_DAILY", &query).await?;
            let days = answer::parse::<Answer>(&body)?.days;
            let bars = days.iter().map(|(day, bar)| {
                let Bar { open, high, low, close, volume } = bar;
                ToldBar { day, open, high, low, close, volume }.read()
            });
            answer::history(bars, None, (from, to), self.clock.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> Asked<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
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
                kind: Literal,
                #[serde(rename = "4. region", default)]
                region: Literal,
                #[serde(rename = "8. currency", default)]
                currency: Literal,
            }
            let body = self.ask("SYMBOL_SEARCH", &[("keywords", text)]).await?;
            let hits = answer::parse::<Answer>(&body)?.matches.into_iter().map(|hit| SearchHit {
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

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, CompanyProfile> {
        Box::pin(async move {
            let body = self.ask("OVERVIEW", &[("symbol", symbol.as_str())]).await?;
            let mut fields = answer::parse::<HashMap<String, Literal>>(&body)?;
            if fields.is_empty() {
                return Err(Refusal::NotFound);
            }
            let mut take = |name: &str| fields.remove(name).and_then(Literal::into_text);
            let told = take("Symbol").ok_or(Refusal::Malformed)?;
            if !told.eq_ignore_ascii_case(symbol.as_str()) {
                return Err(Refusal::Malformed);
            }
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: take("Name").ok_or(Refusal::Malformed)?,
                description: take("Description"),
                exchange: take("Exchange"),
                currency: take("Currency"),
                country: take("Country"),
                sector: take("Sector"),
                industry: take("Industry"),
                website: answer::website(take("OfficialSite")),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_no_are_told_apart() {
        let limited = |window| Err(Refusal::RateLimited { window, retry_after: None });
        for (body, expected) in [
            (
                r#"{"Note":"Our standard API call frequency is 5 calls per minute"}"#,
                limited(Window::Minute),
            ),
            (
                r#"{"Information":"Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to lift the free key rate limit (25 requests per day)"}"#,
                limited(Window::Second),
            ),
            (
                r#"{"Information":"We have detected your API key as X and our standard API rate limit is 25 requests per day."}"#,
                limited(Window::Day),
            ),
            (
                r#"{"Information":"Thank you for using Alpha Vantage! This is a premium endpoint."}"#,
                Err(Refusal::PlanRestricted { symbol_only: false }),
            ),
            (
                r#"{"Information":"The **demo** API key is for demo purposes only."}"#,
                Err(Refusal::AuthFailed),
            ),
            (r#"{"Information":"Something new"}"#, limited(Window::Minute)),
            (
                r#"{"Error Message":"the parameter apikey is invalid or missing."}"#,
                Err(Refusal::AuthFailed),
            ),
            (r#"{"Error Message":"Invalid API call."}"#, Err(Refusal::NotFound)),
            (r#"{"Global Quote":{}}"#, Ok(())),
        ] {
            assert_eq!(refuse_body(body, None), expected, "{body}");
        }
    }
}
