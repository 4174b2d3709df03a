//! A lane: it takes what has gathered in its queue, settles it as one batch, commits, and answers.
//! Players that another node won are settled again, a few times. What an order does is decided in
//! `batch`; the queue is filled by `desk`.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{EntryKind, Fill, Hash, Rejection, UnixMicros};
use store::{Change, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::batch::{Kept, Settled, Verdict, settle_batch, wanted};
use crate::{Answer, DeskError, Parts, Request, TradingConfig};

/// How long to ask whether a COMMIT whose answer was lost has happened.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);
/// The first wait between such questions; it doubles with each one.
const LOOK_UP_WAIT: Duration = Duration::from_millis(50);

/// A request in the queue, with who waits for its answer.
pub(crate) struct Job {
    request: Request,
    answer: oneshot::Sender<Result<Answer, DeskError>>,
    queued_at: Instant,
    /// Answers of attempts of which it is not known whether they will yet be committed.
    doubts: Vec<Answer>,
    /// The fault that left the doubt.
    fault: Option<Arc<StoreError>>,
}

/// How a commit went.
struct Commit {
    /// Players of whom nothing is known to be written.
    lost: BTreeSet<i64>,
    /// Whether they may be settled again.
    retry: bool,
    /// What went wrong, unless it was only that others won.
    fault: Option<Arc<StoreError>>,
}

/// One of the desk's lanes.
pub(crate) struct Lane {
    parts: Arc<Parts>,
    batch_max: usize,
    attempts_max: u32,
    retry_base: Duration,
    length: metrics::Gauge,
}

impl Job {
    /// A job that was queued now, and the end at which its answer arrives.
    pub(crate) fn new(request: Request) -> (Self, oneshot::Receiver<Result<Answer, DeskError>>) {
        let (answer, receiver) = oneshot::channel();
        let queued_at = Instant::now();
        (Self { request, answer, queued_at, doubts: Vec::new(), fault: None }, receiver)
    }

    fn give(self, answer: Result<Answer, DeskError>) {
        match &answer {
            Ok(Answer { first_request_id: Some(_), .. }) => {
                metrics::counter!("openbell_idempotent_replays_total").increment(1);
            }
            Ok(Answer { outcome: Err(rejection), .. }) => {
                let code = rejection.code();
                metrics::counter!("openbell_rejections_total", "code" => code).increment(1);
            }
            Ok(_) => {}
            Err(error) => {
                let request_id = &self.request.request_id;
                tracing::warn!(request_id, %error, "an order has no answer");
            }
        }
        // Whoever asked may be gone; the trade stands all the same.
        let _ = self.answer.send(answer);
    }

    fn fail(self, error: &Arc<StoreError>) {
        self.give(Err(DeskError::Store(Arc::clone(error))));
    }
}

impl Lane {
    /// A lane that is not running yet.
    pub(crate) fn new(config: &TradingConfig, parts: Arc<Parts>, length: metrics::Gauge) -> Self {
        Self {
            parts,
            batch_max: usize::try_from(config.batch_max.max(1)).unwrap_or(1),
            attempts_max: config.attempts_max.max(1),
            retry_base: Duration::from_millis(config.retry_base_ms),
            length,
        }
    }

    /// Works until the desk is closed and the queue is empty. Each batch is a task of its own, so
    /// that a panic costs one batch and not the lane.
    pub(crate) async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while queue.recv_many(&mut jobs, self.batch_max).await > 0 {
            let jobs = std::mem::take(&mut jobs);
            self.length.decrement(jobs.len() as f64);
            metrics::histogram!("openbell_batch_size").record(jobs.len() as f64);
            let waits = metrics::histogram!("openbell_desk_queue_wait_seconds");
            jobs.iter().for_each(|job| waits.record(job.queued_at.elapsed().as_secs_f64()));
            if let Err(error) = tokio::spawn(Arc::clone(&self).process(jobs)).await {
                metrics::counter!("openbell_batches_lost_total").increment(1);
                tracing::error!(%error, "a batch was lost");
            }
        }
    }

    /// Answers every job of a batch.
    async fn process(self: Arc<Self>, mut jobs: Vec<Job>) {
        for attempt in 1..=self.attempts_max {
            jobs = self.attempt(jobs).await;
            if jobs.is_empty() {
                return;
            }
            if attempt < self.attempts_max {
                sleep(self.wait_after(attempt)).await;
            }
        }
        for job in self.answer_committed(jobs).await {
            match job.fault.clone() {
                Some(fault) => job.fail(&fault),
                None => job.give(Ok(Answer {
                    outcome: Err(Rejection::Contended),
                    first_request_id: None,
                })),
            }
        }
    }

    /// Loads, settles and commits once; gives back the jobs to be settled again.
    async fn attempt(&self, jobs: Vec<Job>) -> Vec<Job> {
        let requests: Vec<&Request> = jobs.iter().map(|job| &job.request).collect();
        let (players, keys) = wanted(&requests);
        let prices = (self.parts.prices_json)();
        let state = match self.parts.store.load_batch(&players, &keys, &prices).await {
            Ok(state) => state,
            Err(StoreError::Conflict(_)) => return jobs,
            Err(error) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| job.fail(&error));
                return Vec::new();
            }
        };
        // After loading: what an earlier attempt commits from now on moves the version that was
        // loaded, so that this attempt loses and looks again.
        let jobs = self.answer_committed(jobs).await;
        let requests: Vec<&Request> = jobs.iter().map(|job| &job.request).collect();
        let now = self.parts.clock.now();
        let settled = settle_batch(&requests, state, &*self.parts.quotes, &self.parts.rules, now);
        let commit = self.commit(&settled.changes, now).await;
        self.finish(jobs, settled, &commit).await
    }

    async fn commit(&self, changes: &[Change], now: UnixMicros) -> Commit {
        if changes.is_empty() {
            return Commit { lost: BTreeSet::new(), retry: false, fault: None };
        }
        let started = Instant::now();
        let committed = self.parts.store.commit_batch(changes, now).await;
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("openbell_batch_commit_seconds").record(seconds);
        let mut lost: BTreeSet<i64> = changes.iter().map(|c| c.player.player_id).collect();
        let conflicts = metrics::counter!("openbell_version_conflicts_total");
        match committed {
            Ok(committed) => {
                conflicts.increment(committed.moved.len() as u64);
                Commit { lost: committed.moved.into_iter().collect(), retry: true, fault: None }
            }
            Err(StoreError::Conflict(_)) => {
                conflicts.increment(lost.len() as u64);
                Commit { lost, retry: true, fault: None }
            }
            Err(error) if error.is_unavailable() => {
                tracing::warn!(%error, "a commit has no answer; looking whether it happened");
                let last: Vec<&Fill> = changes.iter().filter_map(|c| c.fills.last()).collect();
                let found = self.look_up(&last).await;
                for fill in found.iter().flat_map(|found| found_fills(&last, found)) {
                    lost.remove(&fill.entry.player_id);
                }
                Commit { lost, retry: found.is_some(), fault: Some(Arc::new(error)) }
            }
            Err(error) => Commit { lost, retry: false, fault: Some(Arc::new(error)) },
        }
    }

    /// Publishes and answers what is committed; gives back the jobs to be settled again.
    async fn finish(&self, jobs: Vec<Job>, settled: Settled, commit: &Commit) -> Vec<Job> {
        let kept = |change: &Change| !commit.lost.contains(&change.player.player_id);
        let committed = settled.changes.into_iter().filter(kept);
        self.publish(&committed.flat_map(|change| change.fills).collect::<Vec<_>>());
        let (mut again, mut replays) = (Vec::new(), Vec::new());
        for (mut job, verdict) in jobs.into_iter().zip(settled.verdicts) {
            match verdict {
                Verdict::UnknownPlayer => job.give(Err(DeskError::UnknownPlayer)),
                Verdict::Replay(kept) => replays.push((job, kept)),
                Verdict::Settled(answer) if !commit.lost.contains(&job.request.player_id) => {
                    job.give(Ok(answer));
                }
                Verdict::Settled(answer) => match &commit.fault {
                    Some(fault) if !commit.retry => job.fail(fault),
                    fault => {
                        if let Some(fault) = fault {
                            job.fault = Some(Arc::clone(fault));
                            job.doubts.extend(answer.outcome.is_ok().then_some(answer));
                        }
                        again.push(job);
                    }
                },
            }
        }
        self.replay(replays).await;
        again
    }

    /// Gives kept answers again.
    async fn replay(&self, replays: Vec<(Job, Kept)>) {
        let mut loaded: HashMap<(i64, i64), Fill> = HashMap::new();
        for (job, kept) in replays {
            let player_id = job.request.player_id;
            let outcome = match (kept.version, kept.rejection) {
                (Some((month, version)), _) => match loaded.get(&(player_id, version)) {
                    Some(fill) => Ok(Ok(fill.clone())),
                    None => match self.parts.store.load_fill(player_id, month, version).await {
                        Ok(Some(fill)) => {
                            loaded.insert((player_id, version), fill.clone());
                            Ok(Ok(fill))
                        }
                        Ok(None) => Err(no_such_entry(player_id, version)),
                        Err(error) => Err(error),
                    },
                },
                (None, Some(rejection)) => Ok(Err(rejection)),
                (None, None) => Err(no_such_entry(player_id, 0)),
            };
            match outcome {
                Ok(outcome) => {
                    // After a lost answer, what was kept may be this very request's.
                    let own = job.fault.is_some() && kept.request_id == job.request.request_id;
                    let first_request_id = (!own).then_some(kept.request_id);
                    job.give(Ok(Answer { outcome, first_request_id }));
                }
                Err(error) => job.fail(&Arc::new(error)),
            }
        }
    }

    /// Answers the jobs of which an earlier attempt turns out to be committed; gives back the rest.
    async fn answer_committed(&self, jobs: Vec<Job>) -> Vec<Job> {
        let doubts = jobs.iter().flat_map(|job| &job.doubts);
        let doubts: Vec<&Fill> = doubts.filter_map(|answer| answer.outcome.as_ref().ok()).collect();
        if doubts.is_empty() {
            return jobs;
        }
        let hashes = self.look_up(&doubts).await;
        let (mut rest, mut answered, mut fills) = (Vec::new(), Vec::new(), Vec::new());
        for mut job in jobs {
            let is_found = |answer: &Answer| match (&answer.outcome, &hashes) {
                (Ok(fill), Some(hashes)) => is_ours(fill, hashes),
                _ => false,
            };
            if let Some(at) = job.doubts.iter().position(is_found) {
                let answer = job.doubts.swap_remove(at);
                if answer.first_request_id.is_none() {
                    fills.extend(answer.outcome.clone());
                }
                answered.push((job, answer));
                continue;
            }
            match job.fault.clone() {
                Some(fault) if hashes.is_none() && !job.doubts.is_empty() => job.fail(&fault),
                _ => rest.push(job),
            }
        }
        self.publish(&fills);
        answered.into_iter().for_each(|(job, answer)| job.give(Ok(answer)));
        rest
    }

    /// The hashes of the ledger entries in the places of these fills; `None` if the database does
    /// not tell in time.
    async fn look_up(&self, fills: &[&Fill]) -> Option<HashMap<(i64, i64), Hash>> {
        let places: Vec<(i64, i64)> = fills.iter().map(|fill| place_of(fill)).collect();
        if places.is_empty() {
            return Some(HashMap::new());
        }
        let ask = async {
            let mut wait = LOOK_UP_WAIT;
            loop {
                match self.parts.store.find_entry_hashes(&places).await {
                    Ok(hashes) => return Some(hashes),
                    Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) => {
                        sleep(wait).await;
                        wait *= 2;
                    }
                    Err(_) => return None,
                }
            }
        };
        timeout(LOOK_UP_MAX, ask).await.ok().flatten()
    }

    /// Tells of committed fills.
    fn publish(&self, fills: &[Fill]) {
        if fills.is_empty() {
            return;
        }
        for fill in fills {
            let side = match fill.entry.kind {
                EntryKind::Buy => "buy",
                EntryKind::Sell => "sell",
                EntryKind::Open | EntryKind::Note => continue,
            };
            metrics::counter!("openbell_trades_total", "side" => side).increment(1);
        }
        // The trades stand; whoever is told of them must not cost their answers.
        if catch_unwind(AssertUnwindSafe(|| (self.parts.on_commit)(fills))).is_err() {
            tracing::error!("telling of committed trades panicked");
        }
    }

    /// A random wait after this many attempts: half of a doubling time, and up to half more.
    fn wait_after(&self, attempt: u32) -> Duration {
        let whole = self.retry_base.saturating_mul(1 << (attempt - 1).min(16));
        let half = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX / 4);
        let mut bytes = [0; 8];
        self.parts.entropy.fill(&mut bytes);
        Duration::from_micros(half + u64::from_le_bytes(bytes) % (half + 1))
    }
}

fn place_of(fill: &Fill) -> (i64, i64) {
    (fill.entry.player_id, fill.entry.version)
}

fn is_ours(fill: &Fill, hashes: &HashMap<(i64, i64), Hash>) -> bool {
    hashes.get(&place_of(fill)) == Some(&fill.hash)
}

fn found_fills<'f>(
    fills: &'f [&'f Fill],
    hashes: &'f HashMap<(i64, i64), Hash>,
) -> impl Iterator<Item = &'f Fill> {
    fills.iter().copied().filter(|fill| is_ours(fill, hashes))
}

fn no_such_entry(player_id: i64, version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "a kept answer names entry {version} of player {player_id}, which is not there"
    ))
}
