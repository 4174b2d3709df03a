//! Rate-limit counters, of one node or shared by all nodes. In Redis the arithmetic of `quota` is
//! one atomic Lua script. Without Redis a node counts alone, starting from the last counts it
//! received.

use std::sync::Arc;

use domain::UnixMicros;
use redis::Script;

use crate::local_counters::LocalCounters;
use crate::quota::{Decision, Quota};
use crate::redis::{ClusterError, Redis, RedisQueryError};

/// `now` is the caller's clock; the clamp bounds the effect of clock skew. Microseconds since 1970
/// are exact in a double until the year 2255.
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
    local: LocalCounters,
    shared: Option<RedisCounters>,
}

#[derive(Clone)]
struct RedisCounters {
    redis: Redis,
    take: Arc<Script>,
}

impl Counters {
    pub fn in_memory() -> Self {
        Self { local: LocalCounters::new(), shared: None }
    }

    pub fn over(redis: Redis) -> Self {
        let shared = RedisCounters { redis, take: Arc::new(Script::new(TAKE)) };
        Self { local: LocalCounters::new(), shared: Some(shared) }
    }

    /// Counters in the Redis at `redis_url`. If it does not respond, the failure is logged: a node
    /// starts without it.
    pub async fn connect(redis_url: &str) -> Result<Self, ClusterError> {
        let redis = Redis::open(redis_url, None)?;
        redis.first_attempt().await;
        Ok(Self::over(redis))
    }

    /// Takes one permit of the quota `name` for `key`, or returns when the next one is available.
    pub async fn take(
        &self,
        name: &'static str,
        key: &str,
        quota: Quota,
        now: UnixMicros,
    ) -> Decision {
        let key = format!("{name}:{key}");
        let Some(shared) = &self.shared else {
            return self.local.take(&key, quota, now);
        };
        match shared.take(&key, quota, now).await {
            Ok(spent) => {
                let (Ok(full_at) | Err(full_at)) = spent;
                self.local.set(&key, full_at);
                quota.decide(spent, now)
            }
            Err(_) => {
                metrics::counter!("openbell_redis_fallbacks_total").increment(1);
                self.local.take(&key, quota, now)
            }
        }
    }
}

impl RedisCounters {
    /// [`Quota::spend`] on the count in Redis.
    async fn take(
        &self,
        key: &str,
        quota: Quota,
        now: UnixMicros,
    ) -> Result<Result<i64, i64>, RedisQueryError> {
        let mut call = self.take.key(format!("openbell:quota:{key}"));
        call.arg(now.0).arg(quota.interval()).arg(quota.capacity());
        let run = async |mut connection| call.invoke_async::<(i64, i64)>(&mut connection).await;
        let (allowed, debt) = self.redis.query("take", run).await?;
        let full_at = now.0.saturating_add(debt);
        Ok(if allowed == 1 { Ok(full_at) } else { Err(full_at) })
    }
}
