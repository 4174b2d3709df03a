//! Protection around price providers: circuit breaker, quota, fallback order, single-flight and
//! confirmation of price jumps.

mod config;
mod guarded_provider;
mod price_jumps;
mod providers;
mod single_flight;
mod state;
mod units;

pub use config::{BreakerConfig, GuardConfig, QuotaConfig, QuotasConfig};
pub use guarded_provider::{ProviderStatus, reset_provider};
pub use price_jumps::CONFIRM_S;
pub use providers::Providers;
pub use state::BreakerState;
pub use units::StockUnits;
