//! What protects us and the providers of prices from each other: breaker, quota, order and doubt.
//! What a provider answers is for `provider` to read; here it is decided whether it is asked.

mod config;
mod doubt;
mod flight;
mod guarded;
mod providers;
mod state;
mod units;

pub use config::{BreakerConfig, GuardConfig, QuotaConfig, QuotasConfig};
pub use doubt::CONFIRM_S;
pub use guarded::{ProviderStatus, reset_provider};
pub use providers::Providers;
pub use state::BreakerWord;
pub use units::StockUnits;
