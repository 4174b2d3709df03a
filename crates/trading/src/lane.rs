//! A lane: it takes what has gathered in its queue as one batch and attempts it until every request
//! is answered, a few times at most. What an attempt does is in `attempt`; requests of players
//! whose rows others hold go on in `aside`; the queue is filled by `desk`.

use std::sync::Arc;
use std::time::Duration;

use domain::FillMode;
use store::Locking;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::aside::Aside;
use crate::job::Job;
use crate::waiting::Waiting;
use crate::{Parts, TradingConfig};

/// One of the desk's lanes.
pub struct Lane {
    pub(crate) parts: Arc<Parts>,
    pub(crate) aside: Aside,
    pub(crate) batch_max: usize,
    queue_max: usize,
    attempts_max: u32,
    retry_base: Duration,
    length: metrics::Gauge,
    wait: metrics::Histogram,
}

impl Lane {
    /// A lane that is not running yet.
    pub fn new(config: &TradingConfig, parts: Arc<Parts>, number: u32) -> Self {
        let name = number.to_string();
        let queue_max = usize::try_from(config.queue_max.max(1)).unwrap_or(1);
        let aside = metrics::gauge!("openbell_desk_aside_length", "lane" => name.clone());
        Self {
            parts,
            aside: Aside::new(queue_max, aside),
            batch_max: usize::try_from(config.batch_max.max(1)).unwrap_or(1),
            queue_max,
            attempts_max: config.attempts_max.max(1),
            retry_base: Duration::from_millis(config.retry_base_ms),
            length: metrics::gauge!("openbell_desk_queue_length", "lane" => name.clone()),
            wait: metrics::histogram!("openbell_desk_queue_wait_seconds", "lane" => name),
        }
    }

    /// How many requests wait in the queue, for whoever fills it.
    pub(crate) fn length(&self) -> metrics::Gauge {
        self.length.clone()
    }

    /// Works until the desk is closed, the queue is empty and nothing is set aside.
    pub(crate) async fn run(self: Arc<Self>, queue: mpsc::Receiver<Job>) {
        tokio::join!(Arc::clone(&self).work(queue), Arc::clone(&self).work_aside());
    }

    /// Works until the desk is closed and the queue is empty.
    async fn work(self: Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        if self.parts.rules.fill == FillMode::NextTick {
            self.work_waiting(queue).await;
        } else {
            let mut jobs = Vec::new();
            while queue.recv_many(&mut jobs, self.batch_max).await > 0 {
                let jobs = std::mem::take(&mut jobs);
                self.length.decrement(jobs.len() as f64);
                self.work_batch(jobs).await;
            }
        }
        self.aside.close();
    }

    /// The same where orders wait for the next price: jobs that need not wait go on meanwhile.
    async fn work_waiting(self: &Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        let (mut waiting, mut arrived) = (Waiting::default(), Vec::new());
        let (mut published, mut is_open) = (self.parts.published.clone(), true);
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
                let ready = waiting.take_ready(&*self.parts.quotes, self.batch_max);
                if ready.is_empty() {
                    break;
                }
                self.work_batch(ready).await;
            }
        }
    }

    /// Processes a batch as a task of its own, so that a panic costs one batch and not the lane.
    async fn work_batch(self: &Arc<Self>, jobs: Vec<Job>) {
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
                tracing::error!(%error, "a batch was lost");
            }
        }
    }

    /// Answers the jobs of a batch, but for those to be set aside, which it gives. The first
    /// attempt locks nobody while it settles. Players that are lost to another node are locked in
    /// the second one; those that another node holds are set aside, and what is lost a second time.
    async fn process(self: Arc<Self>, mut jobs: Vec<Job>) -> Vec<Job> {
        let mut aside = Vec::new();
        for attempt in 1..=self.attempts_max {
            if attempt > 1 {
                metrics::counter!("openbell_retries_total").increment(jobs.len() as u64);
                sleep(self.wait_after(attempt - 1)).await;
            }
            let locking = (attempt > 1).then_some(Locking::Skip);
            let (held, again) = self.attempt_apart(jobs, locking).await;
            aside.extend(held);
            jobs = again;
            if attempt > 1 {
                // Without a fault it is only others that were faster, or hold a key.
                let (lost, failed): (Vec<_>, Vec<_>) =
                    jobs.into_iter().partition(|job| job.fault.is_none());
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

    /// One attempt; gives the jobs to be attempted again.
    pub(crate) async fn attempt(&self, jobs: Vec<Job>, locking: Option<Locking>) -> Vec<Job> {
        let (mut left, again) = self.attempt_apart(jobs, locking).await;
        left.extend(again);
        left
    }

    /// One attempt; gives the jobs whose players others hold, and those that were lost.
    pub(crate) async fn attempt_apart(
        &self,
        jobs: Vec<Job>,
        locking: Option<Locking>,
    ) -> (Vec<Job>, Vec<Job>) {
        match self.load(jobs, locking).await {
            Ok(mut loaded) => {
                let held = loaded.take_held();
                (held, self.commit(self.settle(loaded)).await)
            }
            Err(again) => (Vec::new(), again),
        }
    }

    /// A random wait after this many attempts: half of a doubling time, and up to half more.
    pub(crate) fn wait_after(&self, attempt: u32) -> Duration {
        let whole = self.retry_base.saturating_mul(1 << (attempt - 1).min(16));
        let half = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX / 4);
        let mut bytes = [0; 8];
        self.parts.entropy.fill(&mut bytes);
        Duration::from_micros(half + u64::from_le_bytes(bytes) % (half + 1))
    }
}
