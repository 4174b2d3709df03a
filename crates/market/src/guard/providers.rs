//! All providers in their order: the next one is asked when one refuses, one question at a time for
//! the same thing, and a price that jumps is doubted until somebody else tells it, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock, Day, Price, Symbol, UnixMicros};
use futures_util::FutureExt as _;
use moka::sync::Cache;
use store::Store;

use super::config::GuardConfig;
use super::flight::Flights;
use super::guarded::{Guarded, ProviderStatus};
use crate::provider::{
    Asked, CompanyProfile, DailyBar, ProviderKind, ProviderQuote, Question, QuoteProvider, Refusal,
    SearchHit,
};

/// Of how many stocks it is remembered that a provider does not know them.
const UNKNOWN_MAX: u64 = 50_000;
/// After how long the same provider may confirm a price that jumped, in seconds.
const DOUBT_S: i64 = 60;

/// An answer and who gave it.
type Told<T> = Result<(ProviderKind, T), Refusal>;

/// The providers of a live market. Shared between tasks behind an `Arc`.
pub struct Providers {
    inner: Arc<Inner>,
    quotes: Flights<Symbol, Told<ProviderQuote>>,
    histories: Flights<(Symbol, Day, Day), Told<Arc<Vec<DailyBar>>>>,
    searches: Flights<String, Told<Arc<Vec<SearchHit>>>>,
    profiles: Flights<Symbol, Told<Arc<CompanyProfile>>>,
}

struct Inner {
    guarded: Vec<Guarded>,
    config: Arc<GuardConfig>,
    clock: Arc<dyn Clock>,
    /// What a provider said it does not know.
    unknown: Cache<(ProviderKind, Question, Symbol), ()>,
    /// Prices that jumped and that nobody else has told, yet.
    doubts: Mutex<HashMap<Symbol, Doubt>>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    provider: ProviderKind,
    price: Price,
    since: UnixMicros,
}

impl Providers {
    /// These providers in this order.
    pub fn new(
        config: GuardConfig,
        providers: Vec<Arc<dyn QuoteProvider>>,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let config = Arc::new(config);
        let guarded = providers.into_iter().map(|provider| {
            Guarded::new(provider, Arc::clone(&config), store.clone(), Arc::clone(clock))
        });
        let ttl = Duration::from_secs(config.not_found_ttl_s.into());
        let inner = Inner {
            guarded: guarded.collect(),
            unknown: Cache::builder().max_capacity(UNKNOWN_MAX).time_to_live(ttl).build(),
            config,
            clock: Arc::clone(clock),
            doubts: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            quotes: Flights::default(),
            histories: Flights::default(),
            searches: Flights::default(),
            profiles: Flights::default(),
        }
    }

    /// The providers in their order.
    pub fn kinds(&self) -> Vec<ProviderKind> {
        self.inner.guarded.iter().map(Guarded::kind).collect()
    }

    /// How each of them is.
    pub async fn statuses(&self) -> Vec<ProviderStatus> {
        let mut statuses = Vec::new();
        for guarded in &self.inner.guarded {
            statuses.push(guarded.status().await);
        }
        statuses
    }

    /// The present price of a stock. `last` is the last good one and when it was made: a price made
    /// before it is given only if nobody has a newer one, and one that differs from it by more than
    /// `jump_percent_max` only once it was told twice, by two providers or, a minute apart, by one.
    ///
    /// # Errors
    /// Why nobody told one: `NotFound` when nobody knows the stock; else the refusal that ends the
    /// soonest, as far as that is known.
    pub async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> Told<ProviderQuote> {
        let (inner, asked) = (Arc::clone(&self.inner), symbol.clone());
        let ask = || async move { inner.quote(&asked, last).await }.boxed();
        self.quotes.join(symbol.clone(), ask).await.unwrap_or(Err(Refusal::Transient))
    }

    /// The daily bars from `from` to `to`, ascending.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn history(&self, symbol: &Symbol, from: Day, to: Day) -> Told<Arc<Vec<DailyBar>>> {
        let (inner, asked) = (Arc::clone(&self.inner), symbol.clone());
        let ask = || {
            async move {
                let call = |one| QuoteProvider::history(one, &asked, from, to);
                inner.first(Question::History, Some(&asked), call).await
            }
            .boxed()
        };
        let key = (symbol.clone(), from, to);
        self.histories.join(key, ask).await.unwrap_or(Err(Refusal::Transient))
    }

    /// Stocks that fit a text.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn search(&self, text: &str) -> Told<Arc<Vec<SearchHit>>> {
        let (inner, asked) = (Arc::clone(&self.inner), text.to_owned());
        let ask = || {
            async move {
                let call = |one| QuoteProvider::search(one, &asked);
                inner.first(Question::Search, None, call).await
            }
            .boxed()
        };
        self.searches.join(text.to_owned(), ask).await.unwrap_or(Err(Refusal::Transient))
    }

    /// What a company does.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn profile(&self, symbol: &Symbol) -> Told<Arc<CompanyProfile>> {
        let (inner, asked) = (Arc::clone(&self.inner), symbol.clone());
        let ask = || {
            async move {
                let call = |one| QuoteProvider::profile(one, &asked);
                inner.first(Question::Profile, Some(&asked), call).await
            }
            .boxed()
        };
        self.profiles.join(symbol.clone(), ask).await.unwrap_or(Err(Refusal::Transient))
    }
}

impl Inner {
    /// The answer of the first provider that has one.
    async fn first<'a, T>(
        &'a self,
        question: Question,
        symbol: Option<&Symbol>,
        call: impl Fn(&'a dyn QuoteProvider) -> Asked<'a, T>,
    ) -> Told<Arc<T>> {
        let mut refusals = Vec::new();
        for guarded in &self.guarded {
            match self.ask(guarded, question, symbol, call(guarded.provider())).await {
                Ok(answer) => return Ok((guarded.kind(), Arc::new(answer))),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(most_useful(refusals))
    }

    async fn ask<T>(
        &self,
        guarded: &Guarded,
        question: Question,
        symbol: Option<&Symbol>,
        call: Asked<'_, T>,
    ) -> Result<T, Refusal> {
        let key = symbol.map(|symbol| (guarded.kind(), question, symbol.clone()));
        if key.as_ref().is_some_and(|key| self.unknown.contains_key(key)) {
            return Err(Refusal::NotFound);
        }
        let answer = guarded.ask(question, call).await;
        let is_unknown = matches!(
            answer,
            Err(Refusal::NotFound | Refusal::PlanRestricted { symbol_only: true })
        );
        if let Some(key) = key.filter(|_| is_unknown) {
            self.unknown.insert(key, ());
        }
        answer
    }

    async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> Told<ProviderQuote> {
        let (mut refusals, mut older, mut doubted) = (Vec::new(), None, Vec::new());
        for guarded in &self.guarded {
            let call = guarded.provider().quote(symbol);
            let quote = match self.ask(guarded, Question::Quote, Some(symbol), call).await {
                Ok(quote) => quote,
                Err(refusal) => {
                    refusals.push(refusal);
                    continue;
                }
            };
            let told = (guarded.kind(), quote);
            if last.is_some_and(|(_, as_of)| told.1.as_of < as_of) {
                // The newest of those that are all too old.
                let is_newer = |(_, old): &(_, ProviderQuote)| old.as_of < told.1.as_of;
                if older.as_ref().is_none_or(is_newer) {
                    older = Some(told);
                }
            } else if last.is_none_or(|(price, _)| self.is_near(price, told.1.price)) {
                self.forget_doubt(symbol);
                return Ok(told);
            } else if doubted.iter().any(|one| self.agree(one, &told)) {
                self.forget_doubt(symbol);
                return Ok(told);
            } else {
                doubted.push(told);
            }
        }
        // Without a second provider the first one may say it again later.
        match doubted.into_iter().next() {
            Some(told) if self.is_confirmed(symbol, &told) => Ok(told),
            Some(_) => Err(Refusal::Malformed),
            None => older.ok_or_else(|| most_useful(refusals)),
        }
    }

    fn agree(
        &self,
        one: &(ProviderKind, ProviderQuote),
        two: &(ProviderKind, ProviderQuote),
    ) -> bool {
        one.0 != two.0 && self.is_near(one.1.price, two.1.price)
    }

    /// Whether two prices differ by no more than a jump, measured by the smaller one.
    fn is_near(&self, one: Price, two: Price) -> bool {
        let (low, high) = (i128::from(one.0.min(two.0)), i128::from(one.0.max(two.0)));
        (high - low) * 100 <= low * i128::from(self.config.jump_percent_max)
    }

    /// Whether the same provider told about the same price before, long enough ago. Remembers it
    /// otherwise.
    fn is_confirmed(&self, symbol: &Symbol, told: &(ProviderKind, ProviderQuote)) -> bool {
        let now = self.clock.now();
        let (provider, price) = (told.0, told.1.price);
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = doubts.get(symbol).copied();
        let known = known.filter(|old| old.provider == provider && self.is_near(old.price, price));
        match known {
            Some(doubt) if doubt.since.plus_seconds(DOUBT_S) <= now => {
                doubts.remove(symbol);
                true
            }
            Some(_) => false,
            None => {
                tracing::warn!(%symbol, %provider, %price, "a price jumped and is not believed yet");
                doubts.insert(symbol.clone(), Doubt { provider, price, since: now });
                false
            }
        }
    }

    fn forget_doubt(&self, symbol: &Symbol) {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).remove(symbol);
    }
}

/// What all refusals together mean.
fn most_useful(refusals: Vec<Refusal>) -> Refusal {
    let offered: Vec<Refusal> =
        refusals.into_iter().filter(|refusal| *refusal != Refusal::Unsupported).collect();
    let Some(first) = offered.first() else { return Refusal::Unsupported };
    if offered.iter().all(|refusal| *refusal == Refusal::NotFound) {
        return Refusal::NotFound;
    }
    let waits = |refusal: &&Refusal| match refusal {
        Refusal::RateLimited { retry_after, .. } => retry_after.unwrap_or(Duration::MAX),
        _ => Duration::MAX,
    };
    let limited = offered.iter().filter(|one| matches!(one, Refusal::RateLimited { .. }));
    let soonest = limited.min_by_key(waits);
    let other = offered.iter().find(|one| **one != Refusal::NotFound);
    soonest.or(other).unwrap_or(first).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Window;

    #[test]
    fn the_refusal_that_ends_first_is_told() {
        let limited = |seconds| Refusal::RateLimited {
            window: Window::Day,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        for (refusals, expected) in [
            (vec![], Refusal::Unsupported),
            (vec![Refusal::Unsupported, Refusal::NotFound], Refusal::NotFound),
            (vec![Refusal::NotFound, Refusal::BreakerOpen], Refusal::BreakerOpen),
            (vec![Refusal::Transient, limited(9), limited(4)], limited(4)),
        ] {
            assert_eq!(most_useful(refusals), expected);
        }
    }
}
