//! Retries the orders that a lane has set aside until the rows of their players are free.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use store::Locking;
use tokio::time::{Instant, sleep};

use crate::job::Job;
use crate::lane::Lane;

/// How long an order is retried. By default PostgreSQL ends an idle transaction
/// earlier (`database.idle_in_transaction_timeout_ms`).
const HELD_MAX: Duration = Duration::from_secs(8);
/// How long a round splits batches that conflict on an idempotency key.
const SPLIT_MAX: Duration = Duration::from_secs(1);

impl Lane {
    /// Retries until the lane has ended and no order is left. Each round is a task of its own, so
    /// that a panic loses one round only.
    pub(crate) async fn retry_set_aside(self: Arc<Self>) {
        for turn in 0.. {
            let Some(jobs) = self.aside.next(self.batch_max).await else { return };
            let round = tokio::spawn(Arc::clone(&self).round(jobs, turn)).await;
            let left = round.unwrap_or_else(|error| {
                metrics::counter!("openbell_batches_lost_total").increment(1);
                tracing::error!(%error, "a round of orders set aside panicked; their outcome is unknown to the clients");
                Vec::new()
            });
            let wait = !left.is_empty();
            self.aside.put_back(left);
            if wait {
                sleep(self.backoff_after(1)).await;
            }
        }
    }

    /// One round: all orders whose rows are free, then those of one locked player, a different one
    /// each turn, waiting for the row lock. Returns the unfinished orders.
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

    /// Attempts the orders of players whose rows are free. A batch that conflicts although it has
    /// locked its rows meets an idempotency key of another transaction; it is halved, so that the
    /// other orders commit.
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

fn players_of(jobs: &[Job]) -> Vec<i64> {
    let mut seen = HashSet::new();
    let players = jobs.iter().map(|job| job.request.player_id);
    players.filter(|player_id| seen.insert(*player_id)).collect()
}
