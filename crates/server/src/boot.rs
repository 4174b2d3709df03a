//! The parts of a server, and the order in which it starts and stops. `serve` connects them; the
//! commands use some of them without a server.

pub(crate) mod addresses;
pub(crate) mod archives;
mod banner;
pub(crate) mod config;
pub(crate) mod data_dir;
pub(crate) mod database;
mod descriptors;
pub(crate) mod history;
pub(crate) mod live_market;
pub(crate) mod metric_families;
pub(crate) mod nodes;
mod process_stats;
pub(crate) mod recorder;
pub(crate) mod serve;
mod signals;
pub(crate) mod start;
pub(crate) mod telemetry;
