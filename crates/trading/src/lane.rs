//! A lane: it takes what has gathered in its queue as one batch and attempts it until every request
//! is answered, a few times at most. What an attempt does is in `attempt`; the queue is filled by
//! `desk`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::job::Job;
use crate::{Parts, TradingConfig};

/// One of the desk's lanes.
pub struct Lane {
    pub(crate) parts: Arc<Parts>,
    batch_max: usize,
    attempts_max: u32,
    retry_base: Duration,
    length: metrics::Gauge,
    wait: metrics::Histogram,
}

impl Lane {
    /// A lane that is not running yet.
    pub fn new(config: &TradingConfig, parts: Arc<Parts>, number: u32) -> Self {
        let name = number.to_string();
        Self {
            parts,
            batch_max: usize::try_from(config.batch_max.max(1)).unwrap_or(1),
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

    /// Works until the desk is closed and the queue is empty. Each batch is a task of its own, so
    /// that a panic costs one batch and not the lane.
    pub(crate) async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while queue.recv_many(&mut jobs, self.batch_max).await > 0 {
            let jobs = std::mem::take(&mut jobs);
            self.length.decrement(jobs.len() as f64);
            metrics::histogram!("openbell_batch_size").record(jobs.len() as f64);
            for job in &jobs {
                self.wait.record(job.queued_at.elapsed().as_secs_f64());
            }
            if let Err(error) = tokio::spawn(Arc::clone(&self).process(jobs)).await {
                metrics::counter!("openbell_batches_lost_total").increment(1);
                tracing::error!(%error, "a batch was lost");
            }
        }
    }

    /// Answers every job of a batch. The first attempt locks nobody while it settles; whoever is
    /// lost to another node then is locked first, and waits for that node instead of losing again.
    async fn process(self: Arc<Self>, mut jobs: Vec<Job>) {
        for attempt in 1..=self.attempts_max {
            if attempt > 1 {
                metrics::counter!("openbell_retries_total").increment(jobs.len() as u64);
                sleep(self.wait_after(attempt - 1)).await;
            }
            jobs = match self.load(jobs, attempt > 1).await {
                Ok(loaded) => self.commit(self.settle(loaded)).await,
                Err(again) => again,
            };
            if jobs.is_empty() {
                return;
            }
        }
        jobs.into_iter().for_each(Job::give_up);
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
