//! The Redis handle shared by counters and bus. A command never waits for a connection: without one
//! it fails at once. A circuit breaker opens at the first command that fails or takes longer than
//! 50 ms, and only the task in `reconnect` closes it.

mod address;
mod connection;
mod reconnect;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::address::RedisAddress;
pub(crate) use self::connection::{Connection, LiveConnection};

/// The timeout of a command.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_millis(50);

/// The timeout of connecting, including TLS and authentication.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Why the configured Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A malformed URL. It is not repeated because it may contain a password.
    #[error("the redis url is malformed")]
    Url(#[source] RedisError),
    #[error("cannot read the certificates in {0}")]
    CaFile(PathBuf, #[source] std::io::Error),
}

/// Why a command has no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedisQueryError {
    #[error("there is no connection to redis")]
    Away,
    #[error("a redis command took longer than 50 ms")]
    Slow,
    #[error("a redis command failed")]
    Failed(#[source] RedisError),
}

/// A handle to a single Redis, a master behind Sentinels, or a Cluster. Clones share it.
#[derive(Clone, Debug)]
pub struct Redis(Arc<RedisHandle>);

#[derive(Debug)]
struct RedisHandle {
    breaker: Arc<ConnectionBreaker>,
    reconnect_task: JoinHandle<()>,
}

/// The circuit breaker: closed while there is a connection, otherwise open. The probes of
/// `reconnect` are its half-open state.
#[derive(Debug)]
struct ConnectionBreaker {
    state: watch::Sender<BreakerState>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct BreakerState {
    /// The connection for commands.
    pub(crate) live: Option<Arc<LiveConnection>>,
    /// How often a connection was lost.
    pub(crate) outages: u64,
    /// Whether the first attempt to connect has ended.
    attempted: bool,
}

impl Redis {
    /// A handle to the Redis at `url`; it connects in the background, from within a Tokio runtime.
    ///
    /// - `redis://[user:password@]host[:port][/db]` is a single server;
    /// - `redis+sentinel://[user:password@]host[:port],…/name[/db]` is the master that these
    ///   Sentinels monitor under that name;
    /// - `redis+cluster://[user:password@]host[:port],…` is a Cluster, by some of its nodes.
    ///
    /// `rediss` in the place of `redis` uses TLS. The server's certificate must then be signed by
    /// an authority in the PEM file `ca_file`, or by a public authority if there is no file.
    pub fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, ClusterError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| ClusterError::CaFile(path.to_owned(), source))
        };
        let address = RedisAddress::parse(url, ca_file.map(read).transpose()?);
        let address = address.map_err(ClusterError::Url)?;
        metrics::gauge!("openbell_redis_up").set(0.0);
        let breaker = Arc::new(ConnectionBreaker { state: watch::Sender::default() });
        let reconnect_task = tokio::spawn(reconnect::run(address, Arc::clone(&breaker)));
        Ok(Self(Arc::new(RedisHandle { breaker, reconnect_task })))
    }

    /// Waits for the first attempt to connect, successful or not (about 550 ms at most).
    pub async fn first_attempt(&self) {
        let mut state = self.0.breaker.state.subscribe();
        // The sender lives as long as this handle.
        let _ = state.wait_for(|state| state.attempted).await;
    }

    /// Whether there is a connection on which every command received its reply in time.
    pub fn is_up(&self) -> bool {
        self.0.breaker.state.borrow().live.is_some()
    }

    /// How often the connection was lost.
    pub fn outages(&self) -> u64 {
        self.0.breaker.state.borrow().outages
    }

    /// Checks the connection with a PING, which opens the breaker if it fails.
    pub(crate) async fn check(&self) {
        // A failure opens the breaker.
        let _ = self.0.breaker.query("ping", connection::ping).await;
    }

    pub(crate) fn watch(&self) -> watch::Receiver<BreakerState> {
        self.0.breaker.state.subscribe()
    }

    /// Runs a command with the timeout [`COMMAND_TIMEOUT`]. `command` is the label in metrics.
    pub(crate) async fn query<T, A>(
        &self,
        command: &'static str,
        run: impl FnOnce(Connection) -> A,
    ) -> Result<T, RedisQueryError>
    where
        A: Future<Output = RedisResult<T>>,
    {
        self.0.breaker.query(command, run).await
    }
}

impl Drop for RedisHandle {
    fn drop(&mut self) {
        self.reconnect_task.abort();
    }
}

impl ConnectionBreaker {
    async fn query<T, A>(
        &self,
        command: &'static str,
        run: impl FnOnce(Connection) -> A,
    ) -> Result<T, RedisQueryError>
    where
        A: Future<Output = RedisResult<T>>,
    {
        let live = self.state.borrow().live.clone().ok_or(RedisQueryError::Away)?;
        let began = Instant::now();
        let result = tokio::time::timeout(COMMAND_TIMEOUT, run(live.connection.clone())).await;
        metrics::histogram!("openbell_redis_seconds", "command" => command)
            .record(began.elapsed().as_secs_f64());
        let failure = match result {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) if is_command_error(&error) => {
                return Err(RedisQueryError::Failed(error));
            }
            Ok(Err(error)) => RedisQueryError::Failed(error),
            Err(_) => RedisQueryError::Slow,
        };
        self.open(&live, &failure);
        Err(failure)
    }

    /// Opens the breaker, once for each connection: later failures of `lost` are ignored.
    fn open(&self, lost: &Arc<LiveConnection>, failure: &RedisQueryError) {
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
            tracing::warn!(%failure, source, "lost the connection to redis; this node works without it and reconnects");
        }
    }

    fn close(&self, live: LiveConnection) {
        self.state.send_modify(|state| {
            state.live = Some(Arc::new(live));
            state.attempted = true;
        });
        metrics::gauge!("openbell_redis_up").set(1.0);
        tracing::info!("connected to redis");
    }

    /// Logs the failure of the first attempt to connect; an outage was logged when it began.
    fn stay_open(&self, failure: &RedisQueryError) {
        let is_first =
            self.state.send_if_modified(|state| !std::mem::replace(&mut state.attempted, true));
        if is_first {
            let source = std::error::Error::source(failure).map(ToString::to_string);
            tracing::warn!(%failure, source, "cannot connect to redis yet; this node starts without it; check redis.url");
        }
    }
}

/// Whether Redis works and rejected this one command.
fn is_command_error(error: &RedisError) -> bool {
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
