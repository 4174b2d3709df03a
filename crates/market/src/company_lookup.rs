//! Company profiles and search results, fetched from providers in the background and cached. Callers
//! never wait for a provider; an old result is returned until a newer one arrives.

use std::sync::Arc;
use std::time::Duration;

use domain::{Symbol, UnixMicros};
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::config::CacheTtl;
use crate::guard::Providers;
use crate::provider::{CompanyProfile, SearchHit};

/// Companies and texts of which an answer is kept.
const KEPT_MAX: u64 = 10_000;
/// Questions under way; what is asked beyond is left for the next who asks.
const UNDER_WAY_MAX: usize = 4;
/// For how long it is not tried again after a refusal, and a stock is not hurried again.
const REST: Duration = Duration::from_secs(60);

/// What was asked for, so as not to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum LookupKey {
    Profile(Symbol),
    Search(String),
}

/// Answers about companies. Shared between tasks behind an `Arc`.
pub struct CompanyLookup {
    providers: Arc<Providers>,
    profiles: Cache<Symbol, Arc<CompanyProfile>>,
    searches: Cache<String, Arc<Vec<SearchHit>>>,
    /// What is fresh, or being asked for.
    profiles_fresh: Cache<Symbol, ()>,
    searches_fresh: Cache<String, ()>,
    resting: Cache<LookupKey, ()>,
    hurried: Cache<i64, ()>,
    quote_ttl_s: i64,
    under_way: Arc<Semaphore>,
}

impl CompanyLookup {
    /// Nothing is known yet.
    pub fn new(providers: Arc<Providers>, ttl: &CacheTtl) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            providers,
            profiles: Cache::new(KEPT_MAX),
            searches: Cache::new(KEPT_MAX),
            profiles_fresh: kept_for(seconds(ttl.profile_s)),
            searches_fresh: kept_for(seconds(ttl.listing_s)),
            resting: kept_for(REST),
            hurried: kept_for(REST),
            quote_ttl_s: i64::from(ttl.quote_s),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        }
    }

    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// What providers told of a company, perhaps a while ago; `None` while that is nothing.
    pub fn profile(self: &Arc<Self>, symbol: &Symbol) -> Option<Arc<CompanyProfile>> {
        let about = LookupKey::Profile(symbol.clone());
        if !self.profiles_fresh.contains_key(symbol) && !self.resting.contains_key(&about) {
            let (lookups, asked) = (Arc::clone(self), symbol.clone());
            self.ask(about, async move {
                let told = lookups.providers.profile(&asked).await;
                if let Ok((_, profile)) = told {
                    lookups.profiles.insert(asked.clone(), profile);
                    lookups.profiles_fresh.insert(asked, ());
                }
            });
        }
        self.profiles.get(symbol)
    }

    /// What providers found for a text, perhaps a while ago; `None` while that is nothing.
    pub fn search(self: &Arc<Self>, text: &str) -> Option<Arc<Vec<SearchHit>>> {
        let text = text.to_lowercase();
        let about = LookupKey::Search(text.clone());
        if !self.searches_fresh.contains_key(&text) && !self.resting.contains_key(&about) {
            let (lookups, asked) = (Arc::clone(self), text.clone());
            self.ask(about, async move {
                let told = lookups.providers.search(&asked).await;
                if let Ok((_, hits)) = told {
                    lookups.searches.insert(asked.clone(), hits);
                    lookups.searches_fresh.insert(asked, ());
                }
            });
        }
        self.searches.get(&text)
    }

    /// Whether a stock's price, made at `as_of`, should be asked for before its turn: when it is
    /// too old, and at most once a minute.
    pub fn is_hurried(&self, stock_id: i64, as_of: UnixMicros, now: UnixMicros) -> bool {
        let is_old = as_of.plus_seconds(self.quote_ttl_s) < now;
        is_old && self.hurried.entry(stock_id).or_insert(()).is_fresh()
    }

    fn ask(&self, about: LookupKey, operation: impl Future<Output = ()> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.under_way).try_acquire_owned() else { return };
        // Before it is asked: whoever asks meanwhile does not ask again.
        self.resting.insert(about, ());
        tokio::spawn(async move {
            operation.await;
            drop(place);
        });
    }
}

fn kept_for<K>(time: Duration) -> Cache<K, ()>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
{
    Cache::builder().max_capacity(KEPT_MAX).time_to_live(time).build()
}
