//! Runs background jobs as reconcilers: each job brings one thing to its desired state, takes no
//! arguments, may run again at any time and may be stopped anywhere.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock as _;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::boot::traces;
use crate::clock::SystemClock;

/// Why a run failed; it is only logged.
pub(crate) type JobError = Box<dyn Error + Send + Sync>;

/// One background job.
pub(crate) trait Reconciler: Send + 'static {
    /// Its name in metrics and logs.
    const NAME: &'static str;
    /// From the start of one run to the start of the next.
    const INTERVAL: Duration;
    /// From the start of the server to the first run. Jobs that only observe or clean up leave the
    /// first second to requests.
    const DELAY: Duration = Duration::ZERO;

    /// Does a bounded part of the work.
    fn run(&mut self) -> impl Future<Output = Result<JobProgress, JobError>> + Send;

    /// Starts a run before the interval has passed.
    fn wakeup(&self) -> Option<Arc<Notify>> {
        None
    }

    /// Releases what other nodes wait for. Called once, after the last run.
    fn release(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobProgress {
    /// Rows, or whatever the job counts, that the run changed.
    pub(crate) changed: u64,
    /// False if work is left: the job runs again at once.
    pub(crate) done: bool,
}

impl JobProgress {
    pub(crate) fn done(changed: u64) -> Self {
        Self { changed, done: true }
    }

    pub(crate) fn unfinished(changed: u64) -> Self {
        Self { changed, done: false }
    }
}

/// The running jobs.
#[derive(Default)]
pub(crate) struct Supervisor {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Supervisor {
    pub(crate) fn start<R: Reconciler>(&self, job: R) {
        register_metrics::<R>();
        self.tasks.spawn(supervise(job, self.stop.clone()));
    }

    pub(crate) fn start_if(&self, job: Option<impl Reconciler>) {
        job.into_iter().for_each(|job| self.start(job));
    }

    /// Runs a task that ends when its token is cancelled.
    pub(crate) fn spawn<F>(&self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Stops all jobs and waits until they have released what they hold.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Runs a job until `stop` is cancelled. A run that fails is retried at the next interval; the
/// first failure of a series is logged, and the recovery.
async fn supervise<R: Reconciler>(mut job: R, stop: CancellationToken) {
    let mut interval = tokio::time::interval_at(Instant::now() + R::DELAY, R::INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures: u64 = 0;
    let wakeup = job.wakeup();
    let woken = async || match &wakeup {
        Some(wakeup) => wakeup.notified().await,
        None => std::future::pending().await,
    };
    let runs = async {
        // No run begins after the cancellation, even if its interval has passed already.
        while !stop.is_cancelled() {
            tokio::select! {
                _ = interval.tick() => {}
                () = woken() => {}
            }
            while !run_once(&mut job, &mut failures).await {
                // Other tasks run between the parts of long work.
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = runs => {}
    }
    job.release().await;
}

/// Makes the series of a job before its first run.
fn register_metrics<R: Reconciler>() {
    // Registered without a sample.
    let _ = metrics::histogram!("openbell_reconciler_seconds", "name" => R::NAME);
    metrics::counter!("openbell_reconciler_changes_total", "name" => R::NAME).increment(0);
    for outcome in ["ok", "error"] {
        count_run::<R>(outcome, 0);
    }
    metrics::gauge!("openbell_reconciler_interval_seconds", "name" => R::NAME)
        .set(R::INTERVAL.as_secs_f64());
    record_success::<R>();
}

fn count_run<R: Reconciler>(outcome: &'static str, runs: u64) {
    metrics::counter!("openbell_reconciler_runs_total", "name" => R::NAME, "outcome" => outcome)
        .increment(runs);
}

fn record_success<R: Reconciler>() {
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    let now = SystemClock.now().seconds() as f64;
    metrics::gauge!("openbell_reconciler_last_success_timestamp_seconds", "name" => R::NAME)
        .set(now);
}

/// Runs the job once and records the metrics; true if nothing is left to do until the next
/// interval.
async fn run_once<R: Reconciler>(job: &mut R, failures: &mut u64) -> bool {
    let started = Instant::now();
    let span = traces::start(None, job_span::<R>);
    let outcome = job.run().instrument(span.clone()).await;
    let label = if outcome.is_ok() { "ok" } else { "error" };
    let seconds = started.elapsed().as_secs_f64();
    metrics::histogram!("openbell_reconciler_seconds", "name" => R::NAME).record(seconds);
    count_run::<R>(label, 1);
    match outcome {
        Ok(progress) => {
            record_success::<R>();
            metrics::counter!("openbell_reconciler_changes_total", "name" => R::NAME)
                .increment(progress.changed);
            if *failures > 0 {
                tracing::info!(job = R::NAME, failures, "a background job works again");
            }
            *failures = 0;
            progress.done
        }
        Err(error) => {
            span.record("otel.status_code", "error");
            if *failures == 0 {
                let error = crate::term::error_chain(error.as_ref());
                tracing::error!(
                    job = R::NAME,
                    error,
                    "a background job failed; it is retried at its next interval"
                );
            }
            *failures += 1;
            true
        }
    }
}

/// The span of a run that is traced.
fn job_span<R: Reconciler>() -> Span {
    info_span!(
        target: domain::TRACE_ROOTS,
        parent: None,
        "job",
        otel.name = R::NAME,
        otel.status_code = Empty,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Fails at its first run, has two parts to do at its second, and stops all at its fourth.
    struct Scripted {
        runs: Arc<AtomicU64>,
        stop: CancellationToken,
    }

    impl Reconciler for Scripted {
        const NAME: &'static str = "scripted";
        const INTERVAL: Duration = Duration::from_millis(1);

        async fn run(&mut self) -> Result<JobProgress, JobError> {
            match self.runs.fetch_add(1, Ordering::SeqCst) {
                0 => Err("the database is unreachable".into()),
                1 => Ok(JobProgress::unfinished(5)),
                2 => Ok(JobProgress::done(1)),
                _ => {
                    self.stop.cancel();
                    Ok(JobProgress::done(0))
                }
            }
        }
    }

    #[tokio::test]
    async fn a_job_survives_a_failure_and_ends_when_it_is_cancelled() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        register_metrics::<Scripted>();
        let count = |outcome, runs| {
            let labels = format!("name=\"scripted\",outcome=\"{outcome}\"");
            let line = format!("openbell_reconciler_runs_total{{{labels}}} {runs}");
            assert!(metrics.render().contains(&line), "{line}");
        };
        count("error", 0);
        let (runs, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        supervise(Scripted { runs: Arc::clone(&runs), stop: stop.clone() }, stop).await;
        assert_eq!(runs.load(Ordering::SeqCst), 4);
        count("error", 1);
        count("ok", 3);
        let success = "openbell_reconciler_last_success_timestamp_seconds{name=\"scripted\"} 1";
        assert!(metrics.render().contains(success), "an instant after 2001");
    }
}
