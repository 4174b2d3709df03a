//! The `[cache]` section of the configuration: the size and the lifetimes of cached values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Kinds of values, each with its own lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Names and ranks on leaderboards.
    Leaderboard,
    /// Closes of stocks.
    Quote,
    /// One stock.
    Profile,
    /// Lists of stocks.
    Listing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// The JSON length of all cached values with their keys, in bytes.
    pub memory_bytes_max: u64,
    /// The JSON length of one value, in bytes; a larger value is served and not stored.
    pub value_bytes_max: u32,
    /// Seconds for which a value is fresh; it is served for as long again while it is reloaded.
    pub leaderboard_ttl_s: u32,
    pub quote_ttl_s: u32,
    pub profile_ttl_s: u32,
    pub listing_ttl_s: u32,
    /// Seconds for which a value is served while the node is not subscribed to the bus.
    pub disconnected_ttl_s: u32,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 * 1024 * 1024,
            value_bytes_max: 1024 * 1024,
            leaderboard_ttl_s: 300,
            quote_ttl_s: 300,
            profile_ttl_s: 604_800,
            listing_ttl_s: 2_592_000,
            disconnected_ttl_s: 5,
        }
    }
}

impl CacheConfig {
    pub(super) fn ttl(&self, family: Family) -> Duration {
        let seconds = match family {
            Family::Leaderboard => self.leaderboard_ttl_s,
            Family::Quote => self.quote_ttl_s,
            Family::Profile => self.profile_ttl_s,
            Family::Listing => self.listing_ttl_s,
        };
        Duration::from_secs(seconds.into())
    }

    pub(super) fn disconnected_ttl(&self) -> Duration {
        Duration::from_secs(self.disconnected_ttl_s.into())
    }
}

impl Family {
    pub(crate) const ALL: [Self; 4] =
        [Self::Leaderboard, Self::Quote, Self::Profile, Self::Listing];

    /// The label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Leaderboard => "leaderboard",
            Self::Quote => "quote",
            Self::Profile => "profile",
            Self::Listing => "listing",
        }
    }
}
