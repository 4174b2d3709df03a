//! Company profiles and search results, fetched from providers in the background and cached.
//! Callers never wait for a provider; an old result is returned until a newer one arrives.

use std::sync::Arc;
use std::time::Duration;

use domain::{Symbol, UnixMicros};
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::config::CacheTtl;
use crate::guard::Providers;
use crate::provider::{CompanyProfile, SearchHit};

/// The most cached profiles and search results.
const ENTRIES_MAX: u64 = 10_000;
/// The most provider calls in flight; further calls are left for a later caller.
const IN_FLIGHT_MAX: usize = 4;
/// How long a failed lookup is not retried and a stock is not refreshed early again.
const BACKOFF: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum LookupKey {
    Profile(Symbol),
    Search(String),
}

/// Company profiles and search results. Shared between tasks behind an `Arc`.
pub struct CompanyLookup {
    providers: Arc<Providers>,
    profiles: Cache<Symbol, Arc<CompanyProfile>>,
    searches: Cache<String, Arc<Vec<SearchHit>>>,
    /// Results within their TTL.
    profiles_fresh: Cache<Symbol, ()>,
    searches_fresh: Cache<String, ()>,
    backoff: Cache<LookupKey, ()>,
    refreshed_early: Cache<i64, ()>,
    quote_ttl_s: i64,
    in_flight: Arc<Semaphore>,
}

impl CompanyLookup {
    pub fn new(providers: Arc<Providers>, ttl: &CacheTtl) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            providers,
            profiles: Cache::new(ENTRIES_MAX),
            searches: Cache::new(ENTRIES_MAX),
            profiles_fresh: expiring_cache(seconds(ttl.profile_s)),
            searches_fresh: expiring_cache(seconds(ttl.listing_s)),
            backoff: expiring_cache(BACKOFF),
            refreshed_early: expiring_cache(BACKOFF),
            quote_ttl_s: i64::from(ttl.quote_s),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        }
    }

    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// The cached profile of a company, which may be old; `None` before the first result.
    pub fn profile(self: &Arc<Self>, symbol: &Symbol) -> Option<Arc<CompanyProfile>> {
        let about = LookupKey::Profile(symbol.clone());
        if !self.profiles_fresh.contains_key(symbol) && !self.backoff.contains_key(&about) {
            let (lookups, key) = (Arc::clone(self), symbol.clone());
            self.start(about, async move {
                let result = lookups.providers.profile(&key).await;
                if let Ok((_, profile)) = result {
                    lookups.profiles.insert(key.clone(), profile);
                    lookups.profiles_fresh.insert(key, ());
                }
            });
        }
        self.profiles.get(symbol)
    }

    /// The cached search result for a text, which may be old; `None` before the first result.
    pub fn search(self: &Arc<Self>, text: &str) -> Option<Arc<Vec<SearchHit>>> {
        let text = text.to_lowercase();
        let about = LookupKey::Search(text.clone());
        if !self.searches_fresh.contains_key(&text) && !self.backoff.contains_key(&about) {
            let (lookups, key) = (Arc::clone(self), text.clone());
            self.start(about, async move {
                let result = lookups.providers.search(&key).await;
                if let Ok((_, hits)) = result {
                    lookups.searches.insert(key.clone(), hits);
                    lookups.searches_fresh.insert(key, ());
                }
            });
        }
        self.searches.get(&text)
    }

    /// Whether a stock's price, made at `as_of`, should be refreshed early: when it is
    /// too old, and at most once a minute.
    pub fn should_refresh(&self, stock_id: i64, as_of: UnixMicros, now: UnixMicros) -> bool {
        let is_old = as_of.plus_seconds(self.quote_ttl_s) < now;
        is_old && self.refreshed_early.entry(stock_id).or_insert(()).is_fresh()
    }

    fn start(&self, about: LookupKey, call: impl Future<Output = ()> + Send + 'static) {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else { return };
        // Before the call starts, so that concurrent callers do not start another one.
        self.backoff.insert(about, ());
        tokio::spawn(async move {
            call.await;
            drop(permit);
        });
    }
}

fn expiring_cache<K>(time: Duration) -> Cache<K, ()>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
{
    Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(time).build()
}
