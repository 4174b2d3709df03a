//! The handle to Redis that counters, bus and cache share. Nobody ever waits for a connection:
//! there is one, or Redis is away and the caller is told so at once. A breaker stands before it:
//! the first command that fails or takes longer than 50 ms opens it, and only the keeper
//! (`keeper`) closes it again. What a caller does without Redis is the caller's.

mod address;
mod connection;
mod keeper;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::address::Address;
pub(crate) use self::connection::{Connection, Live};

/// The longest anybody waits for an answer of Redis.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);

/// The longest that making a connection takes, with all that belongs to it.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Why nodes cannot share anything.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The URL is none of a Redis; it is not repeated here because it may hold a password.
    #[error("reading the redis url failed")]
    Url(#[source] RedisError),
    /// The file with the certificates that are trusted cannot be read.
    #[error("reading the certificates in {0} failed")]
    CaFile(PathBuf, #[source] std::io::Error),
}

/// Why Redis did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedisFailure {
    #[error("there is no connection to redis")]
    Away,
    #[error("asking redis took longer than 50 ms")]
    Slow,
    #[error("asking redis failed")]
    Failed(#[source] RedisError),
}

/// A Redis, of any kind: a single one, one that Sentinels watch, or a Cluster. Clones share it.
#[derive(Clone, Debug)]
pub struct Redis(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    breaker: Arc<Breaker>,
    keeper: JoinHandle<()>,
}

/// What is known of the connection. It is closed while there is one, else open; half-open is what
/// the keeper does in between, which nobody else sees.
#[derive(Debug)]
struct Breaker {
    state: watch::Sender<State>,
}

/// One look at the breaker.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The connection that commands take.
    pub(crate) live: Option<Arc<Live>>,
    /// How often a connection was lost.
    pub(crate) outages: u64,
    /// Whether connecting was tried to its end once.
    tried: bool,
}

impl Redis {
    /// A handle to the Redis at `url`; it connects in the background, from within a Tokio runtime.
    ///
    /// - `redis://[user:password@]host[:port][/db]` is a single server;
    /// - `redis+sentinel://[user:password@]host[:port],…/name[/db]` is the master that these
    ///   Sentinels know by that name;
    /// - `redis+cluster://[user:password@]host[:port],…` is a Cluster, known by some of its nodes.
    ///
    /// With `rediss` in the place of `redis` it is asked through TLS. The server's certificate then
    /// has to come from an authority in the PEM file `ca_file`, or from one that the public trusts
    /// when there is no file.
    pub fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, ClusterError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| ClusterError::CaFile(path.to_owned(), source))
        };
        let address = Address::parse(url, ca_file.map(read).transpose()?);
        let address = address.map_err(ClusterError::Url)?;
        metrics::gauge!("openbell_redis_up").set(0.0);
        let breaker = Arc::new(Breaker { state: watch::Sender::default() });
        let keeper = tokio::spawn(keeper::keep(address, Arc::clone(&breaker)));
        Ok(Self(Arc::new(Handle { breaker, keeper })))
    }

    /// Returns when the first attempt to connect has ended, however it did (about 550 ms at most).
    pub async fn tried(&self) {
        let mut state = self.0.breaker.state.subscribe();
        // The sender lives as long as this handle.
        let _ = state.wait_for(|state| state.tried).await;
    }

    /// Whether there is a connection, and all that was asked through it was answered in time.
    pub fn is_up(&self) -> bool {
        self.0.breaker.state.borrow().live.is_some()
    }

    /// How often Redis was lost. Who keeps the number sees later whether it has been since.
    pub fn outages(&self) -> u64 {
        self.0.breaker.state.borrow().outages
    }

    /// Finds out whether the connection still leads anywhere.
    pub(crate) async fn check(&self) {
        // A failure is seen in the state.
        let _ = self.0.breaker.ask("ping", connection::ping).await;
    }

    /// The breaker as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.0.breaker.state.subscribe()
    }

    /// Asks Redis, for at most [`ANSWER_TIMEOUT`]. `command` is the metric's name for it.
    pub(crate) async fn ask<T, A>(
        &self,
        command: &'static str,
        ask: impl FnOnce(Connection) -> A,
    ) -> Result<T, RedisFailure>
    where
        A: Future<Output = RedisResult<T>>,
    {
        self.0.breaker.ask(command, ask).await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Breaker {
    async fn ask<T, A>(
        &self,
        command: &'static str,
        ask: impl FnOnce(Connection) -> A,
    ) -> Result<T, RedisFailure>
    where
        A: Future<Output = RedisResult<T>>,
    {
        let live = self.state.borrow().live.clone().ok_or(RedisFailure::Away)?;
        let began = Instant::now();
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask(live.connection.clone())).await;
        metrics::histogram!("openbell_redis_seconds", "command" => command)
            .record(began.elapsed().as_secs_f64());
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if is_an_answer(&error) => return Err(RedisFailure::Failed(error)),
            Ok(Err(error)) => RedisFailure::Failed(error),
            Err(_) => RedisFailure::Slow,
        };
        self.open(&live, &failure);
        Err(failure)
    }

    /// Opens the breaker, once for a connection: those who still ask through it are not heard.
    fn open(&self, lost: &Arc<Live>, failure: &RedisFailure) {
        let opened = self.state.send_if_modified(|state| {
            let is_current = state.live.as_ref().is_some_and(|live| Arc::ptr_eq(live, lost));
            if is_current {
                state.live = None;
                state.outages += 1;
            }
            is_current
        });
        if opened {
            metrics::gauge!("openbell_redis_up").set(0.0);
            let source = std::error::Error::source(failure).map(ToString::to_string);
            tracing::warn!(%failure, source, "redis is away, this node goes on alone");
        }
    }

    fn close(&self, live: Live) {
        self.state.send_modify(|state| {
            state.live = Some(Arc::new(live));
            state.tried = true;
        });
        metrics::gauge!("openbell_redis_up").set(1.0);
        tracing::info!("redis answers, nodes share what it holds");
    }

    /// An attempt to connect failed. What follows an outage has been told already.
    fn stay_open(&self, failure: &RedisFailure) {
        let is_first =
            self.state.send_if_modified(|state| !std::mem::replace(&mut state.tried, true));
        if is_first {
            let source = std::error::Error::source(failure).map(ToString::to_string);
            tracing::warn!(%failure, source, "redis does not answer yet, this node begins alone");
        }
    }
}

/// Whether Redis is well and only refused this one command.
fn is_an_answer(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
        ),
        ErrorKind::Extension | ErrorKind::UnexpectedReturnType => true,
        _ => false,
    }
}
