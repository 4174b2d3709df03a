//! The entrance of the trade path: it puts a request in the lane of its player and waits for the
//! answer. What a lane does with it is in `lane`; turning answers into HTTP is in `web`.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use domain::{
    Action, Clock, Entropy, Fill, FillMode, Outcome, Quote, Rejection, Rules, UnixMicros, settle,
};
use store::{Store, StoreError, Valuation};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::TradingConfig;
use crate::batch::wanted;
use crate::job::Job;
use crate::lane::Lane;

/// Gives the present quote of a stock, or why none can be traded at.
pub type Quotes = Arc<dyn Fn(i64) -> Result<Quote, Rejection> + Send + Sync>;
/// Gives what holdings are valued at now.
pub type Valuations = Arc<dyn Fn() -> Valuation + Send + Sync>;
/// Told of fills after their COMMIT and before their answers, so that a client that reads its rank
/// after the answer sees it moved. Called on the lane: it must be quick.
pub type OnCommit = Arc<dyn Fn(&[Fill]) + Send + Sync>;

/// What a desk works with.
pub struct Parts {
    /// Where trades are committed.
    pub store: Store,
    /// The rules of the game.
    pub rules: Arc<Rules>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The chance in the waits between attempts and in the marks of batches, of which no two on one
    /// database may be equal.
    pub entropy: Arc<dyn Entropy>,
    /// The prices orders are settled at.
    pub quotes: Quotes,
    /// Changes whenever quotes were published.
    pub published: watch::Receiver<UnixMicros>,
    /// The prices holdings are valued at, and which of them count for achievements.
    pub valuation: Valuations,
    /// Who is told of commits.
    pub on_commit: OnCommit,
}

/// One request of a player.
#[derive(Clone, Debug)]
pub struct Request {
    /// The player.
    pub player_id: i64,
    /// What is asked for.
    pub action: Action,
    /// The key under which the request is done once only.
    pub idempotency: Option<Idempotency>,
    /// The number of the HTTP request, for logs and replays.
    pub request_id: String,
}

/// An idempotency key, and what the request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The player's word for this request.
    pub key: String,
    /// SHA-256 of the route and the normalised body.
    pub fingerprint: [u8; 32],
}

/// What came of a request. It is committed when this is returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The fill or the rejection.
    pub outcome: Outcome,
    /// Only on a replay: the number of the HTTP request that did it.
    pub first_request_id: Option<String>,
}

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeskError {
    /// The lane is full; nothing was done.
    #[error("too many orders are waiting")]
    Full {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The desk is closed; nothing was done.
    #[error("the desk is closing")]
    Closing,
    /// There is no such player (any more); nothing was done.
    #[error("there is no such player")]
    UnknownPlayer,
    /// The idempotency key belongs to a pending order; nothing was done.
    #[error("the idempotency key belongs to a pending order")]
    KeyOfOrder,
    /// The batch ended in a panic; whether the request was done is not known.
    #[error("the batch of the order was lost")]
    Lost,
    /// The database failed. If it is unavailable, whether the request was done may not be known.
    #[error("cannot settle the order")]
    Store(#[source] Arc<StoreError>),
}

/// The entrance of the trade path. Clones are the same desk.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    /// The lanes' queues; `None` once the desk closes, which ends the lanes when they are empty.
    queues: RwLock<Option<Vec<Queue>>>,
    /// The lanes that were not waited for yet.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    lanes: u32,
    parts: Arc<Parts>,
    /// The quotes that orders are accepted at, where they wait for newer ones.
    waits_for: Option<Quotes>,
}

struct Queue {
    sender: mpsc::Sender<Job>,
    length: metrics::Gauge,
}

impl Desk {
    /// Opens a desk and starts its lanes. Call it within a Tokio runtime.
    pub fn start(config: &TradingConfig, parts: Parts) -> Self {
        let lanes = match config.lanes {
            0 if parts.store.engine() == "sqlite" => 1,
            0 => 2,
            n => n,
        };
        let parts = Arc::new(parts);
        let (mut queues, mut tasks) = (Vec::new(), Vec::new());
        for number in 0..lanes {
            let queue_max = usize::try_from(config.queue_max.max(1)).unwrap_or(1);
            let (sender, receiver) = mpsc::channel(queue_max);
            let lane = Lane::new(config, Arc::clone(&parts), number);
            let length = lane.length();
            tasks.push(tokio::spawn(Arc::new(lane).run(receiver)));
            queues.push(Queue { sender, length });
        }
        let queues = RwLock::new(Some(queues));
        let waits = parts.rules.fill == FillMode::NextTick;
        let waits_for = waits.then(|| Arc::clone(&parts.quotes));
        Self(Arc::new(Inner { queues, tasks: Mutex::new(tasks), lanes, parts, waits_for }))
    }

    /// Has a request done. Once this was polled, dropping it changes nothing: the request is in the
    /// queue and is done without a listener.
    pub async fn submit(&self, request: Request) -> Result<Answer, DeskError> {
        let answer = self.enqueue(request, None)?;
        // The other end goes without an answer only when its batch panicked.
        answer.await.unwrap_or(Err(DeskError::Lost))
    }

    /// Submits requests at these quotes instead of the present ones, in this order; returns the
    /// answers in the same order. One with an error as its quote does nothing: it is answered with
    /// the stored outcome of its key, or else with that rejection.
    pub async fn submit_at(
        &self,
        requests: Vec<(Request, Result<Quote, Rejection>)>,
    ) -> Vec<Result<Answer, DeskError>> {
        // A later order of a player must not overtake an earlier one that found no room.
        let mut left_out = HashSet::new();
        let queued = requests.into_iter().map(|(request, quote)| {
            let player_id = request.player_id;
            if left_out.contains(&player_id) {
                return Err(DeskError::Full { retry_after_s: 1 });
            }
            let queued = self.enqueue(request, Some(quote));
            if queued.is_err() {
                left_out.insert(player_id);
            }
            queued
        });
        // All of them are in their lanes before the first one is waited for.
        let queued: Vec<_> = queued.collect();
        let mut answers = Vec::with_capacity(queued.len());
        for answer in queued {
            answers.push(match answer {
                Ok(answer) => answer.await.unwrap_or(Err(DeskError::Lost)),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Settles a request at the present quote without writing anything: the rejection it would get.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn preview(&self, request: &Request) -> Result<Option<Rejection>, DeskError> {
        let parts = &self.0.parts;
        let Action::Trade(order, _) = &request.action else { return Ok(None) };
        let (players, _) = wanted(&[request]);
        let loaded = parts.store.load_batch(&players, &[], &(parts.valuation)()).await;
        let mut state = loaded.map_err(|error| DeskError::Store(Arc::new(error)))?;
        let player = state.players.remove(&request.player_id);
        let mut player = player.ok_or(DeskError::UnknownPlayer)?;
        let (quote, now) = ((parts.quotes)(order.stock_id), parts.clock.now());
        Ok(settle(&mut player, &request.action, quote, &parts.rules, now).err())
    }

    /// Stops taking requests, waits until every accepted one is answered and the lanes have ended.
    pub async fn close(&self) {
        drop(self.0.queues.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut tasks = self.0.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane did not end well");
            }
            tasks.pop();
        }
    }

    /// Whether requests are taken.
    pub fn is_open(&self) -> bool {
        self.0.queues.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> u32 {
        self.0.lanes
    }

    fn enqueue(
        &self,
        request: Request,
        fixed: Option<Result<Quote, Rejection>>,
    ) -> Result<oneshot::Receiver<Result<Answer, DeskError>>, DeskError> {
        let queues = self.0.queues.read().unwrap_or_else(PoisonError::into_inner);
        let queues = queues.as_ref().ok_or(DeskError::Closing)?;
        let queue = &queues[lane_of(request.player_id, queues.len())];
        let (mut job, answer) = Job::new(request);
        job.fixed = fixed;
        if let (Some(quotes), None, Action::Trade(order, _)) =
            (&self.0.waits_for, fixed, &job.request.action)
        {
            job.after = quotes(order.stock_id).ok().map(|quote| quote.as_of);
        }
        match queue.sender.try_send(job) {
            Ok(()) => {
                queue.length.increment(1.0);
                Ok(answer)
            }
            Err(TrySendError::Full(_)) => {
                metrics::counter!("openbell_desk_full_total").increment(1);
                Err(DeskError::Full { retry_after_s: 1 })
            }
            Err(TrySendError::Closed(_)) => Err(DeskError::Closing),
        }
    }
}

/// The lane of a player: Fibonacci hashing, so that neighbouring numbers spread evenly.
fn lane_of(player_id: i64, lanes: usize) -> usize {
    let hash = player_id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(hash).unwrap_or_default() % lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_players_spread_over_the_lanes() {
        for lanes in [1, 2, 4, 7] {
            let mut counts = vec![0_usize; lanes];
            (1..=7000).for_each(|player_id| counts[lane_of(player_id, lanes)] += 1);
            let fair = 7000 / lanes;
            assert!(counts.iter().all(|count| count.abs_diff(fair) < fair / 10), "{counts:?}");
        }
    }
}
