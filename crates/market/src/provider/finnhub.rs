//! Finnhub. It knows a stock that it does not know by a price of 0, and has no history on its free
//! plan.
//!
//! <https://finnhub.io/docs/api>

use std::sync::Arc;

use domain::{Clock, Day, Secret, Symbol};
use reqwest::Url;
use serde::Deserialize;

use super::answer::{self, Made, Told};
use super::http::{self, Http};
use super::number::Literal;
use super::{
    Asked, CompanyProfile, History, ProviderKind, ProviderQuote, QuoteProvider, Refusal, SearchHit,
    Window,
};

/// The adapter.
pub(super) struct Finnhub {
    pub(super) http: Http,
    pub(super) base: Url,
    pub(super) key: Secret,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Finnhub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finnhub")
    }
}

impl Finnhub {
    async fn ask(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Refusal> {
        let path: Vec<&str> = ["api", "v1"].iter().chain(path).copied().collect();
        let header = http::key_header("X-Finnhub-Token", "", &self.key);
        let reply = self.http.get(http::address(&self.base, &path, query), header).await?;
        if let Some(text) = answer::object(&reply.body).and_then(|one| answer::text(&one, "error"))
        {
            return Err(if text.contains("limit reached") {
                let retry_after = reply.retry_after;
                Refusal::RateLimited { window: Window::Minute, retry_after }
            } else if text.contains("API key") {
                Refusal::AuthFailed
            } else if text.contains("access") {
                Refusal::PlanRestricted { symbol_only: false }
            } else {
                // Words that are new.
                answer::refuse_status(&reply).err().unwrap_or(Refusal::Transient)
            });
        }
        answer::refuse_status(&reply)?;
        Ok(reply.body)
    }
}

impl QuoteProvider for Finnhub {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Finnhub
    }

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, ProviderQuote> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                c: Literal,
                #[serde(default)]
                pc: Literal,
                #[serde(default)]
                t: Literal,
            }
            let body = self.ask(&["quote"], &[("symbol", symbol.as_str())]).await?;
            let told: Answer = answer::parse(&body)?;
            // It has told zeros of stocks that it knows, too: never a price of 0.
            if told.c.text().is_none() || told.c.whole() == Some(0) && told.c.price().is_none() {
                return Err(Refusal::NotFound);
            }
            let made = answer::seconds(&told.t).ok_or(Refusal::Malformed)?;
            let told = Told {
                symbol: None,
                price: &told.c,
                previous_close: told.pc.price(),
                made: Made::At(made),
                volume: None,
                currency: None,
            };
            answer::quote(symbol, &told, self.clock.now())
        })
    }

    fn history<'a>(&'a self, _: &'a Symbol, _: Day, _: Day) -> Asked<'a, History> {
        Box::pin(async { Err(Refusal::Unsupported) })
    }

    fn search<'a>(&'a self, text: &'a str) -> Asked<'a, Vec<SearchHit>> {
        Box::pin(async move {
            #[derive(Deserialize)]
            struct Answer {
                result: Vec<Hit>,
            }
            #[derive(Deserialize)]
            struct Hit {
                symbol: String,
                description: String,
                #[serde(rename = "type", default)]
                kind: Literal,
            }
            let body = self.ask(&["search"], &[("q", text)]).await?;
            let hits = answer::parse::<Answer>(&body)?.result.into_iter().map(|hit| SearchHit {
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

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> Asked<'a, CompanyProfile> {
        Box::pin(async move {
            #[derive(Default, Deserialize)]
            #[serde(default, rename_all = "camelCase")]
            struct Answer {
                ticker: Literal,
                name: Literal,
                country: Literal,
                currency: Literal,
                exchange: Literal,
                finnhub_industry: Literal,
                weburl: Literal,
            }
            let body = self.ask(&["stock", "profile2"], &[("symbol", symbol.as_str())]).await?;
            let told: Answer = answer::parse(&body)?;
            let Some(ticker) = told.ticker.text() else { return Err(Refusal::NotFound) };
            if !ticker.eq_ignore_ascii_case(symbol.as_str()) {
                return Err(Refusal::Malformed);
            }
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: told.name.into_text().ok_or(Refusal::Malformed)?,
                description: None,
                exchange: told.exchange.into_text(),
                currency: told.currency.into_text(),
                country: told.country.into_text(),
                sector: None,
                industry: told.finnhub_industry.into_text(),
                website: answer::website(told.weburl.into_text()),
            })
        })
    }
}
