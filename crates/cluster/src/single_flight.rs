//! Single-flight: concurrent callers of a key share one run. A caller that considers the run in
//! progress outdated gets a new run, which starts when the one before it has ended.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The runs in progress. `S` is what was current when a run started (`()` where runs are never
/// outdated), `V` the result.
pub struct SingleFlight<K: Eq + Hash, S, V>(Mutex<HashMap<K, Follower<S, V>>>);

/// The follower of a run, and its leader if the run is new.
type Joined<K, S, V> = (Follower<S, V>, Option<Leader<K, S, V>>);

/// Waits for the result of a run.
pub struct Follower<S, V>(watch::Receiver<Phase<S, V>>);

/// The caller that performs the run. Dropping it without a result releases the followers.
pub struct Leader<K: Eq + Hash, S, V> {
    runs: Arc<SingleFlight<K, S, V>>,
    key: K,
    phase: watch::Sender<Phase<S, V>>,
    predecessor: Option<Follower<S, V>>,
}

enum Phase<S, V> {
    /// The run before this one has not ended.
    Waiting,
    Running(S),
    Done(V),
}

impl<K: Eq + Hash, S, V> Default for SingleFlight<K, S, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S, V> Clone for Follower<S, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone, S, V> SingleFlight<K, S, V> {
    /// Joins the run of `key` that is waiting, or in progress and current. Otherwise the caller
    /// becomes the leader of a new run, which has to be performed with [`Leader::run`].
    pub fn join(self: &Arc<Self>, key: &K, is_current: impl FnOnce(&S) -> bool) -> Joined<K, S, V> {
        let mut runs = self.lock();
        if let Some(follower) = runs.get(key)
            && follower.accepts(is_current)
        {
            return (follower.clone(), None);
        }
        let phase = watch::Sender::new(Phase::Waiting);
        let follower = Follower(phase.subscribe());
        let predecessor = runs.insert(key.clone(), follower.clone());
        let runs = Arc::clone(self);
        (follower, Some(Leader { runs, key: key.clone(), phase, predecessor }))
    }
}

impl<K: Eq + Hash, S, V> SingleFlight<K, S, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Follower<S, V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, V> Follower<S, V> {
    /// The result of the run; `None` if the run panicked or was dropped.
    pub async fn result(mut self) -> Option<V>
    where
        V: Clone,
    {
        let is_done = |phase: &Phase<S, V>| matches!(phase, Phase::Done(_));
        match &*self.0.wait_for(is_done).await.ok()? {
            Phase::Done(value) => Some(value.clone()),
            Phase::Waiting | Phase::Running(_) => None,
        }
    }

    fn accepts(&self, is_current: impl FnOnce(&S) -> bool) -> bool {
        match &*self.0.borrow() {
            Phase::Waiting => true,
            Phase::Running(started_at) => is_current(started_at),
            Phase::Done(_) => false,
        }
    }

    async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl<K: Eq + Hash, S: Clone, V> Leader<K, S, V> {
    /// Waits for the preceding run of the key, calls `start`, performs the run and publishes its
    /// result. A caller that sees the result and joins again starts a new run.
    pub async fn run<F: Future<Output = V>>(
        mut self,
        start: impl FnOnce() -> S,
        run: impl FnOnce(S) -> F,
    ) {
        if let Some(predecessor) = self.predecessor.take() {
            predecessor.ended().await;
        }
        let started_at = start();
        self.phase.send_replace(Phase::Running(started_at.clone()));
        let value = run(started_at).await;
        // A caller that joins before the removal in `drop` does not accept the ended run.
        self.phase.send_replace(Phase::Done(value));
    }
}

impl<K: Eq + Hash, S, V> Leader<K, S, V> {
    /// Removes this run from the map, unless a newer run has replaced it.
    fn remove(&self) {
        let mut runs = self.runs.lock();
        let is_this = |follower: &Follower<S, V>| follower.0.same_channel(&self.phase.subscribe());
        if runs.get(&self.key).is_some_and(is_this) {
            runs.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, S, V> Drop for Leader<K, S, V> {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Loads = SingleFlight<&'static str, u32, u32>;

    #[tokio::test]
    async fn followers_share_the_run_of_the_leader() {
        let runs = Arc::new(Loads::default());
        let (first, leader) = runs.join(&"a", |_| true);
        let (second, none) = runs.join(&"a", |_| true);
        assert!(none.is_none());
        leader.expect("leads").run(|| 1, async |started_at| started_at + 1).await;
        assert_eq!((first.result().await, second.result().await), (Some(2), Some(2)));
        assert!(runs.join(&"a", |_| true).1.is_some(), "a result is not reused");
    }

    #[tokio::test]
    async fn an_outdated_run_is_followed_by_a_new_one() {
        let runs = Arc::new(Loads::default());
        let (_, leader) = runs.join(&"a", |_| true);
        let (entered, mut is_entered) = watch::channel(false);
        let (release, mut released) = watch::channel(false);
        let old = tokio::spawn(leader.expect("leads").run(
            || 1,
            async move |_| {
                entered.send_replace(true);
                released.wait_for(|released| *released).await.expect("released");
                1
            },
        ));
        is_entered.wait_for(|entered| *entered).await.expect("entered");
        let (newer, leader) = runs.join(&"a", |_| false);
        let new = tokio::spawn(leader.expect("leads").run(|| 2, async |_| 2));
        let (waiting, none) = runs.join(&"a", |_| false);
        assert!(none.is_none(), "a run that has not started is current");
        release.send_replace(true);
        old.await.expect("ends");
        new.await.expect("ends");
        assert_eq!((newer.result().await, waiting.result().await), (Some(2), Some(2)));
        assert!(runs.lock().is_empty());
    }

    #[tokio::test]
    async fn dropping_the_leader_releases_followers_and_key() {
        let runs = Arc::new(Loads::default());
        let (follower, leader) = runs.join(&"a", |_| true);
        drop(leader);
        assert_eq!(follower.result().await, None);
        assert!(runs.join(&"a", |_| true).1.is_some());
    }
}
