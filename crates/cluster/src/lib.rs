//! What nodes share over one Redis handle: rate-limit counters and a publish/subscribe bus, plus
//! the tag cache, whose invalidations the bus carries. Every part works without Redis, and nothing
//! that must not be lost is stored here: money, tokens and idempotency keys are in `store`.

mod bus;
mod cache;
mod counters;
mod local_counters;
mod metric_families;
mod quota;
mod redis;
mod single_flight;

pub use bus::{Bus, BusEvent, BusMessage, Subscription};
pub use cache::{CacheConfig, CacheError, Cacheable, Family, RowGroup, TagCache};
pub use counters::Counters;
pub use metric_families::METRIC_FAMILIES;
pub use quota::{Decision, Quota};
pub use redis::{ClusterError, Redis};
pub use single_flight::{Follower, Leader, SingleFlight};
