//! Protection around price providers: circuit breaker, quota, fallback order, single-flight and
//! confirmation of price jumps.

mod config;
mod guarded_provider;
mod plain_text;
mod price_jumps;
mod provider_chain;
mod providers;
mod shared_calls;
mod state;
mod units;

pub use config::{BreakerConfig, GuardConfig, QuotaConfig, QuotasConfig};
pub use guarded_provider::{ProviderStatus, reset_provider};
pub use price_jumps::CONFIRM_S;
pub use providers::Providers;
pub use state::CircuitState;
pub use units::StockUnits;
