//! Adapter for Alpha Vantage. It reports errors in a body with status 200 and takes its key in the
//! URL only.
//!
//! <https://www.alphavantage.co/documentation/>

use std::collections::HashMap;
use std::time::Duration;

use domain::{Day, Secret, Symbol};

use super::http::ProviderConnection;
use super::response::{self, JsonFields, QuoteTime, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

/// The fields of a daily bar.
const BAR: [&str; 5] = ["1. open", "2. high", "3. low", "4. close", "5. volume"];

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
    let Some(fields) = JsonFields::of(body) else { return Ok(()) };
    let limited = |window| Err(ProviderError::RateLimited { window, retry_after });
    if let Some(text) = fields.get("Error Message") {
        let about_key = text.contains("apikey is invalid");
        return Err(if about_key { ProviderError::AuthFailed } else { ProviderError::NotFound });
    }
    if fields.contains("Note") {
        return limited(QuotaWindow::Minute);
    }
    let Some(text) = fields.get("Information") else { return Ok(()) };
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

    fn set_key(&self, key: Secret) {
        self.0.set_key(key);
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            let body = self.fetch("GLOBAL_QUOTE", &[("symbol", symbol.as_str())]).await?;
            let fields: JsonFields = response::member(&body, "Global Quote")?;
            if fields.is_empty() {
                return Err(ProviderError::NotFound);
            }
            fields.check_symbol("01. symbol", symbol)?;
            let raw = RawQuote {
                price: fields.price("05. price"),
                previous_close: fields.price("08. previous close"),
                made: fields.day("07. latest trading day").map(QuoteTime::On),
                volume: fields.whole("06. volume"),
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
            // More than the last 100 days is premium.
            let query = [("symbol", symbol.as_str()), ("outputsize", "compact")];
            let body = self.fetch("TIME_SERIES_DAILY", &query).await?;
            let days: HashMap<String, JsonFields> = response::member(&body, "Time Series (Daily)")?;
            let bars = days.iter().map(|(day, fields)| fields.bar(Day::parse(day), BAR));
            response::history(bars, None, (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            let body = self.fetch("SYMBOL_SEARCH", &[("keywords", text)]).await?;
            let matches: Vec<JsonFields> = response::member(&body, "bestMatches")?;
            let hit = |fields: &JsonFields| {
                Some(SearchHit {
                    symbol: fields.text("1. symbol")?,
                    name: fields.text("2. name")?,
                    kind: fields.text("3. type"),
                    region: fields.text("4. region"),
                    exchange: None,
                    currency: fields.text("8. currency"),
                })
            };
            response::hits(&matches, hit)
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            let body = self.fetch("OVERVIEW", &[("symbol", symbol.as_str())]).await?;
            let fields: JsonFields = response::parse(&body)?;
            if fields.is_empty() {
                return Err(ProviderError::NotFound);
            }
            fields.check_symbol("Symbol", symbol)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: fields.required("Name")?,
                description: fields.text("Description"),
                exchange: fields.text("Exchange"),
                currency: fields.text("Currency"),
                country: fields.text("Country"),
                sector: fields.text("Sector"),
                industry: fields.text("Industry"),
                website: fields.website("OfficialSite"),
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
