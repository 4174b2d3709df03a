//! The state that all requests share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use archive::History;
use cluster::{Counters, TagCache};
use domain::{Clock, Entropy, UnixMicros, VersionedRules};
use leaderboard::Leaderboards;
use market::{CompanyLookup, MarketSource, PriceBoard};
use store::Store;
use trading::{Desk, GameRules};

use crate::auth::passwords::Hasher;
use crate::auth::security_events::ThrottleLog;
use crate::auth::session_lookup::SessionLookup;
use crate::config::{LimitsConfig, WebConfig};
use crate::http::request_trace::StartTrace;
use crate::http::shutdown::Shutdown;
use crate::stream::Hub;

/// The services that the server constructs.
pub struct AppDeps {
    pub store: Store,
    /// Histories across the ledger and its archive.
    pub history: History,
    pub desk: Desk,
    pub prices: Arc<PriceBoard>,
    pub market: Arc<MarketSource>,
    /// Only in a live market.
    pub lookups: Option<Arc<CompanyLookup>>,
    pub boards: Arc<Leaderboards>,
    pub hub: Arc<Hub>,
    pub rules: Arc<GameRules>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// The counters of the rate limits.
    pub counters: Counters,
    pub cache: TagCache,
    pub config: WebConfig,
    /// Ends readiness before the server closes.
    pub shutdown: Shutdown,
    /// Renders all metrics in the text format of Prometheus; `None` if none are recorded.
    pub render_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    pub start_trace: StartTrace,
    /// The highest cost of the bcrypt hashes of imported users.
    pub bcrypt_cost_max: Option<u32>,
}

/// The state that all requests share; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    deps: Arc<AppDeps>,
    pub(crate) session_lookup: SessionLookup,
    pub(crate) hasher: Hasher,
    /// The rate limits in effect; those of the configuration at first.
    limits: Arc<ArcSwap<LimitsConfig>>,
    /// Whether each request is logged; as the configuration has it at first.
    access_log: Arc<AtomicBool>,
    pub(crate) throttle_log: ThrottleLog,
}

impl AppState {
    /// Requires a Tokio runtime.
    pub fn new(deps: AppDeps) -> Self {
        Self {
            session_lookup: SessionLookup::new(deps.store.clone(), Arc::clone(&deps.clock)),
            hasher: Hasher::new(&deps.config.auth, deps.bcrypt_cost_max),
            limits: Arc::new(ArcSwap::from_pointee(deps.config.limits.clone())),
            access_log: Arc::new(AtomicBool::new(deps.config.http.access_log)),
            throttle_log: ThrottleLog::default(),
            deps: Arc::new(deps),
        }
    }

    /// Applies other rate limits from the next request on.
    pub fn set_limits(&self, limits: LimitsConfig) {
        self.limits.store(Arc::new(limits));
    }

    /// Begins or ends the access log with the next response.
    pub fn set_access_log(&self, is_on: bool) {
        self.access_log.store(is_on, Ordering::Relaxed);
    }

    pub(crate) fn has_access_log(&self) -> bool {
        self.access_log.load(Ordering::Relaxed)
    }

    pub(crate) fn limits(&self) -> Arc<LimitsConfig> {
        self.limits.load_full()
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> Arc<VersionedRules> {
        self.rules.current()
    }

    /// Whether a quote is too old at present.
    pub(crate) fn is_stale(&self, as_of: UnixMicros) -> bool {
        self.market.is_stale(as_of, self.clock.now(), self.rules().quote_age_max_s)
    }
}

impl Deref for AppState {
    type Target = AppDeps;

    fn deref(&self) -> &AppDeps {
        &self.deps
    }
}
