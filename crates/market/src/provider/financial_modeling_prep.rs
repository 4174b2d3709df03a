//! Adapter for Financial Modeling Prep, with its `stable` endpoints. It reports errors by status,
//! in a body with status 200, or as plain text.
//!
//! <https://site.financialmodelingprep.com/developer/docs/stable>

use domain::{Day, Symbol};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::http::{ProviderConnection, ProviderResponse};
use super::number::JsonLiteral;
use super::response::{self, QuoteTime, RawBar, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

#[derive(Debug)]
pub(super) struct FinancialModelingPrep(pub(super) ProviderConnection);

impl FinancialModelingPrep {
    /// The rows of a successful response; at least one.
    async fn fetch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ProviderError> {
        let path: Vec<&str> = ["stable"].iter().chain(path).copied().collect();
        let reply = self.0.get(&path, query, ("apikey", "")).await?;
        check_body(&reply)?;
        response::check_status(&reply)?;
        if reply.body.trim() == "{}" {
            return Err(ProviderError::NotFound);
        }
        let rows: Vec<T> = response::parse(&reply.body)?;
        if rows.is_empty() { Err(ProviderError::NotFound) } else { Ok(rows) }
    }
}

/// Maps error texts, in an object or as plain text, to errors.
fn check_body(reply: &ProviderResponse) -> Result<(), ProviderError> {
    let body = reply.body.as_str();
    if body.trim_start().starts_with('[') || reply.is_html() {
        return Ok(());
    }
    let object = response::object(body);
    let raw = object.as_ref().and_then(|object| {
        response::text(object, "Error Message").or_else(|| response::text(object, "error"))
    });
    let Some(text) = raw.or_else(|| object.is_none().then(|| body.to_owned())) else {
        return Ok(());
    };
    let contains = |part: &str| text.contains(part);
    if contains("Limit Reach") {
        // The free plan's limits are of a day, and of thirty for bandwidth.
        let retry_after = reply.retry_after;
        Err(ProviderError::RateLimited { window: QuotaWindow::Day, retry_after })
    } else if contains("Invalid API KEY") {
        Err(ProviderError::AuthFailed)
    } else if contains("Special Endpoint") || contains("This value set for") {
        Err(ProviderError::PlanRestricted { symbol_only: true })
    } else if contains("subscription") || contains("Legacy Endpoint") || contains("Premium") {
        Err(ProviderError::PlanRestricted { symbol_only: false })
    } else {
        Ok(())
    }
}

impl QuoteProvider for FinancialModelingPrep {
    fn kind(&self) -> ProviderKind {
        ProviderKind::FinancialModelingPrep
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct ResponseRow {
                symbol: String,
                price: JsonLiteral,
                #[serde(default)]
                previous_close: JsonLiteral,
                timestamp: JsonLiteral,
                #[serde(default)]
                volume: JsonLiteral,
            }
            let rows: Vec<ResponseRow> =
                self.fetch(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let [row] = &rows[..] else { return Err(ProviderError::Malformed) };
            let raw = RawQuote {
                symbol: Some(&row.symbol),
                price: &row.price,
                previous_close: row.previous_close.price(),
                made: QuoteTime::At(
                    response::seconds(&row.timestamp).ok_or(ProviderError::Malformed)?,
                ),
                volume: row.volume.whole(),
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
            struct ResponseRow {
                symbol: String,
                date: String,
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
            let (first, last) = (from.to_string(), to.to_string());
            let query = [("symbol", symbol.as_str()), ("from", &*first), ("to", &*last)];
            let rows: Vec<ResponseRow> =
                self.fetch(&["historical-price-eod", "full"], &query).await?;
            rows.iter().try_for_each(|row| response::check_symbol(symbol, &row.symbol))?;
            let bars = rows.iter().map(|row| {
                let ResponseRow { date: day, open, high, low, close, volume, .. } = row;
                RawBar { day, open, high, low, close, volume }.read()
            });
            response::history(bars, None, (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseRow {
                symbol: String,
                name: String,
                #[serde(default)]
                exchange: JsonLiteral,
                #[serde(default)]
                currency: JsonLiteral,
            }
            let rows = self.fetch::<ResponseRow>(&["search-symbol"], &[("query", text)]).await;
            let rows = match rows {
                Err(ProviderError::NotFound) => Vec::new(),
                rows => rows?,
            };
            let hits = rows.into_iter().map(|row| SearchHit {
                symbol: row.symbol,
                name: row.name,
                kind: None,
                region: None,
                exchange: row.exchange.into_text(),
                currency: row.currency.into_text(),
            });
            Ok(hits.collect())
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct ResponseRow {
                symbol: String,
                company_name: String,
                #[serde(default)]
                description: JsonLiteral,
                #[serde(default)]
                exchange: JsonLiteral,
                #[serde(default)]
                currency: JsonLiteral,
                #[serde(default)]
                country: JsonLiteral,
                #[serde(default)]
                sector: JsonLiteral,
                #[serde(default)]
                industry: JsonLiteral,
                #[serde(default)]
                website: JsonLiteral,
            }
            let rows: Vec<ResponseRow> =
                self.fetch(&["profile"], &[("symbol", symbol.as_str())]).await?;
            let row = rows.into_iter().next().ok_or(ProviderError::NotFound)?;
            response::check_symbol(symbol, &row.symbol)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: row.company_name,
                description: row.description.into_text(),
                exchange: row.exchange.into_text(),
                currency: row.currency.into_text(),
                country: row.country.into_text(),
                sector: row.sector.into_text(),
                industry: row.industry.into_text(),
                website: response::website(row.website.into_text()),
            })
        })
    }
}
