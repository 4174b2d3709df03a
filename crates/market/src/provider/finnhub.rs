//! Adapter for Finnhub. An unknown stock has the price 0; the free plan has no history.
//!
//! <https://finnhub.io/docs/api>

use domain::{Day, Symbol};
use serde::Deserialize;

use super::http::ProviderConnection;
use super::number::JsonLiteral;
use super::response::{self, QuoteTime, RawQuote};
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
        if let Some(text) =
            response::object(&reply.body).and_then(|one| response::text(&one, "error"))
        {
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

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct ResponseBody {
                c: JsonLiteral,
                #[serde(default)]
                pc: JsonLiteral,
                #[serde(default)]
                t: JsonLiteral,
            }
            let body = self.fetch(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let raw: ResponseBody = response::parse(&body)?;
            // Zeros occur for known stocks, too: 0 is never a price.
            if raw.c.text().is_none() || raw.c.whole() == Some(0) && raw.c.price().is_none() {
                return Err(ProviderError::NotFound);
            }
            let made = response::seconds(&raw.t).ok_or(ProviderError::Malformed)?;
            let raw = RawQuote {
                symbol: None,
                price: &raw.c,
                previous_close: raw.pc.price(),
                made: QuoteTime::At(made),
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
            #[derive(Deserialize)]
            struct ResponseBody {
                result: Vec<Hit>,
            }
            #[derive(Deserialize)]
            struct Hit {
                symbol: String,
                description: String,
                #[serde(rename = "type", default)]
                kind: JsonLiteral,
            }
            let body = self.fetch(&["search"], &[("q", text)]).await?;
            let hits =
                response::parse::<ResponseBody>(&body)?.result.into_iter().map(|hit| SearchHit {
                    symbol: hit.symbol,
                    name: hit.description,
                    kind: hit.kind.into_text(),
                    region: None,
                    exchange: None,
                    currency: None,
                });
            Ok(hits.collect())
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async move {
            #[derive(Default, Deserialize)]
            #[serde(default, rename_all = "camelCase")]
            struct ResponseBody {
                ticker: JsonLiteral,
                name: JsonLiteral,
                country: JsonLiteral,
                currency: JsonLiteral,
                exchange: JsonLiteral,
                finnhub_industry: JsonLiteral,
                weburl: JsonLiteral,
            }
            let body = self.fetch(&["stock", "profile2"], &[("symbol", symbol.as_str())]).await?;
            let raw: ResponseBody = response::parse(&body)?;
            let Some(ticker) = raw.ticker.text() else { return Err(ProviderError::NotFound) };
            response::check_symbol(symbol, ticker)?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: raw.name.into_text().ok_or(ProviderError::Malformed)?,
                description: None,
                exchange: raw.exchange.into_text(),
                currency: raw.currency.into_text(),
                country: raw.country.into_text(),
                sector: None,
                industry: raw.finnhub_industry.into_text(),
                website: response::website(raw.weburl.into_text()),
            })
        })
    }
}
