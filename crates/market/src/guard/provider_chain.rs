//! Calls the providers in the configured order until one succeeds, caches negative results, and
//! confirms price jumps by a second provider.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, Price, Secret, Symbol, UnixMicros};
use moka::sync::Cache;
use store::Store;

use super::config::GuardConfig;
use super::guarded_provider::{GuardedProvider, ProviderStatus};
use super::price_jumps::PriceJumps;
use super::units::StockUnits;
use crate::provider::{
    ProviderError, ProviderFuture, ProviderKind, ProviderOperation, ProviderQuote, QuoteProvider,
};

/// The most cached negative results.
const UNKNOWN_MAX: u64 = 50_000;

/// A result and the provider that returned it.
pub(super) type UpstreamResult<T> = Result<(ProviderKind, T), ProviderError>;

/// The key of a call for single-flight and the negative cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ProviderQuery {
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

pub(super) struct ProviderChain {
    guarded: Vec<GuardedProvider>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Negative results of providers and when they expire.
    unknown: Cache<(ProviderKind, ProviderQuery), (ProviderError, UnixMicros)>,
    not_found_ttl_s: u32,
    jumps: PriceJumps,
    pub(super) units: StockUnits,
}

impl ProviderChain {
    pub(super) fn new(
        config: &Arc<GuardConfig>,
        providers: Vec<Arc<dyn QuoteProvider>>,
        units: StockUnits,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let guarded = providers.into_iter().map(|provider| {
            GuardedProvider::new(provider, Arc::clone(config), store.clone(), Arc::clone(clock))
        });
        Self {
            guarded: guarded.collect(),
            store: store.clone(),
            clock: Arc::clone(clock),
            unknown: Cache::new(UNKNOWN_MAX),
            not_found_ttl_s: config.not_found_ttl_s,
            jumps: PriceJumps::new(config.jump_percent_max),
            units,
        }
    }

    pub(super) fn kinds(&self) -> Vec<ProviderKind> {
        self.guarded.iter().map(GuardedProvider::kind).collect()
    }

    /// Replaces the key of a provider; false if it is not in the chain.
    pub(super) fn set_key(&self, kind: ProviderKind, key: Secret) -> bool {
        let found = self.guarded.iter().find(|guarded| guarded.kind() == kind);
        if let Some(guarded) = found {
            guarded.provider().set_key(key);
        }
        found.is_some()
    }

    pub(super) async fn statuses(&self) -> Vec<ProviderStatus> {
        let usages = self.store.provider_usages().await;
        if let Err(error) = &usages {
            tracing::warn!(%error, "cannot read provider states from the database");
        }
        let usages = usages.as_deref().ok();
        self.guarded.iter().map(|guarded| guarded.status(usages)).collect()
    }

    /// The converted result of the first provider that succeeds.
    pub(super) async fn first<'a, T, U>(
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

    pub(super) async fn quote(
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

/// The most informative of the errors.
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
