//! What every request shares. It holds things that were made elsewhere and makes none itself, but
//! for what follows from the configuration.

use std::ops::Deref;
use std::sync::Arc;

use archive::History;
use cluster::{Counters, TagCache};
use domain::{Clock, Entropy, Rules};
use leaderboard::Leaderboards;
use market::{CompanyLookup, MarketSource, PriceBoard};
use store::Store;
use trading::Desk;

use crate::auth::passwords::Hasher;
use crate::auth::session_lookup::SessionLookup;
use crate::config::WebConfig;
use crate::stream::Hub;

/// What the server hands over.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Histories, across the ledger and its archive.
    pub history: History,
    /// Where orders go.
    pub desk: Desk,
    /// The present prices.
    pub prices: Arc<PriceBoard>,
    /// The market they come from.
    pub market: Arc<MarketSource>,
    /// Who is asked about companies; only in a live market.
    pub lookups: Option<Arc<CompanyLookup>>,
    /// The rankings of all players.
    pub boards: Arc<Leaderboards>,
    /// Who listens to events.
    pub hub: Arc<Hub>,
    /// The rules of the game.
    pub rules: Arc<Rules>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// The counters behind the limits.
    pub counters: Counters,
    /// What is loaded seldom.
    pub cache: TagCache,
    /// The configuration of this crate.
    pub config: WebConfig,
    /// Writes all metrics in the text format of Prometheus.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What every request shares; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    parts: Arc<Parts>,
    /// Finds out whose token it is.
    pub(crate) session_lookup: SessionLookup,
    /// Hashes passwords.
    pub(crate) hasher: Hasher,
}

impl AppState {
    /// The state of a server. Call it within a Tokio runtime.
    pub fn new(parts: Parts) -> Self {
        Self {
            session_lookup: SessionLookup::new(parts.store.clone(), Arc::clone(&parts.clock)),
            hasher: Hasher::new(&parts.config.auth),
            parts: Arc::new(parts),
        }
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
