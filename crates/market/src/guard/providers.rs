//! The providers of a live market behind one interface: concurrent equal queries share one call of
//! the provider chain.

use std::sync::Arc;

use domain::{Clock, DailyBar, Day, Price, Secret, Symbol, UnixMicros};
use futures_util::FutureExt as _;
use store::Store;

use super::config::GuardConfig;
use super::guarded_provider::ProviderStatus;
use super::plain_text::{plain_hits, plain_profile};
use super::provider_chain::{ProviderChain, ProviderQuery, UpstreamResult};
use super::shared_calls::SharedCalls;
use super::units::StockUnits;
use crate::provider::{
    CompanyProfile, PriceHistory, ProviderError, ProviderKind, ProviderQuote, QuoteProvider,
    SearchHit,
};

/// The providers of a live market. Shared between tasks behind an `Arc`.
pub struct Providers {
    inner: Arc<ProviderChain>,
    quotes: SharedCalls<ProviderQuery, UpstreamResult<ProviderQuote>>,
    histories: SharedCalls<ProviderQuery, UpstreamResult<Arc<Vec<DailyBar>>>>,
    searches: SharedCalls<ProviderQuery, UpstreamResult<Arc<Vec<SearchHit>>>>,
    profiles: SharedCalls<ProviderQuery, UpstreamResult<Arc<CompanyProfile>>>,
}

impl Providers {
    /// These providers in this order. Prices are converted into the game's currency.
    pub fn new(
        config: GuardConfig,
        providers: Vec<Arc<dyn QuoteProvider>>,
        units: StockUnits,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let config = Arc::new(config);
        let inner = ProviderChain::new(&config, providers, units, store, clock);
        Self {
            inner: Arc::new(inner),
            quotes: SharedCalls::default(),
            histories: SharedCalls::default(),
            searches: SharedCalls::default(),
            profiles: SharedCalls::default(),
        }
    }

    pub fn kinds(&self) -> Vec<ProviderKind> {
        self.inner.kinds()
    }

    /// Sends the next requests to a provider with another key; false if the provider is not used.
    pub fn set_key(&self, kind: ProviderKind, key: Secret) -> bool {
        self.inner.set_key(kind, key)
    }

    /// The status of each provider.
    pub async fn statuses(&self) -> Vec<ProviderStatus> {
        self.inner.statuses().await
    }

    /// The present price of a stock and the provider that returned it. `last` is the last good
    /// price and its time; for concurrent callers, that of the first applies.
    ///
    /// The providers are called in their order until one returns a price that is not older than
    /// `last` and not a jump. If all prices are older, the newest that is not a jump is returned;
    /// the caller has to keep the newer of both. A price that differs from `last` by more than
    /// `jump_percent_max` is accepted when a second provider confirms it, or, if no other provider
    /// returns a price, when the same provider returns it again a minute later.
    ///
    /// # Errors
    /// `Unconfirmed` if a price jumped and no second source has confirmed it yet. Otherwise the
    /// errors of the providers are combined, except those of `Unsupported`: `NotFound` if no
    /// provider has the stock; the `RateLimited` that ends first, if a quota is used up; else the
    /// first other error in the configured order. `Unsupported` if no provider has the operation.
    pub async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> UpstreamResult<ProviderQuote> {
        let (inner, key) = (Arc::clone(&self.inner), symbol.clone());
        let call = || async move { inner.quote(&key, last).await }.boxed();
        let quote = self.quotes.run(ProviderQuery::Quote(symbol.clone()), call);
        quote.await.unwrap_or(Err(ProviderError::Transient))
    }

    /// The daily bars from `from` to `to`, ascending.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn history(
        &self,
        symbol: &Symbol,
        from: Day,
        to: Day,
    ) -> UpstreamResult<Arc<Vec<DailyBar>>> {
        let topic = ProviderQuery::History(symbol.clone(), from, to);
        let (inner, argument, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |history: PriceHistory| inner.units.bars(&argument, &history);
                inner.first(&topic, |one| one.history(&argument, from, to), convert).await
            };
            call.boxed()
        };
        self.histories.run(key, call).await.unwrap_or(Err(ProviderError::Transient))
    }

    /// Stocks that fit a text.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn search(&self, text: &str) -> UpstreamResult<Arc<Vec<SearchHit>>> {
        let topic = ProviderQuery::Search(text.to_owned());
        let (inner, argument, key) = (Arc::clone(&self.inner), text.to_owned(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |hits: Vec<SearchHit>| Ok(plain_hits(&hits));
                inner.first(&topic, |one| one.search(&argument), convert).await
            };
            call.boxed()
        };
        self.searches.run(key, call).await.unwrap_or(Err(ProviderError::Transient))
    }

    /// What a company does.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn profile(&self, symbol: &Symbol) -> UpstreamResult<Arc<CompanyProfile>> {
        let topic = ProviderQuery::Profile(symbol.clone());
        let (inner, argument, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |profile: CompanyProfile| Ok(plain_profile(&profile));
                inner.first(&topic, |one| one.profile(&argument), convert).await
            };
            call.boxed()
        };
        self.profiles.run(key, call).await.unwrap_or(Err(ProviderError::Transient))
    }
}
