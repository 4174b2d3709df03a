//! Logs when PostgreSQL becomes unreachable, and when it is reachable again.

use std::time::Duration;

use store::DatabaseMonitor;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

pub(crate) struct WatchDatabase {
    monitor: DatabaseMonitor,
}

impl WatchDatabase {
    /// `None` if the database is SQLite.
    pub(crate) fn new(context: &JobContext) -> Option<Self> {
        let is_postgres = context.config.sqlite_file().is_none();
        is_postgres.then(|| Self { monitor: DatabaseMonitor::new(context.store.clone()) })
    }
}

impl Reconciler for WatchDatabase {
    const NAME: &'static str = "watch_database";
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        self.monitor.check().await?;
        Ok(JobProgress::done(0))
    }
}
