//! Compares this node's clock with the database's, and warns while they differ. Beyond
//! `web::CLOCK_SKEW_MAX_S` the node is not ready.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use store::{Store, StoreError};

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// The largest difference that is not logged.
const TOLERATED: Duration = Duration::from_secs(2);

pub(crate) struct WatchClock {
    store: Store,
    clock: Arc<dyn Clock>,
    is_off: bool,
}

impl WatchClock {
    /// `None` if the database is SQLite, which has no clock of its own.
    pub(crate) fn new(context: &JobContext) -> Option<Self> {
        let is_postgres = context.config.sqlite_file().is_none();
        is_postgres.then(|| Self {
            store: context.store.clone(),
            clock: Arc::clone(&context.clock),
            is_off: false,
        })
    }

    async fn check(&mut self) -> Result<(), StoreError> {
        let skew_us = self.store.clock_skew(&*self.clock).await?;
        let skew = Duration::from_micros(skew_us.unsigned_abs());
        let sign = if skew_us < 0 { -1.0 } else { 1.0 };
        metrics::gauge!("openbell_clock_skew_seconds").set(skew.as_secs_f64().copysign(sign));
        let was_off = std::mem::replace(&mut self.is_off, skew > TOLERATED);
        let skew_ms = skew_us / 1_000;
        if self.is_off {
            tracing::warn!(
                skew_ms,
                ready = skew_us.saturating_abs() <= web::CLOCK_SKEW_MAX_S * 1_000_000,
                "the clock of this node differs from the database's; check the time \
                 synchronization of both machines"
            );
        } else if was_off {
            tracing::info!(skew_ms, "the clock of this node agrees with the database's again");
        }
        Ok(())
    }
}

impl Reconciler for WatchClock {
    const NAME: &'static str = "watch_clock";
    const INTERVAL: Duration = Duration::from_secs(60);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.check().await?;
        Ok(JobProgress::done(0))
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixMicros;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use store::DatabaseConfig;
    use testkit::ManualClock;

    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn a_clock_that_is_off_is_noticed_and_so_is_its_correction() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let rendered = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let url = testkit::postgres_database();
        let store = Store::open(&DatabaseConfig { url, ..DatabaseConfig::default() }).await;
        let (store, clock) = (store.expect("opens"), ManualClock::at(UnixMicros(0)));
        let mut job = WatchClock { store: store.clone(), clock: Arc::new(clock), is_off: false };
        job.check().await.expect("measured");
        let behind = store.last_clock_skew();
        assert!(job.is_off && behind < 0);
        let text = rendered.render();
        let gauge = format!("openbell_clock_skew_seconds -{}", behind.unsigned_abs() / 1_000_000);
        assert!(text.contains(&gauge), "{gauge} is not in\n{text}");

        // The database runs on this machine.
        job.clock = Arc::new(SystemClock);
        job.check().await.expect("measured");
        assert!(!job.is_off, "{}", store.last_clock_skew());
    }
}
