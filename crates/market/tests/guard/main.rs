//! Breaker, quota, order and doubt, as nodes on one database see them. The providers are scripted
//! behind their seam; what the real ones answer is tried in `providers`.

mod asking;
mod jumps;
mod lookups;
mod nodes;
mod support;
mod told;
mod units;
