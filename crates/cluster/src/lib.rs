//! What nodes share without trusting it: the counters behind the rate limits. They live in memory,
//! or in Redis when there are several nodes; when Redis is away each node counts alone. Nothing
//! that must not be lost is kept here: money, tokens and idempotency keys are `store`'s.

mod bus;
mod cache;
mod counters;
mod memory;
mod quota;
mod redis;

pub use bus::{Bus, Heard, Hearing, Message};
pub use cache::{CacheConfig, CacheError, Cacheable, Family, TagCache};
pub use counters::Counters;
pub use quota::{Decision, Quota};
pub use redis::{ClusterError, Redis};
