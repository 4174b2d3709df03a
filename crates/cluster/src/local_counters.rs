//! Rate-limit counters in this process's memory, bounded by evicting the least recently used. An
//! evicted counter starts as a full bucket, so the bound is far above the number of active keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::UnixMicros;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::quota::{Decision, Quota};

/// About 200 bytes each.
const KEYS_MAX: u64 = 200_000;

/// For each key the instant at which all its permits are back, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct LocalCounters(Cache<String, Arc<AtomicI64>>);

impl LocalCounters {
    pub(crate) fn new() -> Self {
        // The default policy may reject a new key, which would then never be counted.
        let cache = Cache::builder().max_capacity(KEYS_MAX).eviction_policy(EvictionPolicy::lru());
        Self(cache.build())
    }

    pub(crate) fn take(&self, key: &str, quota: Quota, now: UnixMicros) -> Decision {
        let cell = self.cell(key);
        let mut seen = cell.load(Ordering::Acquire);
        loop {
            let spent = quota.spend(seen, now);
            let Ok(after) = spent else { return quota.decide(spent, now) };
            match cell.compare_exchange_weak(seen, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return quota.decide(spent, now),
                Err(changed) => seen = changed,
            }
        }
    }

    /// Stores the count of Redis, from which this node counts on if Redis is lost.
    pub(crate) fn set(&self, key: &str, full_at: i64) {
        self.cell(key).store(full_at, Ordering::Release);
    }

    fn cell(&self, key: &str) -> Arc<AtomicI64> {
        self.0.get_with_by_ref(key, || Arc::new(AtomicI64::new(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMicros = UnixMicros(1_767_623_400_000_000);

    fn later(micros: i64) -> UnixMicros {
        UnixMicros(NOW.0 + micros)
    }

    #[test]
    fn a_burst_is_granted_and_then_one_permit_an_interval() {
        let counters = LocalCounters::new();
        let quota = Quota { burst: 10, per_s: 300 };
        for left in (0..10).rev() {
            let decision = counters.take("ada", quota, NOW);
            assert!(decision.allowed);
            assert_eq!((decision.remaining, decision.limit), (left, 10));
        }
        let refused = counters.take("ada", quota, NOW);
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
        assert_eq!((refused.retry_after_s, refused.reset_s), (30, 300));
        assert!(!counters.take("ada", quota, later(29_999_999)).allowed);
        assert!(counters.take("ada", quota, later(30_000_000)).allowed);
        assert!(!counters.take("ada", quota, later(30_000_000)).allowed);
        assert!(counters.take("bob", quota, NOW).allowed);
    }

    #[test]
    fn a_clock_set_back_delays_a_client_by_at_most_the_window() {
        let counters = LocalCounters::new();
        let quota = Quota { burst: 2, per_s: 60 };
        counters.set("ada", NOW.0 + 1_000_000_000_000);
        let refused = counters.take("ada", quota, NOW);
        assert_eq!((refused.allowed, refused.retry_after_s, refused.reset_s), (false, 30, 60));
        counters.set("ada", 0);
        assert!(counters.take("ada", quota, NOW).allowed);
    }

    #[test]
    fn a_burst_of_zero_allows_nothing_and_a_window_of_zero_is_one_second() {
        let counters = LocalCounters::new();
        assert!(!counters.take("a", Quota { burst: 0, per_s: 60 }, NOW).allowed);
        let quota = Quota { burst: 1, per_s: 0 };
        assert!(counters.take("b", quota, NOW).allowed);
        assert!(!counters.take("b", quota, NOW).allowed);
    }

    #[test]
    fn concurrent_requests_get_no_more_than_the_burst() {
        let counters = LocalCounters::new();
        let quota = Quota { burst: 100, per_s: 3600 };
        let grant = || (0..50).filter(|_| counters.take("ada", quota, NOW).allowed).count();
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(grant)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 100);
    }

    proptest! {
        #[test]
        fn in_any_window_at_most_twice_the_burst_is_granted(
            burst in 1u32..50, per_s in 1u32..100,
            waits in prop::collection::vec(0i64..3_000_000, 1..200),
        ) {
            let (counters, quota) = (LocalCounters::new(), Quota { burst, per_s });
            let mut granted: Vec<i64> = Vec::new();
            let mut at = 0;
            for wait in waits {
                at += wait;
                let decision = counters.take("k", quota, later(at));
                prop_assert!(decision.remaining < burst || !decision.allowed);
                prop_assert_eq!(decision.allowed, decision.retry_after_s == 0);
                if decision.allowed {
                    granted.push(at);
                } else {
                    // A client that waits for `retry_after_s` is granted.
                    let wait = i64::try_from(decision.retry_after_s).unwrap() * 1_000_000;
                    let spent = counters.cell("k").load(Ordering::SeqCst);
                    prop_assert!(quota.spend(spent, later(at + wait)).is_ok());
                }
            }
            for (i, from) in granted.iter().enumerate() {
                let until = from + quota.capacity();
                let inside = granted[i..].iter().filter(|at| **at < until).count();
                prop_assert!(inside <= 2 * usize::try_from(burst).unwrap());
            }
        }
    }
}
