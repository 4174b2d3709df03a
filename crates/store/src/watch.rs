//! Monitors PostgreSQL on a dedicated connection: whether it responds, and how many sessions wait
//! for locks. While it does not respond, statements fail at once instead of waiting for a
//! connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::pools::Db;
use crate::{Store, StoreError, error};

/// Timeout of a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks the database periodically.
pub struct DatabaseMonitor {
    store: Store,
    conn: Option<PgConnection>,
}

impl DatabaseMonitor {
    pub fn new(store: Store) -> Self {
        Self { store, conn: None }
    }

    /// Checks once. SQLite is always reachable.
    ///
    /// # Errors
    /// Why the database does not respond.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let result = tokio::time::timeout(CHECK_TIMEOUT, self.query()).await;
        let result = result.unwrap_or_else(|_| Err(error::unreachable()));
        if result.is_err() {
            self.conn = None;
        }
        let away = result.is_err();
        if self.store.is_unreachable.swap(away, Ordering::Relaxed) != away {
            let text = if away { "does not respond" } else { "responds again" };
            tracing::warn!("the database {text}");
        }
        metrics::gauge!("openbell_database_up").set(if away { 0.0 } else { 1.0 });
        result
    }

    async fn query(&mut self) -> Result<(), StoreError> {
        error::check_disk()?;
        let Some(options) = self.store.postgres_options() else { return Ok(()) };
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(PgConnection::connect_with(&options).await?),
        };
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(conn)
        .await?;
        metrics::gauge!("openbell_database_lock_waiters").set(waiting as f64);
        Ok(())
    }
}

impl Drop for DatabaseMonitor {
    fn drop(&mut self) {
        // Without a monitor every statement must find out itself.
        self.store.is_unreachable.store(false, Ordering::Relaxed);
    }
}

impl Store {
    /// Whether the last check found that the database does not respond; never without a monitor.
    pub fn is_unreachable(&self) -> bool {
        self.is_unreachable.load(Ordering::Relaxed)
    }

    fn postgres_options(&self) -> Option<std::sync::Arc<sqlx::postgres::PgConnectOptions>> {
        match self.engine_pools() {
            Db::Sqlite(_) => None,
            Db::Postgres(db) => Some(db.writer.connect_options()),
        }
    }
}
