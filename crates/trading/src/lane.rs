//! A lane: it takes the queued requests as one batch, commits them and retries conflicts with
//! backoff. An attempt is in `group_commit`; requests of locked players continue in `set_aside`.

use std::sync::Arc;
use std::time::Duration;

use store::Locking;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument as _;

use crate::job::Job;
use crate::next_tick::NextTickQueue;
use crate::set_aside::SetAside;
use crate::trace::BatchSpans;
use crate::{DeskDeps, TradingConfig};

/// One of the desk's lanes.
pub struct Lane {
    pub(crate) deps: Arc<DeskDeps>,
    pub(crate) aside: SetAside,
    pub(crate) batch_max: usize,
    number: u32,
    queue_max: usize,
    attempts_max: u32,
    retry_base: Duration,
    length: metrics::Gauge,
    wait: metrics::Histogram,
}

impl Lane {
    pub fn new(config: &TradingConfig, deps: Arc<DeskDeps>, number: u32) -> Self {
        let name = number.to_string();
        let queue_max = usize::try_from(config.queue_max.max(1)).unwrap_or(1);
        let aside = metrics::gauge!("openbell_desk_aside_length", "lane" => name.clone());
        Self {
            deps,
            aside: SetAside::new(queue_max, aside),
            batch_max: usize::try_from(config.batch_max.max(1)).unwrap_or(1),
            number,
            queue_max,
            attempts_max: config.attempts_max.max(1),
            retry_base: Duration::from_millis(config.retry_base_ms),
            length: metrics::gauge!("openbell_desk_queue_length", "lane" => name),
            wait: metrics::histogram!("openbell_desk_queue_wait_seconds"),
        }
    }

    /// The gauge of the queue length, incremented by the desk.
    pub(crate) fn length(&self) -> metrics::Gauge {
        self.length.clone()
    }

    /// Runs until the desk is closed, the queue is empty and no order is set aside.
    pub(crate) async fn run(self: Arc<Self>, queue: mpsc::Receiver<Job>) {
        tokio::join!(Arc::clone(&self).work(queue), Arc::clone(&self).retry_set_aside());
    }

    /// Runs until the desk is closed and the queue is empty. While jobs wait for the next quote
    /// (`fill = "next_tick"`), the others are processed.
    async fn work(self: Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        let (mut waiting, mut arrived) = (NextTickQueue::default(), Vec::new());
        let (mut published, mut is_open) = (self.deps.published.clone(), true);
        while is_open || waiting.len() > 0 {
            let room = self.queue_max.saturating_sub(waiting.len()).min(self.batch_max);
            let deadline = waiting.deadline();
            tokio::select! {
                count = queue.recv_many(&mut arrived, room), if is_open && room > 0 => {
                    is_open = count > 0;
                    self.length.decrement(count as f64);
                    waiting.extend(arrived.drain(..));
                }
                Ok(()) = published.changed() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
            loop {
                let ready = waiting.take_ready(&*self.deps.quotes, self.batch_max);
                if ready.is_empty() {
                    break;
                }
                self.process_batch(ready).await;
            }
        }
        self.aside.close();
    }

    /// Processes a batch in a task of its own, so that a panic loses one batch and not the lane.
    async fn process_batch(self: &Arc<Self>, jobs: Vec<Job>) {
        metrics::histogram!("openbell_batch_size").record(jobs.len() as f64);
        for job in &jobs {
            self.wait.record(job.queued_at.elapsed().as_secs_f64());
        }
        let jobs = self.aside.follow(jobs);
        if jobs.is_empty() {
            return;
        }
        match tokio::spawn(Arc::clone(self).process(jobs)).await {
            Ok(held) if held.is_empty() => {}
            Ok(held) => self.aside.set(held),
            Err(error) => {
                metrics::counter!("openbell_batches_lost_total").increment(1);
                tracing::error!(%error, "a batch panicked; the outcome of its orders is unknown to the clients");
            }
        }
    }

    /// Processes a batch and returns the jobs to set aside. The first attempt takes no locks before
    /// its commit. After a version conflict the second one locks the players first; jobs whose rows
    /// are locked by another node, or that conflict a second time, are set aside.
    async fn process(self: Arc<Self>, mut jobs: Vec<Job>) -> Vec<Job> {
        let mut aside = Vec::new();
        for attempt in 1..=self.attempts_max {
            if attempt > 1 {
                metrics::counter!("openbell_retries_total").increment(jobs.len() as u64);
                sleep(self.backoff_after(attempt - 1)).await;
            }
            let locking = (attempt > 1).then_some(Locking::Skip);
            let (held, again) = self.attempt_apart(jobs, locking).await;
            aside.extend(held);
            jobs = again;
            if attempt > 1 {
                // Without an error: a version conflict or a locked key.
                let (lost, failed): (Vec<_>, Vec<_>) =
                    jobs.into_iter().partition(|job| job.last_error.is_none());
                aside.extend(lost);
                jobs = failed;
            }
            if jobs.is_empty() {
                return aside;
            }
        }
        jobs.into_iter().for_each(Job::give_up);
        aside
    }

    /// One attempt; returns the jobs to retry.
    pub(crate) async fn attempt(&self, jobs: Vec<Job>, locking: Option<Locking>) -> Vec<Job> {
        let (mut left, again) = self.attempt_apart(jobs, locking).await;
        left.extend(again);
        left
    }

    /// One attempt; returns the jobs whose players are locked, and those to retry.
    pub(crate) async fn attempt_apart(
        &self,
        jobs: Vec<Job>,
        locking: Option<Locking>,
    ) -> (Vec<Job>, Vec<Job>) {
        let spans = BatchSpans::start(jobs.iter().map(|job| &job.span), self.number);
        let attempt = async {
            match self.load(jobs, locking).await {
                Ok(mut loaded) => {
                    let held = loaded.take_held();
                    (held, self.commit(self.settle(loaded)).await)
                }
                Err(again) => (Vec::new(), again),
            }
        };
        attempt.instrument(spans.first.clone()).await
    }

    /// Exponential backoff with jitter: half of a doubling time, plus up to half at random.
    pub(crate) fn backoff_after(&self, attempt: u32) -> Duration {
        let whole = self.retry_base.saturating_mul(1 << (attempt - 1).min(16));
        let half = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX / 4);
        let mut bytes = [0; 8];
        self.deps.entropy.fill(&mut bytes);
        Duration::from_micros(half + u64::from_le_bytes(bytes) % (half + 1))
    }
}
