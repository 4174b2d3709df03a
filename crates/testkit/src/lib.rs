//! Shared parts of tests, which panic instead of returning errors: a clock and randomness under
//! control, temporary servers (PostgreSQL, PgBouncer, MariaDB, Redis, nginx, Prometheus, an
//! S3-compatible store, the product, chromedriver, a price provider), a network and a disk that
//! fail on request. Other servers than those of `./test` are not touched.

mod chromedriver;
mod clock;
mod disk;
mod entropy;
mod eventually;
mod fake_provider;
mod fuzz;
mod mariadb;
mod nginx;
mod openbell;
mod pairwise;
mod pgbouncer;
mod postgres;
mod power_cut;
mod process;
mod prometheus;
mod proxy;
mod python;
mod receiver;
mod recording;
mod redis;
mod s3_server;
mod seconds;
mod smtp_server;
mod tls;

pub use chromedriver::{Chromedriver, chromedriver_url};
pub use clock::ManualClock;
pub use disk::FaultyDisk;
pub use entropy::SeededEntropy;
pub use eventually::{eventually, poll, poll_within};
pub use fake_provider::{Dialect, FakeBar, FakeMode, FakeProvider};
pub use fuzz::{FUZZ_RUNS_VARIABLE, FUZZ_SEED_VARIABLE, Fuzzer};
pub use mariadb::MariaDb;
pub use nginx::Nginx;
pub use openbell::Openbell;
pub use pairwise::{LONG_VARIABLE, is_long_run, pairwise, select_combinations};
pub use pgbouncer::{PgBouncer, PoolMode};
pub use postgres::{POSTGRES_URL_VARIABLE, Postgres, migrated_database, postgres_database};
pub use power_cut::{Disk, Image, Syncs};
pub use prometheus::Prometheus;
pub use proxy::FaultProxy;
pub use python::tools_python;
pub use receiver::{NotificationReceiver, ReceivedRequest, ReceiverMode};
pub use recording::Recording;
pub use redis::{REDIS_URL_VARIABLE, RedisServer, WatchedRedis, redis_url};
pub use s3_server::S3Server;
pub use seconds::{SECONDS_VARIABLE, seconds};
pub use smtp_server::{ReceivedMail, SmtpServer, SmtpServerKind};
