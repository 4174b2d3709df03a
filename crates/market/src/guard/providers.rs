//! Queries the providers in the configured order with fallback and single-flight, and confirms
//! price jumps by a second provider.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, DailyBar, Day, Price, Symbol, UnixMicros};
use futures_util::FutureExt as _;
use moka::sync::Cache;
use store::Store;

use super::config::GuardConfig;
use super::guarded_provider::{GuardedProvider, ProviderStatus};
use super::price_jumps::PriceJumps;
use super::shared_calls::SharedCalls;
use super::units::StockUnits;
use crate::markup::{clean_text, without_controls};
use crate::provider::{
    CompanyProfile, PriceHistory, ProviderError, ProviderFuture, ProviderKind, ProviderOperation,
    ProviderQuote, QuoteProvider, SearchHit,
};

/// The most cached negative results.
const UNKNOWN_MAX: u64 = 50_000;

/// A result and the provider that returned it.
type UpstreamResult<T> = Result<(ProviderKind, T), ProviderError>;

/// The providers of a live market. Shared between tasks behind an `Arc`.
pub struct Providers {
    inner: Arc<ProviderChain>,
    quotes: SharedCalls<ProviderQuery, UpstreamResult<ProviderQuote>>,
    histories: SharedCalls<ProviderQuery, UpstreamResult<Arc<Vec<DailyBar>>>>,
    searches: SharedCalls<ProviderQuery, UpstreamResult<Arc<Vec<SearchHit>>>>,
    profiles: SharedCalls<ProviderQuery, UpstreamResult<Arc<CompanyProfile>>>,
}

/// The key of a call for single-flight and the negative cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ProviderQuery {
    Quote(Symbol),
    History(Symbol, Day, Day),
    Search(String),
    Profile(Symbol),
    /// All queries of this operation.
    Any(ProviderOperation),
}

impl ProviderQuery {
    fn operation(&self) -> ProviderOperation {
        match self {
            Self::Quote(_) => ProviderOperation::Quote,
            Self::History(..) => ProviderOperation::PriceHistory,
            Self::Search(_) => ProviderOperation::Search,
            Self::Profile(_) => ProviderOperation::Profile,
            Self::Any(operation) => *operation,
        }
    }
}

struct ProviderChain {
    guarded: Vec<GuardedProvider>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Negative results of providers and when they expire.
    unknown: Cache<(ProviderKind, ProviderQuery), (ProviderError, UnixMicros)>,
    not_found_ttl_s: u32,
    jumps: PriceJumps,
    units: StockUnits,
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
        let guarded = providers.into_iter().map(|provider| {
            GuardedProvider::new(provider, Arc::clone(&config), store.clone(), Arc::clone(clock))
        });
        let inner = ProviderChain {
            guarded: guarded.collect(),
            store: store.clone(),
            clock: Arc::clone(clock),
            unknown: Cache::new(UNKNOWN_MAX),
            not_found_ttl_s: config.not_found_ttl_s,
            jumps: PriceJumps::new(config.jump_percent_max),
            units,
        };
        Self {
            inner: Arc::new(inner),
            quotes: SharedCalls::default(),
            histories: SharedCalls::default(),
            searches: SharedCalls::default(),
            profiles: SharedCalls::default(),
        }
    }

    pub fn kinds(&self) -> Vec<ProviderKind> {
        self.inner.guarded.iter().map(GuardedProvider::kind).collect()
    }

    /// The status of each provider.
    pub async fn statuses(&self) -> Vec<ProviderStatus> {
        let usages = self.inner.store.provider_usages().await;
        if let Err(error) = &usages {
            tracing::warn!(%error, "cannot read provider states from the database");
        }
        let usages = usages.as_deref().ok();
        self.inner.guarded.iter().map(|guarded| guarded.status(usages)).collect()
    }

    /// The present price of a stock and the provider that returned it. `last` is the last good
    /// price and its time; for concurrent callers, that of the first applies.
    ///
    /// The providers are called in their order until one returns a price that is not older than
    /// `last` and not a jump. If all prices are older, the newest that is not a jump is returned;
    /// the
    /// caller has to keep the newer of both. A price that differs from `last` by more than
    /// `jump_percent_max` is accepted when a second provider confirms it, or, if no other provider
    /// returns a price, when the same provider returns it again a minute later.
    ///
    /// # Errors
    /// `InDoubt`: a price jumped and no second source has confirmed it yet. Else what the errors
    /// mean together, leaving aside who does not offer it: `NotFound` when nobody knows the stock;
    /// `RateLimited` that ends the soonest, when somebody was asked too often; else the first
    /// refusal in the configured order that is not `NotFound`. `Unsupported` when nobody offers it.
    pub async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> UpstreamResult<ProviderQuote> {
        let (inner, asked) = (Arc::clone(&self.inner), symbol.clone());
        let call = || async move { inner.quote(&asked, last).await }.boxed();
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
        let (inner, asked, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |history: PriceHistory| inner.units.bars(&asked, &history);
                inner.first(&topic, |one| one.history(&asked, from, to), convert).await
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
        let (inner, asked, key) = (Arc::clone(&self.inner), text.to_owned(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |hits: Vec<SearchHit>| Ok(plain_hits(&hits));
                inner.first(&topic, |one| one.search(&asked), convert).await
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
        let (inner, asked, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let call = || {
            let call = async move {
                let convert = |profile: CompanyProfile| Ok(plain_profile(&profile));
                inner.first(&topic, |one| one.profile(&asked), convert).await
            };
            call.boxed()
        };
        self.profiles.run(key, call).await.unwrap_or(Err(ProviderError::Transient))
    }
}

impl ProviderChain {
    /// The converted result of the first provider that succeeds.
    async fn first<'a, T, U>(
        &'a self,
        topic: &ProviderQuery,
        call: impl Fn(&'a dyn QuoteProvider) -> ProviderFuture<'a, T>,
        convert: impl Fn(T) -> Result<U, ProviderError>,
    ) -> UpstreamResult<Arc<U>> {
        let mut errors = Vec::new();
        for guarded in &self.guarded {
            match self.call(guarded, topic, || call(guarded.provider()), &convert).await {
                Ok(answer) => return Ok((guarded.kind(), Arc::new(answer))),
                Err(error) => errors.push(error),
            }
        }
        Err(most_useful(errors))
    }

    /// Calls one provider, unless a negative result is cached, and converts the result.
    async fn call<'a, T, U>(
        &self,
        guarded: &GuardedProvider,
        topic: &ProviderQuery,
        call: impl FnOnce() -> ProviderFuture<'a, T>,
        convert: impl FnOnce(T) -> Result<U, ProviderError>,
    ) -> Result<U, ProviderError> {
        let kind = guarded.kind();
        for known in [topic.clone(), ProviderQuery::Any(topic.operation())] {
            match self.unknown.get(&(kind, known)) {
                Some((error, until)) if self.clock.now() < until => return Err(error),
                _ => {}
            }
        }
        let answer = guarded.call(topic.operation(), call).await.and_then(convert);
        let unknown = match &answer {
            Err(ProviderError::NotFound | ProviderError::PlanRestricted { symbol_only: true }) => {
                Some(topic.clone())
            }
            Err(ProviderError::Unsupported) => Some(ProviderQuery::Any(topic.operation())),
            _ => None,
        };
        if let (Some(unknown), Err(error)) = (unknown, &answer) {
            let until = self.clock.now().plus_seconds(i64::from(self.not_found_ttl_s));
            self.unknown.insert((kind, unknown), (error.clone(), until));
        }
        answer
    }

    async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> UpstreamResult<ProviderQuote> {
        let topic = ProviderQuery::Quote(symbol.clone());
        let mut errors = Vec::new();
        let mut older: Option<(ProviderKind, ProviderQuote)> = None;
        let mut unconfirmed: Vec<(ProviderKind, ProviderQuote)> = Vec::new();
        for guarded in &self.guarded {
            let call = || guarded.provider().quote(symbol);
            let convert = |quote| self.units.quote(quote);
            let returned = match self.call(guarded, &topic, call, convert).await {
                Ok(quote) => (guarded.kind(), quote),
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let is_near = last.is_none_or(|(price, _)| self.jumps.is_near(price, returned.1.price));
            if last.is_some_and(|(_, as_of)| returned.1.as_of < as_of) {
                // An older price far from the last one is not plausible.
                if !is_near {
                    errors.push(ProviderError::Malformed);
                } else if older.as_ref().is_none_or(|known| known.1.as_of < returned.1.as_of) {
                    older = Some(returned);
                }
            } else if is_near {
                // A price older than an unconfirmed one neither confirms nor refutes it.
                if unconfirmed.iter().any(|one| one.1.as_of > returned.1.as_of) {
                    continue;
                }
                self.jumps.clear(symbol);
                return Ok(returned);
            } else if let Some(at) =
                unconfirmed.iter().position(|one| self.jumps.agree(one, &returned))
            {
                self.jumps.clear(symbol);
                let first = unconfirmed.swap_remove(at);
                return Ok(if first.1.as_of > returned.1.as_of { first } else { returned });
            } else {
                unconfirmed.push(returned);
            }
        }
        let is_alone = unconfirmed.len() == 1;
        let newest = unconfirmed.iter().map(|one| one.1.as_of).max();
        match unconfirmed.pop() {
            Some(returned) if is_alone && self.jumps.is_confirmed(&returned, self.clock.now()) => {
                Ok(returned)
            }
            Some(returned) => {
                Err(ProviderError::Unconfirmed { as_of: newest.unwrap_or(returned.1.as_of) })
            }
            None => older.ok_or_else(|| most_useful(errors)),
        }
    }
}

/// A profile without markup and control characters.
fn plain_profile(profile: &CompanyProfile) -> CompanyProfile {
    let plain = |text: &String| clean_text(text).text.into_owned();
    let maybe = |text: &Option<String>| text.as_ref().map(plain);
    CompanyProfile {
        symbol: profile.symbol.clone(),
        name: plain(&profile.name),
        description: maybe(&profile.description),
        exchange: maybe(&profile.exchange),
        currency: maybe(&profile.currency),
        country: maybe(&profile.country),
        sector: maybe(&profile.sector),
        industry: maybe(&profile.industry),
        website: profile.website.as_deref().map(|url| without_controls(url).into_owned()),
    }
}

fn plain_hits(hits: &[SearchHit]) -> Vec<SearchHit> {
    let plain = |text: &String| clean_text(text).text.into_owned();
    let hit = |hit: &SearchHit| SearchHit {
        symbol: without_controls(&hit.symbol).into_owned(),
        name: plain(&hit.name),
        kind: hit.kind.as_ref().map(plain),
        region: hit.region.as_ref().map(plain),
        exchange: hit.exchange.as_ref().map(plain),
        currency: hit.currency.as_ref().map(plain),
    };
    hits.iter().map(hit).collect()
}

/// What all refusals together mean.
fn most_useful(errors: Vec<ProviderError>) -> ProviderError {
    let offered: Vec<ProviderError> =
        errors.into_iter().filter(|error| *error != ProviderError::Unsupported).collect();
    let Some(first) = offered.first() else { return ProviderError::Unsupported };
    if offered.iter().all(|error| *error == ProviderError::NotFound) {
        return ProviderError::NotFound;
    }
    let waits = |error: &&ProviderError| match error {
        ProviderError::RateLimited { retry_after, .. } => retry_after.unwrap_or(Duration::MAX),
        _ => Duration::MAX,
    };
    let limited = offered.iter().filter(|one| matches!(one, ProviderError::RateLimited { .. }));
    let soonest = limited.min_by_key(waits);
    let other = offered.iter().find(|one| **one != ProviderError::NotFound);
    soonest.or(other).unwrap_or(first).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::QuotaWindow;

    #[test]
    fn texts_of_providers_have_no_markup_no_control_characters_and_no_marks_of_direction() {
        let dirty = "<b>A</b>\0\u{202e}B\u{7}";
        let some = || Some(dirty.to_owned());
        let profile = plain_profile(&CompanyProfile {
            symbol: Symbol::parse("A").expect("a symbol"),
            name: dirty.to_owned(),
            description: some(),
            exchange: some(),
            currency: some(),
            country: some(),
            sector: some(),
            industry: some(),
            website: Some("https://a.example/?b=1&c\u{200f}=2".to_owned()),
        });
        let CompanyProfile { description, exchange, currency, country, sector, industry, .. } =
            &profile;
        for text in [description, exchange, currency, country, sector, industry] {
            assert_eq!(text.as_deref(), Some("A B"));
        }
        assert_eq!(profile.name, "A B");
        assert_eq!(profile.website.as_deref(), Some("https://a.example/?b=1&c=2"));
        let hits = plain_hits(&[SearchHit {
            symbol: "A\u{2066}B".to_owned(),
            name: dirty.to_owned(),
            kind: some(),
            region: some(),
            exchange: some(),
            currency: some(),
        }]);
        let SearchHit { symbol, name, kind, region, exchange, currency } = &hits[0];
        assert_eq!((symbol.as_str(), name.as_str()), ("AB", "A B"));
        for text in [kind, region, exchange, currency] {
            assert_eq!(text.as_deref(), Some("A B"));
        }
    }

    #[test]
    fn the_rate_limit_that_ends_first_is_returned() {
        let limited = |seconds| ProviderError::RateLimited {
            window: QuotaWindow::Day,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        for (errors, expected) in [
            (vec![], ProviderError::Unsupported),
            (vec![ProviderError::Unsupported, ProviderError::NotFound], ProviderError::NotFound),
            (vec![ProviderError::NotFound, ProviderError::BreakerOpen], ProviderError::BreakerOpen),
            (vec![ProviderError::Transient, limited(9), limited(4)], limited(4)),
        ] {
            assert_eq!(most_useful(errors), expected);
        }
    }
}
