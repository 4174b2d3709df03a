//! Configuration of a live market: exchange calendar, refresh interval, cache TTLs, providers.

use domain::limited;
use serde::{Deserialize, Serialize};

use crate::guard::GuardConfig;
use crate::limits::DAY_SECONDS;
use crate::provider::ProvidersConfig;

/// The section `[market.live]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveConfig {
    /// The exchange in the calendar file, like `NYSE`.
    pub exchange: String,
    /// A file of calendars; empty: the built-in one.
    pub calendar_file: String,
    /// Whether orders are also accepted while the exchange is closed.
    pub around_the_clock: bool,
    /// Seconds between two refreshes of the price of a stock, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub refresh_interval_s: u32,
    pub cache_ttl: CacheTtl,
    pub providers: ProvidersConfig,
    pub guard: GuardConfig,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            exchange: "NYSE".to_owned(),
            calendar_file: String::new(),
            around_the_clock: false,
            refresh_interval_s: 300,
            cache_ttl: CacheTtl::default(),
            providers: ProvidersConfig::default(),
            guard: GuardConfig::default(),
        }
    }
}

/// How long results of providers are fresh, in seconds, each 1 to 31,536,000. Older results are
/// served while no newer one is available.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheTtl {
    /// A price; a request for an older one refreshes it early.
    #[serde(deserialize_with = "limited::<_, _, 1, { 365 * DAY_SECONDS as i64 }>")]
    pub quote_s: u32,
    #[serde(deserialize_with = "limited::<_, _, 1, { 365 * DAY_SECONDS as i64 }>")]
    pub profile_s: u32,
    /// The results of a search.
    #[serde(deserialize_with = "limited::<_, _, 1, { 365 * DAY_SECONDS as i64 }>")]
    pub listing_s: u32,
}

impl Default for CacheTtl {
    fn default() -> Self {
        Self { quote_s: 300, profile_s: 7 * DAY_SECONDS, listing_s: 30 * DAY_SECONDS }
    }
}
