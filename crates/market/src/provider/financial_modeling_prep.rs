//! Financial Modeling Prep, by its `stable` addresses: the older ones are closed to new keys. It
//! says no by status, by a body with status 200, or by plain text.
//!
//! <https://site.financialmodelingprep.com/developer/docs/stable>

use std::sync::Arc;

use domain::{Clock, Day, Secret, Symbol};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::{self, Made, Told, ToldBar};
use super::http::{self, Http, Reply};
use super::number::Literal;
use super::{
    Asked, CompanyProfile, History, ProviderKind, ProviderQuote, QuoteProvider, Refusal, SearchHit,
    Window,
};

/// The adapter.
pub(super) struct FinancialModelingPrep {
    pub(super) http: Http,
    pub(super) base: Url,
    pub(super) key: Secret,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for FinancialModelingPrep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FinancialModelingPrep")
    }
}

impl FinancialModelingPrep {
    /// The rows of an answer that is none of its refusals; at least one.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Refusal> {
        let path: Vec<&str> = ["stable"].iter().chain(path).copied().collect();
        let header = http::key_header("apikey", "", &self.key);
        let reply = self.http.get(http::address(&self.base, &path, query), header).await?;
        refuse_body(&reply)?;
        answer::refuse_status(&reply)?;
        if reply.body.trim() == "{}" {
            return Err(Refusal::NotFound);
        }
        let rows: Vec<T> = answer::parse(&reply.body)?;
        if rows.is_empty() { Err(Refusal::NotFound) } else { Ok(rows) }
    }
}

/// What it means when it says no, in an object or as plain text.
fn refuse_body(reply: &Reply) -> Result<(), Refusal> {
    let body = reply.body.as_str();
    if body.trim_start().starts_with('[') || reply.is_page() {
        return Ok(());
    }
    let object = answer::object(body);
    let told = object.as_ref().and_then(|object| {
        answer::text(object, "Error Message").or_else(|| answer::text(object, "error"))
    });
    let Some(text) = told.or_else(|| object.is_none().then(|| body.to_owned())) else {
        return Ok(());
    };
    let says = |part: &str| text.contains(part);
    if says("Limit Reach") {
        // The free plan's limits are of a day, and of thirty for bandwidth.
        let retry_after = reply.retry_after;
        Err(Refusal::RateLimited { window: Window::Day, retry_after })
    } else if says("Invalid API KEY") {
        Err(Refusal::AuthFailed)
    } else if says("Special Endpoint") || says("This value set for") {
        Err(Refusal::PlanRestricted { symbol_only: true })
    } else if says("subscription") || says("Legacy Endpoint") || says("Premium") {
        Err(Refusal::PlanRestricted { symbol_only: false })
    } else {
        Ok(())
    }
}

impl QuoteProvider for FinancialModelingPrep {
    fn kind(&self) -> ProviderKind {
        ProviderKind::FinancialModelingPrep
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Row {
                symbol: String,
                price: Literal,
                #[serde(default)]
                previous_close: Literal,
                timestamp: Literal,
                #[serde(default)]
                volume: Literal,
            }
            let rows: Vec<Row> = self.ask(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let [row] = &rows[..] else { return Err(Refusal::Malformed) };
            let told = Told {
                symbol: Some(&row.symbol),
                price: &row.price,
                previous_close: row.previous_close.price(),
                made: Made::At(answer::seconds(&row.timestamp).ok_or(Refusal::Malformed)?),
                volume: row.volume.whole(),
                currency: None,
            };
            answer::quote(symbol, &told, self.clock.now())
        })
    }

    fn history<'a>(&'a self, symbol: &'a Symbol, from: Day, to: Day) -> Asked<'a, History> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Row {
                symbol: String,
                date: String,
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
            let (first, last) = (from.to_string(), to.to_string());
            let query = [("symbol", symbol.as_str()), ("from", &*first), ("to", &*last)];
            let rows: Vec<Row> = self.ask(&["historical-price-eod", "full"], &query).await?;
            if rows.iter().any(|row| !row.symbol.eq_ignore_ascii_case(symbol.as_str())) {
                return Err(Refusal::Malformed);
            }
            let bars = rows.iter().map(|row| {
                let Row { date: day, open, high, low, close, volume, .. } = row;
                ToldBar { day, open, high, low, close, volume }.read()
            });
            answer::history(bars, None, (from, to), self.clock.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> Asked<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Row {
                symbol: String,
                name: String,
                #[serde(default)]
                exchange: Literal,
                #[serde(default)]
                currency: Literal,
            }
            let rows = self.ask::<Row>(&["search-symbol"], &[("query", text)]).await;
            let rows = match rows {
                Err(Refusal::NotFound) => Vec::new(),
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

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, CompanyProfile> {
        Box::pin(async move {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Row {
                symbol: String,
                company_name: String,
                #[serde(default)]
                description: Literal,
                #[serde(default)]
                exchange: Literal,
                #[serde(default)]
                currency: Literal,
                #[serde(default)]
                country: Literal,
                #[serde(default)]
                sector: Literal,
                #[serde(default)]
                industry: Literal,
                #[serde(default)]
                website: Literal,
            }
            let rows: Vec<Row> = self.ask(&["profile"], &[("symbol", symbol.as_str())]).await?;
            let row = rows.into_iter().next().ok_or(Refusal::NotFound)?;
            if !row.symbol.eq_ignore_ascii_case(symbol.as_str()) {
                return Err(Refusal::Malformed);
            }
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: row.company_name,
                description: row.description.into_text(),
                exchange: row.exchange.into_text(),
                currency: row.currency.into_text(),
                country: row.country.into_text(),
                sector: row.sector.into_text(),
                industry: row.industry.into_text(),
                website: answer::website(row.website.into_text()),
            })
        })
    }
}
