//! Reading from a streaming standby of PostgreSQL what may be a moment old: whether it may be
//! asked, what becomes of a read that it fails, and the watch that measures how old its answers
//! are. It never answers for what somebody has just written, and nothing is written through it.

mod watch;

use std::fmt::Display;
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::{Instant, timeout};

use crate::db::{is_postgres, postgres_options, postgres_pool};
use crate::{DatabaseConfig, Store, StoreError};

pub use watch::ReplicaMonitor;

/// How long a read waits for a connection to the replica before the primary is asked.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(500);
/// How long its connections may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The replica of a store, with what is known of it.
pub(crate) struct Replica {
    options: PgConnectOptions,
    pool: PgPoolOptions,
    /// By how much an answer may be older than the newest commit.
    lag_max: Duration,
    state: tokio::sync::watch::Sender<State>,
    /// Up to where a new connection must find the primary's log replayed: a standby that starts
    /// again answers before it is where it was.
    needed: Arc<AtomicI64>,
}

enum State {
    /// Nobody has looked yet.
    Untried,
    /// It has everything that was committed up to `lag_max` before that instant. The pool is one of
    /// this time of use: connections that died without a word go with the time that they died in.
    Usable(Store, Instant),
    /// It answers, and its answers would be too old.
    Behind,
    /// It does not answer, or is not a replica of this database. Whoever waits for it leaves.
    Away,
}

impl Store {
    /// Reads what may be older than the newest commit, by at most `database.read_lag_max_ms`: from
    /// the replica while there is one that keeps up, else from the database itself. `read` is given
    /// the store to ask, and is called a second time when the replica fails it. Not for what the
    /// reader may have written, and not for writing. As a caller has it:
    /// `store.with_replica(|store| async move { store.all_stocks().await }).await?`
    /// What is borrowed in it must be a reference already (`let symbol = &symbol;`).
    ///
    /// # Errors
    /// What `read` meets at the primary.
    pub async fn with_replica<T, F>(&self, read: impl Fn(Store) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let Some(replica) = &self.replica else { return read(self.clone()).await };
        if let Some(answer) = replica.ask(&read).await {
            count("replica");
            return Ok(answer);
        }
        count("primary");
        read(self.clone()).await
    }
}

impl Replica {
    /// The replica that the configuration names. It need not be there.
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
        let asked = Arc::clone(&needed);
        let patience = ACQUIRE_TIMEOUT.min(Duration::from_millis(config.acquire_timeout_ms));
        let pool = postgres_pool(config).acquire_timeout(patience).after_connect(move |conn, _| {
            let needed = asked.load(Ordering::Relaxed);
            Box::pin(async move { check_replayed(conn, needed).await })
        });
        Ok(Some(Self {
            options,
            pool,
            lag_max: Duration::from_millis(config.read_lag_max_ms),
            state: tokio::sync::watch::Sender::new(State::Untried),
            needed,
        }))
    }

    /// Closes the connections, after the statements under way.
    pub(crate) async fn close(&self) {
        if let State::Usable(store, _) = self.state.send_replace(State::Untried) {
            // One that has fallen silent is not worth waiting for.
            let _ = timeout(CLOSE_TIMEOUT, Box::pin(store.close())).await;
        }
    }

    /// Asks the replica, if it may be asked and as long as it is there. `None`: ask the primary.
    async fn ask<T, F>(&self, read: &impl Fn(Store) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let store = self.usable()?;
        let mut states = self.state.subscribe();
        let goes_away = async {
            // The sender lives as long as `self`.
            let _ = states.wait_for(|state| matches!(state, State::Away)).await;
        };
        tokio::select! {
            answer = read(store) => answer.map_err(|error| self.hear(&error)).ok(),
            () = goes_away => None,
        }
    }

    /// The store over it, unless what it answers would be too old by now.
    fn usable(&self) -> Option<Store> {
        match &*self.state.borrow() {
            State::Usable(store, until) if Instant::now() < *until => Some(store.clone()),
            _ => None,
        }
    }

    /// Concludes from a failed read whether others may still ask.
    fn hear(&self, error: &StoreError) {
        match error {
            StoreError::Unavailable(cause) if is_gone(cause) => self.set(State::Away, cause),
            // Busy, too slow for one statement, or in the way of what is replayed.
            StoreError::Unavailable(_) | StoreError::Conflict(_) => {}
            _ => tracing::warn!(%error, "the replica refused a read that the primary is asked now"),
        }
    }

    /// Lets it be asked until an instant: it has replayed the primary's log up to `lsn`.
    fn set_usable(&self, lsn: i64, until: Instant) {
        self.needed.store(lsn, Ordering::Relaxed);
        let store = match &*self.state.borrow() {
            State::Usable(store, _) => Some(store.clone()),
            _ => None,
        };
        let connect = || Store::over(self.pool.clone().connect_lazy_with(self.options.clone()));
        self.set(State::Usable(store.unwrap_or_else(connect), until), &"it keeps up");
    }

    /// Changes what is known, and tells it once.
    fn set(&self, next: State, reason: &dyn Display) {
        let (now, usable) = (discriminant(&next), matches!(next, State::Usable(..)));
        let was = self.state.send_replace(next);
        metrics::gauge!("openbell_replica_usable").set(if usable { 1.0 } else { 0.0 });
        if discriminant(&was) == now {
            return;
        }
        if usable {
            tracing::info!("the read replica is used");
        } else {
            tracing::warn!(%reason, "the read replica is not used; the primary is read instead");
        }
    }
}

/// Refuses a connection to a standby that is not yet where it has been.
async fn check_replayed(conn: &mut PgConnection, needed: i64) -> Result<(), sqlx::Error> {
    let replayed: i64 =
        sqlx::query_scalar("SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint")
            .fetch_one(conn)
            .await?;
    if replayed >= needed {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("the replica has yet to replay what it had before".to_owned()))
}

/// Whether a fault says that the server is not there, and not merely that it has no time.
fn is_gone(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(told) => {
            let code = told.code().unwrap_or_default();
            // Connection trouble, shutting down or starting, a disk that fails.
            ["08", "57P", "58"].iter().any(|class| code.starts_with(class))
        }
        _ => false,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("openbell_replica_reads_total", "outcome" => outcome).increment(1);
}
