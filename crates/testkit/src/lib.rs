//! What tests of every crate share: a clock and a chance they control, throwaway servers
//! (PostgreSQL, Redis, the product itself, a browser's driver, a provider of prices), a network and
//! a disk that fail on purpose, and what a power cut leaves. It is a dev-dependency only, panics
//! instead of returning errors, and holds no mock of a store: tests use real ones. Nothing here
//! touches a server it did not start, except those that `./test` names in the environment.

mod chromedriver;
mod clock;
mod disk;
mod entropy;
mod fake_provider;
mod fuzz;
mod openbell;
mod pairwise;
mod postgres;
mod power_cut;
mod process;
mod proxy;
mod recording;
mod redis;
mod seconds;

pub use chromedriver::{Chromedriver, chromedriver_url};
pub use clock::ManualClock;
pub use disk::FaultyDisk;
pub use entropy::SeededEntropy;
pub use fake_provider::{Dialect, FakeBar, FakeMode, FakeProvider};
pub use fuzz::{FUZZ_RUNS_VARIABLE, FUZZ_SEED_VARIABLE, Fuzzer};
pub use openbell::Openbell;
pub use pairwise::{LONG_VARIABLE, pairwise, select_combinations};
pub use postgres::{POSTGRES_URL_VARIABLE, Postgres, postgres_database};
pub use power_cut::{Disk, Image, Syncs};
pub use proxy::FaultProxy;
pub use recording::Recording;
pub use redis::{REDIS_URL_VARIABLE, Redis, WatchedRedis, redis_url};
pub use seconds::{SECONDS_VARIABLE, seconds};
