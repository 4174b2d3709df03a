//! Counting requests against quotas, for one node or for all of them. While Redis is away a node
//! goes on from what it has seen, alone; it never grants without counting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::UnixMicros;
use thiserror::Error;
use tokio::time::Instant;

use crate::memory::Memory;
use crate::quota::{Decision, Quota};
use crate::redis::{Redis, RedisFailure};

/// How long Redis is left alone after it failed. One request in this time asks it again, so that
/// a Redis that hangs does not slow down the others.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Why counters cannot be shared.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The URL is none of a Redis; it is not repeated here because it may hold a password.
    #[error("reading the redis url failed")]
    Url(#[source] redis::RedisError),
}

/// Counters of any number of quotas. Clones share them.
#[derive(Clone)]
pub struct Counters {
    memory: Memory,
    shared: Option<Arc<Shared>>,
}

struct Shared {
    redis: Redis,
    started: Instant,
    /// Milliseconds after `started` from which Redis may be asked again; 0 while it answers.
    resumes_at_ms: AtomicU64,
}

impl Counters {
    /// Counters of this process alone.
    pub fn in_memory() -> Self {
        Self { memory: Memory::new(), shared: None }
    }

    /// Counters in the Redis at `redis_url`. That it does not answer yet is only logged: a node
    /// must be able to start without it, and asks it again every second.
    pub async fn connect(redis_url: &str) -> Result<Self, ClusterError> {
        let redis = Redis::open(redis_url).map_err(ClusterError::Url)?;
        let (started, resumes_at_ms) = (Instant::now(), AtomicU64::new(0));
        let shared = Shared { redis, started, resumes_at_ms };
        if let Err(failure) = shared.redis.ping().await {
            shared.trip(&failure);
        }
        Ok(Self { memory: Memory::new(), shared: Some(Arc::new(shared)) })
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
            Some(spent) => {
                let (Ok(full_at) | Err(full_at)) = spent;
                self.memory.learn(&key, full_at);
                quota.decide(spent, now)
            }
            None => {
                metrics::counter!("openbell_redis_fallbacks_total").increment(1);
                self.memory.take(&key, quota, now)
            }
        }
    }
}

impl Shared {
    async fn take(&self, key: &str, quota: Quota, now: UnixMicros) -> Option<Result<i64, i64>> {
        if !self.may_ask() {
            return None;
        }
        match self.redis.take(key, quota, now).await {
            Ok(spent) => {
                if self.resumes_at_ms.swap(0, Ordering::AcqRel) != 0 {
                    tracing::info!("redis answers again, quotas are shared between nodes");
                }
                Some(spent)
            }
            Err(failure) => {
                self.trip(&failure);
                None
            }
        }
    }

    /// True for everyone while Redis answers, and for one caller a cool-down while it does not.
    fn may_ask(&self) -> bool {
        let resumes_at = self.resumes_at_ms.load(Ordering::Acquire);
        if resumes_at == 0 {
            return true;
        }
        let next = self.after_cool_down();
        self.elapsed_ms() >= resumes_at
            && self
                .resumes_at_ms
                .compare_exchange(resumes_at, next, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    fn trip(&self, failure: &RedisFailure) {
        if self.resumes_at_ms.swap(self.after_cool_down(), Ordering::AcqRel) == 0 {
            let source = std::error::Error::source(failure).map(ToString::to_string);
            tracing::warn!(%failure, source, "redis is away, this node counts quotas alone");
        }
    }

    fn after_cool_down(&self) -> u64 {
        let cool_down = u64::try_from(COOL_DOWN.as_millis()).unwrap_or(1_000);
        self.elapsed_ms().saturating_add(cool_down)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
