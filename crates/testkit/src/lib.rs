//! What tests of every crate share: a clock and a chance they control, and throwaway PostgreSQL and
//! Redis servers. It is a dev-dependency only, panics instead of returning errors, and holds no
//! mock of a store: tests use real ones. Nothing here touches a server it did not start, except
//! those that `./test` names in the environment.

mod clock;
mod entropy;
mod postgres;
mod process;
mod proxy;
mod redis;
mod seconds;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use postgres::{POSTGRES_URL_VARIABLE, Postgres, postgres_database};
pub use proxy::FaultProxy;
pub use redis::{REDIS_URL_VARIABLE, Redis, redis_url};
pub use seconds::{SECONDS_VARIABLE, seconds};
