//! Watching PostgreSQL from a connection of its own: whether it answers, and how many sessions wait
//! for locks. While it does not answer, every statement is refused at once instead of each waiting
//! for a connection in vain. It reconnects nothing: the pool does that when it is asked again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::db::Db;
use crate::{Store, StoreError, error};

/// How long the database may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at the database again and again.
pub struct DatabaseMonitor {
    store: Store,
    conn: Option<PgConnection>,
}

impl DatabaseMonitor {
    /// A watch of this store.
    pub fn new(store: Store) -> Self {
        Self { store, conn: None }
    }

    /// Looks once. SQLite is in this process and never away.
    ///
    /// # Errors
    /// Why it does not answer.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        let looked = tokio::time::timeout(PATIENCE, self.ask()).await;
        let looked = looked.unwrap_or_else(|_| Err(error::away()));
        if looked.is_err() {
            self.conn = None;
        }
        let away = looked.is_err();
        if self.store.away.swap(away, Ordering::Relaxed) != away {
            let text = if away { "does not answer" } else { "answers again" };
            tracing::warn!("the database {text}");
        }
        metrics::gauge!("openbell_database_up").set(if away { 0.0 } else { 1.0 });
        looked
    }

    async fn ask(&mut self) -> Result<(), StoreError> {
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
        // Nobody looks any more: from now on every statement finds out for itself.
        self.store.away.store(false, Ordering::Relaxed);
    }
}

impl Store {
    fn postgres_options(&self) -> Option<std::sync::Arc<sqlx::postgres::PgConnectOptions>> {
        match self.engine_pools() {
            Db::Sqlite(_) => None,
            Db::Postgres(db) => Some(db.writer.connect_options()),
        }
    }
}
