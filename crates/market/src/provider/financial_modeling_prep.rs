//! Adapter for Financial Modeling Prep, with its `stable` endpoints. It reports errors by status,
//! in a body with status 200, or as plain text.
//!
//! <https://site.financialmodelingprep.com/developer/docs/stable>

use domain::{Day, Secret, Symbol};

use super::http::{ProviderConnection, ProviderResponse};
use super::response::{self, BAR, JsonFields, QuoteTime, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

#[derive(Debug)]
pub(super) struct FinancialModelingPrep(pub(super) ProviderConnection);

impl FinancialModelingPrep {
    /// The rows of a successful response; at least one.
    async fn fetch(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<JsonFields>, ProviderError> {
        let path: Vec<&str> = ["stable"].iter().chain(path).copied().collect();
        let reply = self.0.get(&path, query, ("apikey", "")).await?;
        check_body(&reply)?;
        response::check_status(&reply)?;
        if reply.body.trim() == "{}" {
            return Err(ProviderError::NotFound);
        }
        let rows: Vec<JsonFields> = response::parse(&reply.body)?;
        if rows.is_empty() { Err(ProviderError::NotFound) } else { Ok(rows) }
    }
}

/// Maps error texts, in an object or as plain text, to errors.
fn check_body(reply: &ProviderResponse) -> Result<(), ProviderError> {
    let body = reply.body.as_str();
    if body.trim_start().starts_with('[') || reply.is_html() {
        return Ok(());
    }
    let fields = JsonFields::of(body);
    let text = match &fields {
        Some(fields) => fields.get("Error Message").or(fields.get("error")).unwrap_or_default(),
        None => body,
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

    fn set_key(&self, key: Secret) {
        self.0.set_key(key);
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            let rows = self.fetch(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let [fields] = &rows[..] else { return Err(ProviderError::Malformed) };
            fields.check_symbol("symbol", symbol)?;
            let raw = RawQuote {
                price: fields.price("price"),
                previous_close: fields.price("previousClose"),
                made: fields.instant("timestamp").map(QuoteTime::At),
                volume: fields.whole("volume"),
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
            let (first, last) = (from.to_string(), to.to_string());
            let query = [("symbol", symbol.as_str()), ("from", &*first), ("to", &*last)];
            let rows = self.fetch(&["historical-price-eod", "full"], &query).await?;
            rows.iter().try_for_each(|row| row.check_symbol("symbol", symbol))?;
            let bars = rows.iter().map(|row| row.bar(row.day("date"), BAR));
            response::history(bars, None, (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            let rows = match self.fetch(&["search-symbol"], &[("query", text)]).await {
                Err(ProviderError::NotFound) => Vec::new(),
                rows => rows?,
            };
            let hit = |row: &JsonFields| {
                Some(SearchHit {
                    symbol: row.text("symbol")?,
                    name: row.text("name")?,
                    kind: None,
                    region: None,
                    exchange: row.text("exchange"),
                    currency: row.text("currency"),
                })
            };
            response::hits(&rows, hit)
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            let rows = self.fetch(&["profile"], &[("symbol", symbol.as_str())]).await?;
            let fields = rows.first().ok_or(ProviderError::NotFound)?;
            fields.check_symbol("symbol", symbol)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: fields.required("companyName")?,
                description: fields.text("description"),
                exchange: fields.text("exchange"),
                currency: fields.text("currency"),
                country: fields.text("country"),
                sector: fields.text("sector"),
                industry: fields.text("industry"),
                website: fields.website("website"),
            })
        })
    }
}
