//! Single flight: whoever asks what is being asked already waits for that answer. It keeps no
//! answer after it has come.

use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

/// A question under way; `None` when it panicked.
type Flight<V> = Shared<BoxFuture<'static, Option<V>>>;
type UnderWay<K, V> = Arc<Mutex<HashMap<K, Flight<V>>>>;

/// Questions under way, by what they ask. `V` is what all who wait get.
#[derive(Debug)]
pub(super) struct Flights<K, V> {
    under_way: UnderWay<K, V>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The answer of the question under way, or of `ask`. It goes on if all who wait leave. `None`
    /// when it panicked.
    pub(super) async fn join(
        &self,
        key: K,
        ask: impl FnOnce() -> BoxFuture<'static, V>,
    ) -> Option<V> {
        let (flight, is_new) = {
            // Held for as long as a look into a map takes.
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            match under_way.get(&key) {
                Some(flight) => (flight.clone(), false),
                None => {
                    let landing =
                        Landing { under_way: Arc::clone(&self.under_way), key: key.clone() };
                    // What a panic leaves behind is gone with the question.
                    let answer = AssertUnwindSafe(ask()).catch_unwind().map(move |answer| {
                        drop(landing);
                        answer.ok()
                    });
                    let flight = answer.boxed().shared();
                    under_way.insert(key, flight.clone());
                    (flight, true)
                }
            }
        };
        if is_new {
            // Whoever waits moves it on; this task does when they have left.
            tokio::spawn(flight.clone());
        }
        flight.await
    }
}

/// Takes a flight off the map before anybody has its answer.
struct Landing<K: Eq + Hash, V: Clone> {
    under_way: UnderWay<K, V>,
    key: K,
}

impl<K: Eq + Hash, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn many_who_ask_at_once_make_one_question() {
        let flights: Arc<Flights<&str, u32>> = Arc::default();
        let (asked, answer) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let join = || {
            let (flights, asked) = (Arc::clone(&flights), Arc::clone(&asked));
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let ask = || {
                    async move {
                        answer.notified().await;
                        asked.fetch_add(1, Ordering::SeqCst) + 1
                    }
                    .boxed()
                };
                flights.join("AAPL", ask).await
            })
        };
        let first = join();
        let waiting: Vec<_> = (0..50).map(|_| join()).collect();
        tokio::task::yield_now().await;
        first.abort();
        answer.notify_one();
        for one in waiting {
            assert_eq!(one.await.expect("it ran"), Some(1));
        }
        let again = join();
        answer.notify_one();
        assert_eq!(again.await.expect("it ran"), Some(2), "an answer is not kept");
    }

    #[tokio::test]
    async fn a_panic_is_no_answer_and_frees_the_place() {
        let flights: Flights<&str, u32> = Flights::default();
        let panics = || async { panic!("asked to") }.boxed();
        assert_eq!(flights.join("AAPL", panics).await, None);
        assert_eq!(flights.join("AAPL", || async { 7 }.boxed()).await, Some(7));
    }
}
