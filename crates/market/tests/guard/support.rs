//! A scripted provider, and nodes on a database of either engine.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Clock, DailyBar, Day, Price, Secret, Symbol, UnixMicros};
use market::*;
use store::{DatabaseConfig, Store};
use testkit::ManualClock;
use tokio::sync::Semaphore;

/// A store with an empty, migrated database, and the guard of that database.
pub(crate) struct FreshDatabase {
    pub(crate) store: Store,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

pub(crate) async fn fresh_database(engine: &str) -> FreshDatabase {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => testkit::migrated_database(migrate).await,
    };
    let store = open(&url).await;
    store.migrate().await.expect("migrates");
    FreshDatabase { store, url, _directory: directory }
}

async fn migrate(url: &str) {
    let store = open(url).await;
    store.migrate().await.expect("migrates");
    store.close().await;
}

/// Another node's way to the same database.
pub(crate) async fn open(url: &str) -> Store {
    let config =
        DatabaseConfig { url: url.to_owned(), connections_max: 4, ..DatabaseConfig::default() };
    Store::open(&config).await.expect("opens")
}

/// A response of a scripted provider.
#[derive(Clone, Debug)]
pub(crate) enum ScriptedResponse {
    /// This price, made at this instant.
    Price(i64, UnixMicros),
    Fail(ProviderError),
    /// Nothing until [`ScriptedProvider::release`]; then it refuses.
    Hang(ProviderError),
    /// This price, made at this instant, after some time.
    Late(Duration, i64, UnixMicros),
}

/// A provider with scripted responses that counts its calls.
#[derive(Debug)]
pub(crate) struct ScriptedProvider {
    kind: ProviderKind,
    always: Mutex<ScriptedResponse>,
    next: Mutex<VecDeque<ScriptedResponse>>,
    calls: AtomicUsize,
    hanging: Semaphore,
    unit: Mutex<Option<PriceUnit>>,
}

impl ScriptedProvider {
    pub(crate) fn new(kind: ProviderKind, always: ScriptedResponse) -> Arc<Self> {
        Arc::new(Self {
            kind,
            always: Mutex::new(always),
            next: Mutex::default(),
            calls: AtomicUsize::new(0),
            hanging: Semaphore::new(0),
            unit: Mutex::default(),
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Sets the response to all further calls.
    pub(crate) fn respond_with(&self, always: ScriptedResponse) {
        *self.always.lock().expect("not poisoned") = always;
    }

    /// The currency code that it states beside prices from now on.
    pub(crate) fn state_unit(&self, code: &str) {
        *self.unit.lock().expect("not poisoned") = PriceUnit::parse(code);
    }

    /// Sets the response to the next call.
    pub(crate) fn respond_once(&self, answer: ScriptedResponse) {
        self.next.lock().expect("not poisoned").push_back(answer);
    }

    /// Releases this number of hanging calls.
    pub(crate) fn release(&self, how_many: usize) {
        self.hanging.add_permits(how_many);
    }

    /// Waits for a number of calls.
    pub(crate) async fn until_called(&self, times: usize) {
        eventually(async || self.calls() >= times).await;
    }

    async fn price(&self) -> Result<(Price, UnixMicros), ProviderError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let next = self.next.lock().expect("not poisoned").pop_front();
        let answer = next.unwrap_or_else(|| self.always.lock().expect("not poisoned").clone());
        match answer {
            ScriptedResponse::Price(price, as_of) => Ok((Price(price), as_of)),
            ScriptedResponse::Fail(error) => Err(error),
            ScriptedResponse::Hang(error) => {
                self.hanging.acquire().await.expect("never closed").forget();
                Err(error)
            }
            ScriptedResponse::Late(after, price, as_of) => {
                let never = std::future::pending::<()>();
                tokio::time::timeout(after, never).await.expect_err("it takes its time");
                Ok((Price(price), as_of))
            }
        }
    }
}

impl QuoteProvider for ScriptedProvider {
    fn kind(&self) -> ProviderKind {
        self.kind
    }

    fn set_key(&self, _: Secret) {}

    fn quote<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, ProviderQuote> {
        Box::pin(async {
            let (price, as_of) = self.price().await?;
            Ok(ProviderQuote {
                symbol: symbol.clone(),
                price,
                previous_close: None,
                as_of,
                market_day: as_of.day(),
                volume: None,
                unit: self.unit.lock().expect("not poisoned").clone(),
            })
        })
    }

    fn history<'a>(&'a self, _: &'a Symbol, from: Day, _: Day) -> ProviderFuture<'a, PriceHistory> {
        Box::pin(async move {
            let (close, _) = self.price().await?;
            let (open, high, low, volume) = (None, None, None, None);
            let bars = vec![DailyBar { day: from, open, high, low, close, volume }];
            Ok(PriceHistory { bars, unit: self.unit.lock().expect("not poisoned").clone() })
        })
    }

    fn search<'a>(&'a self, text: &'a str) -> ProviderFuture<'a, Vec<SearchHit>> {
        Box::pin(async {
            self.price().await?;
            let (symbol, name) = (text.to_owned(), text.to_owned());
            let (kind, region, exchange, currency) = (None, None, None, None);
            Ok(vec![SearchHit { symbol, name, kind, region, exchange, currency }])
        })
    }

    fn profile<'a>(&'a self, symbol: &'a Symbol) -> ProviderFuture<'a, CompanyProfile> {
        Box::pin(async {
            self.price().await?;
            Ok(CompanyProfile {
                symbol: symbol.clone(),
                name: symbol.to_string(),
                description: None,
                exchange: None,
                currency: None,
                country: None,
                sector: None,
                industry: None,
                website: None,
            })
        })
    }
}

/// A node with these providers in this order.
pub(crate) fn node(
    config: &GuardConfig,
    providers: &[&Arc<ScriptedProvider>],
    store: &Store,
    clock: &ManualClock,
) -> Arc<Providers> {
    node_with_units(config, providers, StockUnits::default(), store, clock)
}

/// The same in a game with these units.
pub(crate) fn node_with_units(
    config: &GuardConfig,
    providers: &[&Arc<ScriptedProvider>],
    units: StockUnits,
    store: &Store,
    clock: &ManualClock,
) -> Arc<Providers> {
    let providers = providers.iter().map(|one| Arc::clone(one) as Arc<dyn QuoteProvider>);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Arc::new(Providers::new(config.clone(), providers.collect(), units, store, &clock))
}

/// The default settings without any quota.
pub(crate) fn without_quota() -> GuardConfig {
    let free =
        || QuotaConfig { per_second: 0, per_minute: 0, per_day: 0, day_zone: "UTC".to_owned() };
    let quota = QuotasConfig {
        alpha_vantage: free(),
        financial_modeling_prep: free(),
        finnhub: free(),
        twelve_data: free(),
    };
    GuardConfig { quota, ..GuardConfig::default() }
}

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

/// The provider and the price, or the error.
pub(crate) fn brief(
    result: Result<(ProviderKind, ProviderQuote), ProviderError>,
) -> Result<(ProviderKind, i64), ProviderError> {
    result.map(|(kind, quote)| (kind, quote.price.0))
}

/// Waits until something is so, which it is soon or never.
pub(crate) async fn eventually(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it comes about");
}
