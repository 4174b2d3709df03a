//! Circuit breaker, quota, fallback and price jumps, with scripted providers and nodes that share a
//! database. The real adapters are tested in `providers`.

mod company_lookup;
mod fallback;
mod jumps;
mod logs_and_metrics;
mod nodes;
mod support;
mod units;
