//! Adapter for Twelve Data. It reports errors in the body, with the same status or with 200; its
//! free plan has no company profiles.
//!
//! <https://twelvedata.com/docs>

use domain::{Day, Secret, Symbol};

use super::http::ProviderConnection;
use super::response::{self, BAR, JsonFields, QuoteTime, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

#[derive(Debug)]
pub(super) struct TwelveData(pub(super) ProviderConnection);

impl TwelveData {
    async fn fetch(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ProviderError> {
        let reply = self.0.get(&[path], query, ("Authorization", "apikey ")).await?;
        let fields = JsonFields::of(&reply.body);
        if let Some(fields) = fields.filter(|fields| fields.get("status") == Some("error")) {
            let code = fields.whole("code").and_then(|code| u16::try_from(code).ok());
            let code = code.unwrap_or(reply.status.as_u16());
            return Err(error(code, fields.get("message").unwrap_or_default(), reply.retry_after));
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

    fn set_key(&self, key: Secret) {
        self.0.set_key(key);
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            let body = self.fetch("quote", &[("symbol", symbol.as_str())]).await?;
            let fields: JsonFields = response::parse(&body)?;
            fields.check_symbol("symbol", symbol)?;
            // `timestamp` is when the day's session began; the price is as old as `last_quote_at`.
            let at = fields.instant("last_quote_at").or(fields.instant("timestamp"));
            let raw = RawQuote {
                price: fields.price("close"),
                previous_close: fields.price("previous_close"),
                made: at.map(QuoteTime::At).or(fields.day("datetime").map(QuoteTime::On)),
                volume: fields.whole("volume"),
                currency: fields.get("currency"),
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
            let meta: JsonFields = response::member(&body, "meta")?;
            meta.check_symbol("symbol", symbol)?;
            let values: Vec<JsonFields> = response::member(&body, "values")?;
            let bars = values.iter().map(|row| row.bar(row.day("datetime"), BAR));
            response::history(bars, meta.get("currency"), (from, to), self.0.now())
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            let body = self.fetch("symbol_search", &[("symbol", text)]).await?;
            let data: Vec<JsonFields> = response::member(&body, "data")?;
            let hit = |fields: &JsonFields| {
                Some(SearchHit {
                    symbol: fields.text("symbol")?,
                    name: fields.text("instrument_name")?,
                    kind: fields.text("instrument_type"),
                    region: fields.text("country"),
                    exchange: fields.text("exchange"),
                    currency: fields.text("currency"),
                })
            };
            response::hits(&data, hit)
        })
    }

    fn profile<'a>(&'a self, _: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async { Err(ProviderError::Unsupported) })
    }
}
