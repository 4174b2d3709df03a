//! The configured replica, its connections and whether it is usable at present.

use std::fmt::Display;
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::postgres::{is_postgres, postgres_options, postgres_pool};
use crate::{DatabaseConfig, StoreError};

/// Wait for a connection to the replica before the primary is used.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(500);
/// Timeout of closing the pool.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A store's replica and its state.
pub(crate) struct Replica {
    pub(super) options: PgConnectOptions,
    pool: PgPoolOptions,
    /// The largest accepted staleness.
    pub(super) lag_max: Duration,
    state: watch::Sender<ReplicaState>,
    /// The WAL position that a new connection must have replayed: a restarted standby accepts reads
    /// before it has caught up.
    needed: Arc<AtomicI64>,
}

pub(super) enum ReplicaState {
    /// Not checked yet.
    Untried,
    /// Everything committed up to `lag_max` before that instant is replayed. Each period of use has
    /// its own pool, so that dead connections are dropped with it.
    Usable(PgPool, Instant),
    /// It responds but is too stale.
    Behind,
    /// It does not respond or is not a replica of this database. Waiting reads go to the primary.
    Away,
}

impl Replica {
    /// The configured replica. It need not be reachable.
    pub(crate) fn of(config: &DatabaseConfig) -> Result<Option<Self>, StoreError> {
        let refused = |text: &str| StoreError::Unsuitable(text.to_owned());
        if config.read_url.is_empty() {
            return Ok(None);
        }
        if !is_postgres(&config.url) {
            return Err(refused("database.read_url is for PostgreSQL: SQLite has no replica"));
        }
        if !is_postgres(&config.read_url) {
            return Err(refused("database.read_url must begin with postgres://"));
        }
        let options = postgres_options(&config.read_url, config)
            .map_err(|error| refused(&format!("database.read_url: {error}")))?
            .options([("default_transaction_read_only", "on")]);
        let needed = Arc::<AtomicI64>::default();
        let required = Arc::clone(&needed);
        let acquire_timeout = ACQUIRE_TIMEOUT.min(Duration::from_millis(config.acquire_timeout_ms));
        let pool =
            postgres_pool(config).acquire_timeout(acquire_timeout).after_connect(move |conn, _| {
                let needed = required.load(Ordering::Relaxed);
                Box::pin(async move { check_replayed(conn, needed).await })
            });
        Ok(Some(Self {
            options,
            pool,
            lag_max: Duration::from_millis(config.read_lag_max_ms),
            state: watch::Sender::new(ReplicaState::Untried),
            needed,
        }))
    }

    /// Closes the connections after the running statements.
    pub(crate) async fn close(&self) {
        if let ReplicaState::Usable(pool, _) = self.state.send_replace(ReplicaState::Untried) {
            // A connection without response must not delay the shutdown.
            let _ = timeout(CLOSE_TIMEOUT, pool.close()).await;
        }
    }

    /// The pool, unless the replica is too stale by now.
    pub(crate) fn usable(&self) -> Option<PgPool> {
        match &*self.state.borrow() {
            ReplicaState::Usable(pool, until) if Instant::now() < *until => Some(pool.clone()),
            _ => None,
        }
    }

    /// Waits until the replica does not respond.
    pub(super) async fn gone_away(&self) {
        let mut states = self.state.subscribe();
        // The sender is never dropped before `self`.
        let _ = states.wait_for(|state| matches!(state, ReplicaState::Away)).await;
    }

    /// Marks the replica unusable if an error shows that it is gone.
    pub(super) fn on_error(&self, error: &StoreError) {
        match error {
            StoreError::Unavailable(cause) if is_gone(cause) => self.set(ReplicaState::Away, cause),
            // Busy, a slow statement, or a conflict with replay.
            StoreError::Unavailable(_) | StoreError::Conflict(_) => {}
            _ => tracing::warn!(%error, "read on the replica failed; the primary is used"),
        }
    }

    /// Makes it usable until an instant; it has replayed the WAL up to `lsn`.
    pub(super) fn set_usable(&self, lsn: i64, until: Instant) {
        self.needed.store(lsn, Ordering::Relaxed);
        let pool = match &*self.state.borrow() {
            ReplicaState::Usable(pool, _) => Some(pool.clone()),
            _ => None,
        };
        let connect = || self.pool.clone().connect_lazy_with(self.options.clone());
        self.set(ReplicaState::Usable(pool.unwrap_or_else(connect), until), &"it keeps up");
    }

    /// Changes the state and logs the transition.
    pub(super) fn set(&self, next: ReplicaState, reason: &dyn Display) {
        let (now, usable) = (discriminant(&next), matches!(next, ReplicaState::Usable(..)));
        let was = self.state.send_replace(next);
        metrics::gauge!("openbell_replica_usable").set(if usable { 1.0 } else { 0.0 });
        if discriminant(&was) == now {
            return;
        }
        if usable {
            tracing::info!("the read replica is usable");
        } else {
            tracing::warn!(%reason, "the read replica is unusable; reads go to the primary");
        }
    }
}

/// Rejects a connection to a standby that has not replayed up to a known position.
async fn check_replayed(conn: &mut PgConnection, needed: i64) -> Result<(), sqlx::Error> {
    let replayed: i64 =
        sqlx::query_scalar("SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint")
            .fetch_one(conn)
            .await?;
    if replayed >= needed {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("the replica has not replayed its former position yet".to_owned()))
}

/// Whether an error means that the server is gone, not merely busy.
fn is_gone(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            // Connection trouble, shutdown or startup, disk errors.
            ["08", "57P", "58"].iter().any(|class| code.starts_with(class))
        }
        _ => false,
    }
}
