//! Counters in Redis: the arithmetic of `quota` as one Lua script, atomic for all nodes. An answer
//! that takes longer than 50 ms is no answer; what then happens is `counters`'s.

use std::time::Duration;

use domain::UnixMicros;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, Script};

use crate::quota::Quota;

/// The longest a request waits for Redis.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

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

/// Why Redis did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedisFailure {
    #[error("asking redis took longer than 50 ms")]
    Slow,
    #[error("asking redis failed")]
    Failed(#[source] RedisError),
}

/// A connection that is made when first used and again when lost.
#[derive(Clone)]
pub(crate) struct Redis {
    connection: ConnectionManager,
    take: Script,
}

impl Redis {
    pub(crate) fn open(url: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, take: Script::new(TAKE) })
    }

    /// Connects, for as long as that takes within its own limit.
    pub(crate) async fn ping(&self) -> Result<(), RedisFailure> {
        let mut connection = self.connection.clone();
        let answer = redis::cmd("PING").query_async::<String>(&mut connection).await;
        answer.map(|_| ()).map_err(RedisFailure::Failed)
    }

    /// Like [`Quota::spend`], on what Redis keeps.
    pub(crate) async fn take(
        &self,
        key: &str,
        quota: Quota,
        now: UnixMicros,
    ) -> Result<Result<i64, i64>, RedisFailure> {
        let mut connection = self.connection.clone();
        let mut call = self.take.key(format!("openbell:quota:{key}"));
        call.arg(now.0).arg(quota.interval()).arg(quota.capacity());
        let answer = call.invoke_async::<(i64, i64)>(&mut connection);
        let (allowed, debt) = tokio::time::timeout(ANSWER_TIMEOUT, answer)
            .await
            .map_err(|_| RedisFailure::Slow)?
            .map_err(RedisFailure::Failed)?;
        let full_at = now.0.saturating_add(debt);
        Ok(if allowed == 1 { Ok(full_at) } else { Err(full_at) })
    }
}
