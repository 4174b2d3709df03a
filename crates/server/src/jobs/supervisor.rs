//! Background jobs as reconcilers: each brings one thing to where it should be, takes no
//! arguments, may run again at any time and be stopped anywhere. Here is what keeps them running;
//! what each one does is in `jobs`. Prices are published by `market::ticker`, which has its own
//! clock and nothing that can fail.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Why a run failed; it is only logged.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// One background job.
pub(crate) trait Reconciler: Send + 'static {
    /// Its name in metrics and logs.
    const NAME: &'static str;
    /// From the start of one run to that of the next.
    const EVERY: Duration;

    /// Brings its thing to where it should be, or a bounded part of the way.
    fn run(&mut self) -> impl Future<Output = Result<Progress, Fault>> + Send;

    /// What wakes it before its turn.
    fn nudge(&self) -> Option<Arc<Notify>> {
        None
    }

    /// Gives back what others wait for. Called once, when it will not be run again.
    fn leave(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Rows, or whatever the job counts, that it changed.
    pub(crate) changed: u64,
    /// Whether nothing is left to do; otherwise it is run again at once.
    pub(crate) done: bool,
}

impl Progress {
    /// All is done.
    pub(crate) fn done(changed: u64) -> Self {
        Self { changed, done: true }
    }
}

/// Runs the job until told to stop. A run that fails is tried again at the next turn; the first
/// failure of a row is logged, and the recovery.
pub(crate) async fn keep<R: Reconciler>(mut job: R, stop: CancellationToken) {
    let mut turns = tokio::time::interval(R::EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures: u64 = 0;
    let nudge = job.nudge();
    let nudged = async || match &nudge {
        Some(nudge) => nudge.notified().await,
        None => std::future::pending().await,
    };
    let rounds = async {
        // A turn that was due already is none once it is told to stop.
        while !stop.is_cancelled() {
            tokio::select! {
                _ = turns.tick() => {}
                () = nudged() => {}
            }
            while !turn(&mut job, &mut failures).await {
                // A long way is gone in bounded parts, with others let in between.
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = rounds => {}
    }
    job.leave().await;
}

/// One run, measured. Whether there is nothing to do until the next turn.
async fn turn<R: Reconciler>(job: &mut R, failures: &mut u64) -> bool {
    let began = Instant::now();
    let outcome = job.run().await;
    let word = if outcome.is_ok() { "ok" } else { "error" };
    let seconds = began.elapsed().as_secs_f64();
    metrics::histogram!("openbell_reconciler_seconds", "name" => R::NAME).record(seconds);
    metrics::counter!("openbell_reconciler_runs_total", "name" => R::NAME, "outcome" => word)
        .increment(1);
    match outcome {
        Ok(progress) => {
            metrics::counter!("openbell_reconciler_changes_total", "name" => R::NAME)
                .increment(progress.changed);
            if *failures > 0 {
                tracing::info!(job = R::NAME, failures, "a background job works again");
            }
            *failures = 0;
            progress.done
        }
        Err(error) => {
            if *failures == 0 {
                let error = crate::term::error_chain(error.as_ref());
                tracing::error!(
                    job = R::NAME,
                    error,
                    "a background job failed; it will be retried"
                );
            }
            *failures += 1;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Fails at its first run, has two parts to do at its second, and stops all at its fourth.
    struct Scripted {
        runs: Arc<AtomicU64>,
        stop: CancellationToken,
    }

    impl Reconciler for Scripted {
        const NAME: &'static str = "scripted";
        const EVERY: Duration = Duration::from_millis(1);

        async fn run(&mut self) -> Result<Progress, Fault> {
            match self.runs.fetch_add(1, Ordering::SeqCst) {
                0 => Err("the database is away".into()),
                1 => Ok(Progress { changed: 5, done: false }),
                2 => Ok(Progress::done(1)),
                _ => {
                    self.stop.cancel();
                    Ok(Progress::done(0))
                }
            }
        }
    }

    #[tokio::test]
    async fn a_job_survives_a_failure_and_stops_when_told() {
        let (runs, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        keep(Scripted { runs: Arc::clone(&runs), stop: stop.clone() }, stop).await;
        assert_eq!(runs.load(Ordering::SeqCst), 4);
    }
}
