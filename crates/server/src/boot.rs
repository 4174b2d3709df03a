//! The parts from which a server is put together, and the order in which it starts and stops.

pub(crate) mod addresses;
pub(crate) mod banner;
pub(crate) mod config;
pub(crate) mod data_dir;
pub(crate) mod descriptors;
pub(crate) mod history;
pub(crate) mod live_market;
pub(crate) mod nodes;
pub(crate) mod serve;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod telemetry;
