//! What tests of every crate share: a clock and a chance they control, and throwaway servers:
//! PostgreSQL, Redis, the product itself and a browser's driver. It is a dev-dependency only, panics instead of returning errors, and holds no
//! mock of a store: tests use real ones. Nothing here touches a server it did not start, except
//! those that `./test` names in the environment.

mod chromedriver;
mod clock;
mod entropy;
mod openbell;
mod postgres;
mod process;
mod proxy;
mod redis;
mod seconds;

pub use chromedriver::{Chromedriver, chromedriver_url};
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use openbell::Openbell;
pub use postgres::{POSTGRES_URL_VARIABLE, Postgres, postgres_database};
pub use proxy::FaultProxy;
pub use redis::{REDIS_URL_VARIABLE, Redis, redis_url};
pub use seconds::{SECONDS_VARIABLE, seconds};
