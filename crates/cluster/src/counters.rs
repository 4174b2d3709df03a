//! Counting requests against quotas, for one node or for all of them. In Redis the arithmetic of
//! `quota` is one Lua script, atomic for all nodes. While Redis is away a node goes on from what it
//! has seen, alone; it never grants without counting.

use std::sync::Arc;

use domain::UnixMicros;
use redis::Script;

use crate::memory::Memory;
use crate::quota::{Decision, Quota};
use crate::redis::{ClusterError, Redis, RedisFailure};

/// `now` is the caller's: nodes keep their clocks together, and what a clock that is off can do is
/// bounded by the clamp. Microseconds since 1970 fit a double exactly until the year 2255.
const TAKE: &str = "
local now, interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = tonumber(redis.call('GET', KEYS[1]) or '') or now
full_at = math.min(math.max(full_at, now), now + capacity)
local after = full_at + interval
if after - now > capacity then
  return {0, full_at - now}
end
local ttl_ms = math.ceil((after - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', ttl_ms)
return {1, after - now}
";

/// Counters of any number of quotas. Clones share them.
#[derive(Clone)]
pub struct Counters {
    memory: Memory,
    shared: Option<Shared>,
}

#[derive(Clone)]
struct Shared {
    redis: Redis,
    take: Arc<Script>,
}

impl Counters {
    /// Counters of this process alone.
    pub fn in_memory() -> Self {
        Self { memory: Memory::new(), shared: None }
    }

    /// Counters in a Redis.
    pub fn over(redis: Redis) -> Self {
        let shared = Shared { redis, take: Arc::new(Script::new(TAKE)) };
        Self { memory: Memory::new(), shared: Some(shared) }
    }

    /// Counters in the Redis at `redis_url`. That it does not answer yet is only logged: a node
    /// must be able to start without it.
    pub async fn connect(redis_url: &str) -> Result<Self, ClusterError> {
        let redis = Redis::open(redis_url, None)?;
        redis.tried().await;
        Ok(Self::over(redis))
    }

    /// Takes one permit of the quota `name` for `key`, or says when there will be one.
    pub async fn take(
        &self,
        name: &'static str,
        key: &str,
        quota: Quota,
        now: UnixMicros,
    ) -> Decision {
        let key = format!("{name}:{key}");
        let Some(shared) = &self.shared else {
            return self.memory.take(&key, quota, now);
        };
        match shared.take(&key, quota, now).await {
            Ok(spent) => {
                let (Ok(full_at) | Err(full_at)) = spent;
                self.memory.learn(&key, full_at);
                quota.decide(spent, now)
            }
            Err(_) => {
                metrics::counter!("openbell_redis_fallbacks_total").increment(1);
                self.memory.take(&key, quota, now)
            }
        }
    }
}

impl Shared {
    /// Like [`Quota::spend`], on what Redis keeps.
    async fn take(
        &self,
        key: &str,
        quota: Quota,
        now: UnixMicros,
    ) -> Result<Result<i64, i64>, RedisFailure> {
        let mut call = self.take.key(format!("openbell:quota:{key}"));
        call.arg(now.0).arg(quota.interval()).arg(quota.capacity());
        let ask = async |mut connection| call.invoke_async::<(i64, i64)>(&mut connection).await;
        let (allowed, debt) = self.redis.ask("take", ask).await?;
        let full_at = now.0.saturating_add(debt);
        Ok(if allowed == 1 { Ok(full_at) } else { Err(full_at) })
    }
}
