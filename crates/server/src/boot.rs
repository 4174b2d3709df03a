//! The parts of a server, and the order in which it starts and stops. `serve` connects them; the
//! commands use some of them without a server.

pub(crate) mod addresses;
pub(crate) mod archives;
mod banner;
pub(crate) mod config;
pub(crate) mod data_dir;
pub(crate) mod database;
pub(crate) mod descriptors;
pub(crate) mod game_clock;
pub(crate) mod game_rules;
pub(crate) mod history;
pub(crate) mod live_market;
mod log_writer;
pub(crate) mod metric_families;
pub(crate) mod nodes;
pub(crate) mod present_prices;
mod process_stats;
pub(crate) mod recorder;
mod reload;
pub(crate) mod serve;
mod shutdown;
mod signals;
mod span_export;
pub(crate) mod start;
mod systemd;
pub(crate) mod telemetry;
pub(crate) mod traces;
mod traces_config;
