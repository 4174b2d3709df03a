//! What a cache is allowed to keep, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Kinds of values, each with a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Pages of the board.
    Leaderboard,
    /// Prices of stocks.
    Quote,
    /// What a company is.
    Profile,
    /// Which stocks there are.
    Listing,
}

/// The limits of a cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// All values in memory together, as JSON with their keys, in bytes.
    pub memory_bytes_max: u64,
    /// One value as JSON, in bytes; a larger one is handed out and not kept.
    pub value_bytes_max: u32,
    /// Seconds for which a value is fresh; for as long again it is handed out while it is loaded.
    pub leaderboard_ttl_s: u32,
    /// The same for quotes.
    pub quote_ttl_s: u32,
    /// The same for profiles.
    pub profile_ttl_s: u32,
    /// The same for listings.
    pub listing_ttl_s: u32,
    /// Seconds for which a value in memory is trusted while other nodes cannot be heard.
    pub deaf_ttl_s: u32,
    /// Between two times that the others are told of one tag, in milliseconds.
    pub invalidate_interval_ms: u32,
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
            deaf_ttl_s: 5,
            invalidate_interval_ms: 1_000,
        }
    }
}

impl CacheConfig {
    /// For how long a value of this family is fresh.
    pub fn ttl(&self, family: Family) -> Duration {
        let seconds = match family {
            Family::Leaderboard => self.leaderboard_ttl_s,
            Family::Quote => self.quote_ttl_s,
            Family::Profile => self.profile_ttl_s,
            Family::Listing => self.listing_ttl_s,
        };
        Duration::from_secs(seconds.into())
    }

    pub(super) fn deaf_ttl(&self) -> Duration {
        Duration::from_secs(self.deaf_ttl_s.into())
    }

    pub(super) fn invalidate_interval(&self) -> Duration {
        Duration::from_millis(self.invalidate_interval_ms.into())
    }

    /// The longest that any value is kept.
    pub(super) fn kept_max(&self) -> Duration {
        let longest = Family::ALL.map(|family| self.ttl(family)).into_iter().max();
        longest.unwrap_or_default() * 2
    }
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Leaderboard, Self::Quote, Self::Profile, Self::Listing];

    /// The name, in keys and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leaderboard => "leaderboard",
            Self::Quote => "quote",
            Self::Profile => "profile",
            Self::Listing => "listing",
        }
    }
}
