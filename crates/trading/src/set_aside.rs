//! The queue of orders whose players are locked by another transaction, in order of arrival for
//! each player. The lane continues with the other players; `retry_set_aside` retries these.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::DeskError;
use crate::job::Job;

/// The orders that a lane has set aside. While a player has one, all later ones are added.
pub(crate) struct SetAside {
    state: Mutex<State>,
    changed: Notify,
    jobs_max: usize,
    length: metrics::Gauge,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    players: HashSet<i64>,
    /// Whether the lane has ended and adds no more orders.
    closed: bool,
}

impl SetAside {
    pub(crate) fn new(jobs_max: usize, length: metrics::Gauge) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), jobs_max, length }
    }

    /// Adds orders; those for which there is no room are rejected as on a full desk.
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
            job.respond(Err(DeskError::Full { retry_after_s: 1 }));
        }
    }

    /// Adds the orders of players that have others here; returns the rest.
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

    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.release(state);
    }

    /// The next orders; `None` when the lane has ended and none are left. Their players stay marked
    /// until `put_back`.
    pub(crate) async fn next(&self, jobs_max: usize) -> Option<Vec<Job>> {
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

    /// Puts unfinished orders back before later ones, and unmarks players without any.
    pub(crate) fn put_back(&self, jobs: Vec<Job>) {
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
