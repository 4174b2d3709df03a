//! What nodes share without trusting it, over one handle to Redis: the counters behind the rate
//! limits, the bus on which they tell each other what is new, and a cache. When Redis is away each
//! node goes on alone: it counts by itself, hears nothing and loads more often. Nothing that must
//! not be lost is kept here: money, tokens and idempotency keys are `store`'s.

mod bus;
mod cache;
mod counters;
mod memory;
mod quota;
mod redis;

pub use bus::{Bus, Heard, Hearing, Message};
pub use cache::{CacheConfig, CacheError, Cacheable, Family, Group, TagCache};
pub use counters::Counters;
pub use quota::{Decision, Quota};
pub use redis::{ClusterError, Redis};
