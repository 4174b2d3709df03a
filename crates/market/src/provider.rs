//! The interface to price providers: operations, results and errors. Each provider has an adapter
//! below; circuit breaker and quota are in `guard`.

mod address;
mod alpha_vantage;
mod config;
mod financial_modeling_prep;
mod finnhub;
mod http;
mod number;
mod response;
mod twelve_data;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::{Clock, DailyBar, Day, Price, Secret, Symbol, UnixMicros};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::config::{ProviderConfig, ProvidersConfig};
pub use self::http::{ConnectError, TraceParent};
use self::http::{ProviderClient, ProviderConnection};
use crate::PriceUnit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// <https://www.alphavantage.co>
    AlphaVantage,
    /// <https://financialmodelingprep.com>
    FinancialModelingPrep,
    /// <https://finnhub.io>
    Finnhub,
    /// <https://twelvedata.com>
    TwelveData,
}

impl ProviderKind {
    pub const ALL: [Self; 4] =
        [Self::AlphaVantage, Self::FinancialModelingPrep, Self::Finnhub, Self::TwelveData];

    /// The name in configuration, metrics, logs and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlphaVantage => "alpha_vantage",
            Self::FinancialModelingPrep => "financial_modeling_prep",
            Self::Finnhub => "finnhub",
            Self::TwelveData => "twelve_data",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The operations of a provider, in quota state and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderOperation {
    Quote,
    PriceHistory,
    Search,
    Profile,
}

impl ProviderOperation {
    pub(crate) const ALL: [Self; 4] =
        [Self::Quote, Self::PriceHistory, Self::Search, Self::Profile];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::PriceHistory => "history",
            Self::Search => "search",
            Self::Profile => "profile",
        }
    }
}

/// A quote of a provider, parsed exactly and validated: above zero, of the requested stock, not
/// from the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderQuote {
    pub symbol: Symbol,
    pub price: Price,
    /// The close before `market_day`, if the provider returns it.
    pub previous_close: Option<Price>,
    /// The time of the price if the provider returns it; else the end of the day's session.
    pub as_of: UnixMicros,
    /// The trading day in the exchange's time zone.
    pub market_day: Day,
    /// Shares traded that day, if the provider returns it.
    pub volume: Option<i64>,
    /// The unit of the prices, if the provider states it.
    pub unit: Option<PriceUnit>,
}

/// The daily bars of a stock, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceHistory {
    pub bars: Vec<DailyBar>,
    /// The unit of the prices, if the provider states it.
    pub unit: Option<PriceUnit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchHit {
    /// The symbol as the provider writes it.
    pub symbol: String,
    pub name: String,
    /// The kind of paper, like `Equity`.
    pub kind: Option<String>,
    pub region: Option<String>,
    pub exchange: Option<String>,
    pub currency: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyProfile {
    pub symbol: Symbol,
    pub name: String,
    pub description: Option<String>,
    pub exchange: Option<String>,
    pub currency: Option<String>,
    pub country: Option<String>,
    pub sector: Option<String>,
    pub industry: Option<String>,
    /// An `http` or `https` URL.
    pub website: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaWindow {
    Second,
    Minute,
    /// A day in the provider's own time zone.
    Day,
}

impl QuotaWindow {
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Day];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }
}

/// Why a call to a provider failed. It never contains text of the provider.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProviderError {
    /// The stock is unknown, or has no data for these days.
    #[error("not found at the provider")]
    NotFound,
    /// A rate limit is reached: reported by the provider, or known before the call.
    #[error("the rate limit of the provider is reached")]
    RateLimited {
        window: QuotaWindow,
        /// The wait until the next call, if it is known.
        retry_after: Option<Duration>,
    },
    #[error("the provider rejects the key")]
    AuthFailed,
    /// The plan of the key does not include the operation or the stock.
    #[error("the provider's plan does not include it")]
    PlanRestricted {
        /// Whether only this stock is restricted.
        symbol_only: bool,
    },
    /// The provider does not have the operation.
    #[error("the provider does not offer it")]
    Unsupported,
    /// The provider failed or timed out; retry later.
    #[error("the provider failed")]
    Transient,
    #[error("the response of the provider is malformed or implausible")]
    Malformed,
    /// A price differs so much from the last good one that a second source has to confirm it.
    #[error("the price is not confirmed")]
    Unconfirmed {
        /// When the newest such price was made.
        as_of: UnixMicros,
    },
    /// The circuit breaker is open; no request was sent.
    #[error("the circuit breaker of the provider is open")]
    BreakerOpen,
}

impl ProviderError {
    /// Every result of [`Self::as_str`].
    pub(crate) const WORDS: [&str; 9] = [
        "not_found",
        "rate_limited",
        "auth_failed",
        "plan_restricted",
        "unsupported",
        "transient",
        "malformed",
        "in_doubt",
        "breaker_open",
    ];

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::AuthFailed => "auth_failed",
            Self::PlanRestricted { .. } => "plan_restricted",
            Self::Unsupported => "unsupported",
            Self::Transient => "transient",
            Self::Malformed => "malformed",
            Self::Unconfirmed { .. } => "in_doubt",
            Self::BreakerOpen => "breaker_open",
        }
    }

    /// Whether the circuit breaker counts it as a failure of the provider.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Transient | Self::Malformed)
    }
}

pub type ProviderFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

pub trait QuoteProvider: fmt::Debug + Send + Sync {
    fn kind(&self) -> ProviderKind;

    /// Sends the next requests with another key.
    fn set_key(&self, key: Secret);

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote>;

    /// The daily bars from `from` to `to`, ascending, as far as the plan goes back.
    fn history<'a>(
        &'a self,
        symbol: &'a Symbol,
        from: Day,
        to: Day,
    ) -> ProviderFuture<'a, PriceHistory>;

    /// Stocks that match a text, the best first.
    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>>;

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile>;
}

/// The configured providers that have a key, in their order. No request is sent.
///
/// # Errors
/// A malformed or forbidden URL.
pub fn connect(
    config: &ProvidersConfig,
    clock: &Arc<dyn Clock>,
    traceparent: TraceParent,
) -> Result<Vec<Arc<dyn QuoteProvider>>, ConnectError> {
    let client = ProviderClient::new(config, traceparent)?;
    let mut providers: Vec<Arc<dyn QuoteProvider>> = Vec::new();
    for kind in &config.order {
        let key = config.of(*kind).key.clone();
        if key.is_empty() {
            continue;
        }
        let base = http::base(config, *kind)?;
        let connection = ProviderConnection {
            client: client.clone(),
            base,
            key: ArcSwap::from_pointee(key),
            clock: Arc::clone(clock),
        };
        providers.push(match kind {
            ProviderKind::AlphaVantage => Arc::new(alpha_vantage::AlphaVantage(connection)),
            ProviderKind::FinancialModelingPrep => {
                Arc::new(financial_modeling_prep::FinancialModelingPrep(connection))
            }
            ProviderKind::Finnhub => Arc::new(finnhub::Finnhub(connection)),
            ProviderKind::TwelveData => Arc::new(twelve_data::TwelveData(connection)),
        });
    }
    Ok(providers)
}
