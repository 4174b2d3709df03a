//! Single-flight: concurrent callers with the same key share one call. Results are not cached.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tracing::{Instrument as _, info_span};

/// A share of a call in flight; it resolves to `None` if the call panicked.
pub(super) type SharedCall<V> = Shared<BoxFuture<'static, Option<V>>>;
type Calls<K, V> = Arc<Mutex<HashMap<K, SharedCall<V>>>>;

/// The calls in flight by key.
#[derive(Debug)]
pub(super) struct SharedCalls<K, V> {
    calls: Calls<K, V>,
}

impl<K, V> Default for SharedCalls<K, V> {
    fn default() -> Self {
        Self { calls: Arc::default() }
    }
}

impl<K, V> SharedCalls<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the call in flight for `key`, or starts `call`. The call continues when all callers
    /// are dropped.
    pub(super) fn run(
        &self,
        key: K,
        call: impl FnOnce() -> BoxFuture<'static, V>,
    ) -> SharedCall<V> {
        // Held for a map look-up and an insertion only.
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(follower) = calls.get(&key) {
            return follower.clone();
        }
        let leader = Leader { calls: Arc::clone(&self.calls), key: key.clone() };
        // In the trace of the first caller, and in a task, which completes it after all callers are
        // dropped.
        let call = call().instrument(info_span!(target: domain::TRACES, "providers"));
        let task = tokio::spawn(call.map(move |value| {
            drop(leader);
            value
        }));
        let follower = task.map(Result::ok).boxed().shared();
        calls.insert(key, follower.clone());
        follower
    }
}

/// Removes the call from the map before its result is visible.
struct Leader<K: Eq + Hash, V: Clone> {
    calls: Calls<K, V>,
    key: K,
}

impl<K: Eq + Hash, V: Clone> Drop for Leader<K, V> {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn concurrent_callers_share_one_call() {
        let calls: Arc<SharedCalls<&str, u32>> = Arc::default();
        let (count, release) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let run = || {
            let (calls, count) = (Arc::clone(&calls), Arc::clone(&count));
            let release = Arc::clone(&release);
            tokio::spawn(async move {
                let call = || {
                    async move {
                        release.notified().await;
                        count.fetch_add(1, Ordering::SeqCst) + 1
                    }
                    .boxed()
                };
                calls.run("AAPL", call).await
            })
        };
        let first = run();
        let others: Vec<_> = (0..50).map(|_| run()).collect();
        tokio::task::yield_now().await;
        first.abort();
        release.notify_one();
        for other in others {
            assert_eq!(other.await.expect("it ran"), Some(1));
        }
        let again = run();
        release.notify_one();
        assert_eq!(again.await.expect("it ran"), Some(2), "a result is not cached");
    }

    #[tokio::test]
    async fn a_panic_returns_none_and_frees_the_key() {
        let calls: SharedCalls<&str, u32> = SharedCalls::default();
        let panics = || async { panic!("requested by the test") }.boxed();
        assert_eq!(calls.run("AAPL", panics).await, None);
        assert_eq!(calls.run("AAPL", || async { 7 }.boxed()).await, Some(7));
    }
}
