//! Orders set aside: those of players whose rows another transaction holds. The lane goes on with
//! the other players, and these are attempted again and again until their rows are free, in the
//! order of their arrival for each player. What an attempt does is in `attempt`.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::Locking;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::DeskError;
use crate::job::Job;
use crate::lane::Lane;

/// For how long an order is set aside. By default an idle transaction holds a row for less time
/// (`database.idle_in_transaction_timeout_ms`).
const HELD_MAX: Duration = Duration::from_secs(8);
/// For how long a round splits batches that fail because of one of their keys.
const SPLIT_MAX: Duration = Duration::from_secs(1);

/// The orders that a lane has set aside. As long as one of a player's is, all later ones are.
pub(crate) struct Aside {
    state: Mutex<State>,
    changed: Notify,
    jobs_max: usize,
    length: metrics::Gauge,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    players: HashSet<i64>,
    /// Whether the lane has ended, so that no more orders come.
    closed: bool,
}

impl Aside {
    pub(crate) fn new(jobs_max: usize, length: metrics::Gauge) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), jobs_max, length }
    }

    /// Sets orders aside; those for which there is no room are turned away.
    pub(crate) fn set(&self, jobs: Vec<Job>) {
        let (mut refused, now) = (Vec::new(), Instant::now());
        let mut state = self.state();
        for mut job in jobs {
            if state.jobs.len() < self.jobs_max {
                job.aside_since = Some(now);
                state.players.insert(job.request.player_id);
                state.jobs.push_back(job);
            } else {
                refused.push(job);
            }
        }
        self.release(state);
        for job in refused {
            metrics::counter!("openbell_desk_full_total").increment(1);
            job.give(Err(DeskError::Full { retry_after_s: 1 }));
        }
    }

    /// Sets aside the orders of players who have others aside; gives the rest.
    pub(crate) fn follow(&self, jobs: Vec<Job>) -> Vec<Job> {
        let (later, rest): (Vec<_>, Vec<_>) = {
            let state = self.state();
            if state.players.is_empty() {
                return jobs;
            }
            jobs.into_iter().partition(|job| state.players.contains(&job.request.player_id))
        };
        self.set(later);
        rest
    }

    /// No more orders come.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.release(state);
    }

    /// The next orders; `None` when there are none and no more come. Their players stay aside until
    /// `put_back`.
    async fn next(&self, jobs_max: usize) -> Option<Vec<Job>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if !state.jobs.is_empty() {
                    let count = state.jobs.len().min(jobs_max);
                    return Some(state.jobs.drain(..count).collect());
                }
                if state.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Puts back those that are still to be answered, before later ones; players without any are
    /// the lane's again.
    fn put_back(&self, jobs: Vec<Job>) {
        let mut state = self.state();
        for job in jobs.into_iter().rev() {
            state.jobs.push_front(job);
        }
        state.players = state.jobs.iter().map(|job| job.request.player_id).collect();
        self.release(state);
    }

    fn release(&self, state: MutexGuard<'_, State>) {
        self.length.set(state.jobs.len() as f64);
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Works on what is set aside until the lane has ended and nothing is left. Each round is a
    /// task of its own, so that a panic costs one round.
    pub(crate) async fn work_aside(self: Arc<Self>) {
        for turn in 0.. {
            let Some(jobs) = self.aside.next(self.batch_max).await else { return };
            let round = tokio::spawn(Arc::clone(&self).round(jobs, turn)).await;
            let left = round.unwrap_or_else(|error| {
                metrics::counter!("openbell_batches_lost_total").increment(1);
                tracing::error!(%error, "a batch that was set aside was lost");
                Vec::new()
            });
            let wait = !left.is_empty();
            self.aside.put_back(left);
            if wait {
                sleep(self.wait_after(1)).await;
            }
        }
    }

    /// One round: everything whose rows are free, then the orders of one held player, a different
    /// one each turn, which wait in line for the row. Gives what is still to be answered.
    async fn round(self: Arc<Self>, jobs: Vec<Job>, turn: usize) -> Vec<Job> {
        let mut left = self.attempt_free(jobs).await;
        let held: Vec<i64> = players_of(&left);
        if !held.is_empty() {
            let player_id = held[turn % held.len()];
            let of_player = |job: &Job| job.request.player_id == player_id;
            let (waiting, others) = left.into_iter().partition(of_player);
            left = self.attempt(waiting, Some(Locking::Wait)).await;
            left.extend(others);
        }
        let is_late = |job: &Job| job.aside_since.is_some_and(|at| at.elapsed() >= HELD_MAX);
        let (late, left): (Vec<_>, Vec<_>) = left.into_iter().partition(is_late);
        late.into_iter().for_each(Job::give_up);
        left
    }

    /// Attempts the orders of players whose rows are free. A batch that fails although it has its
    /// rows meets a key that another transaction has written: it is halved, so that the others are
    /// done.
    async fn attempt_free(&self, jobs: Vec<Job>) -> Vec<Job> {
        let began = Instant::now();
        let (mut groups, mut left) = (vec![jobs], Vec::new());
        while let Some(jobs) = groups.pop() {
            if began.elapsed() >= SPLIT_MAX {
                left.extend(jobs);
                continue;
            }
            let (held, again) = self.attempt_apart(jobs, Some(Locking::Skip)).await;
            left.extend(held);
            let players = players_of(&again);
            if players.len() < 2 {
                left.extend(again);
                continue;
            }
            let first: HashSet<i64> = players[..players.len() / 2].iter().copied().collect();
            let in_first = |job: &Job| first.contains(&job.request.player_id);
            let (one, two) = again.into_iter().partition(in_first);
            groups.extend([one, two]);
        }
        left
    }
}

/// The players of these orders, each once.
fn players_of(jobs: &[Job]) -> Vec<i64> {
    let mut seen = HashSet::new();
    let players = jobs.iter().map(|job| job.request.player_id);
    players.filter(|player_id| seen.insert(*player_id)).collect()
}
