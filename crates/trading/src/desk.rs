//! The entry to the trade path: `Desk` queues a request in the lane of its player and waits for the
//! response.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use domain::{Action, FillMode, Quote, Rejection, settle};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::batch::load_keys;
use crate::deps::DeskDeps;
use crate::job::Job;
use crate::lane::Lane;
use crate::{DeskError, DeskRequest, OrderResponse, TradingConfig};

/// The entry to the trade path. Clones share it.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    /// The queues of the lanes; `None` once the desk is closed, which ends a lane when it is empty.
    queues: RwLock<Option<Vec<Queue>>>,
    /// The lanes that are not joined yet.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    lanes: u32,
    deps: Arc<DeskDeps>,
}

struct Queue {
    sender: mpsc::Sender<Job>,
    length: metrics::Gauge,
}

impl Desk {
    /// Starts the lanes. Call it within a Tokio runtime.
    pub fn start(config: &TradingConfig, deps: DeskDeps) -> Self {
        let lanes = match config.lanes {
            0 if deps.store.engine() == "sqlite" => 1,
            0 => 2,
            n => n,
        };
        metrics::gauge!("openbell_desk_queue_length_max").set(config.queue_max);
        let deps = Arc::new(deps);
        let (mut queues, mut tasks) = (Vec::new(), Vec::new());
        for number in 0..lanes {
            let queue_max = usize::try_from(config.queue_max.max(1)).unwrap_or(1);
            let (sender, receiver) = mpsc::channel(queue_max);
            let lane = Lane::new(config, Arc::clone(&deps), number);
            let length = lane.length();
            tasks.push(tokio::spawn(Arc::new(lane).run(receiver)));
            queues.push(Queue { sender, length });
        }
        let queues = RwLock::new(Some(queues));
        Self(Arc::new(Inner { queues, tasks: Mutex::new(tasks), lanes, deps }))
    }

    /// Queues a request and waits for its outcome. After the first poll the request is in the queue
    /// and is carried out even if this future is dropped.
    pub async fn submit(&self, request: DeskRequest) -> Result<OrderResponse, DeskError> {
        let response = self.enqueue(request, None)?;
        // The sender is dropped without a response only if the batch panicked.
        response.await.unwrap_or(Err(DeskError::Lost))
    }

    /// Submits requests in this order at the given quotes; returns the responses in the same order.
    /// A request with an error as its quote writes nothing: the response is the stored outcome of
    /// its key, or that rejection.
    pub async fn submit_at(
        &self,
        requests: Vec<(DeskRequest, Result<Quote, Rejection>)>,
    ) -> Vec<Result<OrderResponse, DeskError>> {
        let fixed = |(request, quote)| (request, Some(quote));
        self.submit_each(requests.into_iter().map(fixed)).await
    }

    /// Submits requests in this order at the present quotes; returns the responses in the same
    /// order.
    pub async fn submit_all(
        &self,
        requests: Vec<DeskRequest>,
    ) -> Vec<Result<OrderResponse, DeskError>> {
        self.submit_each(requests.into_iter().map(|request| (request, None))).await
    }

    async fn submit_each(
        &self,
        requests: impl Iterator<Item = (DeskRequest, Option<Result<Quote, Rejection>>)>,
    ) -> Vec<Result<OrderResponse, DeskError>> {
        // A later order of a player must not overtake one that was rejected by a full queue.
        let mut left_out = HashSet::new();
        let queued = requests.map(|(request, quote)| {
            let player_id = request.player_id;
            if left_out.contains(&player_id) {
                return Err(DeskError::Full { retry_after_s: 1 });
            }
            let queued = self.enqueue(request, quote);
            if queued.is_err() {
                left_out.insert(player_id);
            }
            queued
        });
        // All requests are queued before the first response is awaited.
        let queued: Vec<_> = queued.collect();
        let mut responses = Vec::with_capacity(queued.len());
        for response in queued {
            responses.push(match response {
                Ok(response) => response.await.unwrap_or(Err(DeskError::Lost)),
                Err(error) => Err(error),
            });
        }
        responses
    }

    /// Settles a request at the present quote without writing; returns its rejection, if any.
    pub async fn preview(&self, request: &DeskRequest) -> Result<Option<Rejection>, DeskError> {
        let deps = &self.0.deps;
        let Action::Trade(order, _) = &request.action else { return Ok(None) };
        let (players, _) = load_keys(&[request]);
        let loaded = deps.store.load_batch(&players, &[], &(deps.valuation)()).await;
        let mut state = loaded.map_err(|error| DeskError::Store(Arc::new(error)))?;
        let player = state.players.remove(&request.player_id);
        let mut player = player.ok_or(DeskError::UnknownPlayer)?;
        let refreshed = deps.rules.refresh_to(state.newest_rules).await;
        refreshed.map_err(|error| DeskError::Store(Arc::new(error)))?;
        let (quote, now) = ((deps.quotes)(order.stock_id), deps.clock.now());
        Ok(settle(&mut player, &request.action, quote, &*deps.rules.at(now), now).err())
    }

    /// Rejects new requests and waits until all accepted ones have a response and the lanes have
    /// ended.
    pub async fn close(&self) {
        drop(self.0.queues.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut tasks = self.0.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            if let Err(error) = task.await {
                tracing::error!(%error, "trading lane panicked during shutdown");
            }
            tasks.pop();
        }
    }

    pub fn is_open(&self) -> bool {
        self.0.queues.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub fn lanes(&self) -> u32 {
        self.0.lanes
    }

    fn enqueue(
        &self,
        request: DeskRequest,
        fixed: Option<Result<Quote, Rejection>>,
    ) -> Result<oneshot::Receiver<Result<OrderResponse, DeskError>>, DeskError> {
        let queues = self.0.queues.read().unwrap_or_else(PoisonError::into_inner);
        let queues = queues.as_ref().ok_or(DeskError::Closed)?;
        let queue = &queues[lane_of(request.player_id, queues.len())];
        let (mut job, response) = Job::new(request);
        job.fixed = fixed;
        let deps = &self.0.deps;
        if let (FillMode::NextTick, None, Action::Trade(order, _)) =
            (deps.rules.current().fill, fixed, &job.request.action)
        {
            // The order fills at a newer quote.
            job.after = (deps.quotes)(order.stock_id).ok().map(|quote| quote.as_of);
        }
        match queue.sender.try_send(job) {
            Ok(()) => {
                queue.length.increment(1.0);
                Ok(response)
            }
            Err(TrySendError::Full(_)) => {
                metrics::counter!("openbell_desk_full_total").increment(1);
                Err(DeskError::Full { retry_after_s: 1 })
            }
            Err(TrySendError::Closed(_)) => Err(DeskError::Closed),
        }
    }
}

/// The lane of a player, by Fibonacci hashing, which spreads consecutive ids evenly.
fn lane_of(player_id: i64, lanes: usize) -> usize {
    let hash = player_id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(hash).unwrap_or_default() % lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighboring_players_spread_over_the_lanes() {
        for lanes in [1, 2, 4, 7] {
            let mut counts = vec![0_usize; lanes];
            (1..=7000).for_each(|player_id| counts[lane_of(player_id, lanes)] += 1);
            let fair = 7000 / lanes;
            assert!(counts.iter().all(|count| count.abs_diff(fair) < fair / 10), "{counts:?}");
        }
    }
}
