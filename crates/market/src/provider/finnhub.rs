//! Adapter for Finnhub. An unknown stock has the price 0; the free plan has no history.
//!
//! <https://finnhub.io/docs/api>

use domain::{Day, Secret, Symbol};

use super::http::ProviderConnection;
use super::response::{self, JsonFields, QuoteTime, RawQuote};
use super::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderQuote,
    QuotaWindow, QuoteProvider, SearchHit,
};

#[derive(Debug)]
pub(super) struct Finnhub(pub(super) ProviderConnection);

impl Finnhub {
    async fn fetch(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, ProviderError> {
        let path: Vec<&str> = ["api", "v1"].iter().chain(path).copied().collect();
        let reply = self.0.get(&path, query, ("X-Finnhub-Token", "")).await?;
        if let Some(text) = JsonFields::of(&reply.body).and_then(|fields| fields.text("error")) {
            return Err(if text.contains("limit reached") {
                let retry_after = reply.retry_after;
                ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after }
            } else if text.contains("API key") {
                ProviderError::AuthFailed
            } else if text.contains("access") {
                ProviderError::PlanRestricted { symbol_only: false }
            } else {
                // An unknown text.
                response::check_status(&reply).err().unwrap_or(ProviderError::Transient)
            });
        }
        response::check_status(&reply)?;
        Ok(reply.body)
    }
}

impl QuoteProvider for Finnhub {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Finnhub
    }

    fn set_key(&self, key: Secret) {
        self.0.set_key(key);
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            let body = self.fetch(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let fields: JsonFields = response::parse(&body)?;
            let price = fields.price("c");
            // Zeros occur for known stocks, too: 0 is never a price.
            if fields.get("c").is_none() || fields.whole("c") == Some(0) && price.is_none() {
                return Err(ProviderError::NotFound);
            }
            let raw = RawQuote {
                price,
                previous_close: fields.price("pc"),
                made: fields.instant("t").map(QuoteTime::At),
                volume: None,
                currency: None,
            };
            response::quote(symbol, &raw, self.0.now())
        })
    }

    fn history<'a>(&'a self, _: &'a Symbol, _: Day, _: Day) -> ProviderFuture<'a, PriceHistory> {
        Box::pin(async { Err(ProviderError::Unsupported) })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async move {
            let body = self.fetch(&["search"], &[("q", text)]).await?;
            let result: Vec<JsonFields> = response::member(&body, "result")?;
            let hit = |fields: &JsonFields| {
                Some(SearchHit {
                    symbol: fields.text("symbol")?,
                    name: fields.text("description")?,
                    kind: fields.text("type"),
                    region: None,
                    exchange: None,
                    currency: None,
                })
            };
            response::hits(&result, hit)
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            let body = self.fetch(&["stock", "profile2"], &[("symbol", symbol.as_str())]).await?;
            let fields: JsonFields = response::parse(&body)?;
            if fields.get("ticker").is_none() {
                return Err(ProviderError::NotFound);
            }
            fields.check_symbol("ticker", symbol)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: fields.required("name")?,
                description: None,
                exchange: fields.text("exchange"),
                currency: fields.text("currency"),
                country: fields.text("country"),
                sector: None,
                industry: fields.text("finnhubIndustry"),
                website: fields.website("weburl"),
            })
        })
    }
}
