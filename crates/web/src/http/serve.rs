//! The accept loop: limits on connections, header sizes and times, and the drain at shutdown. There
//! is no TLS here; a proxy in front terminates it.

mod connection_limit;
mod descriptors;

use std::convert::Infallible;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::connection_limit::{ConnectionLimiter, ConnectionPermit};
use self::descriptors::Reserve;
use super::shutdown::Shutdown;
use crate::config::HttpConfig;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// The smallest buffer that hyper works with, in bytes.
const BUFFER_SIZE_MIN: usize = 8 * 1024;
/// How long after the listener was closed the first byte of an accepted connection may arrive.
const LATE_BYTE_TIMEOUT: Duration = Duration::from_millis(250);

/// Serves until `shutdown` is closed; then accepts no connection, and lets started requests finish
/// within `drain_timeout_ms`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    shutdown: Shutdown,
) -> io::Result<()> {
    let closing = shutdown.closing();
    let limiter = ConnectionLimiter::new(config);
    let edge = Arc::new(Edge::new(router, config, shutdown));
    let connections = TaskTracker::new();
    let start = |stream, peer: SocketAddr| {
        let Some(permit) = ConnectionLimiter::acquire(&limiter, peer.ip()) else {
            metrics::counter!("openbell_http_connections_refused_total").increment(1);
            return;
        };
        connections.spawn(Arc::clone(&edge).serve_connection(stream, peer, permit));
    };
    let mut reserve = Reserve::new();
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => start(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => reserve.handle(&error, &listener).await,
            }
        }
    };
    closing.run_until_cancelled(accept).await;
    accept_backlog(listener.into_std()?, config.connections_max, start);
    connections.close();
    let drain_timeout = Duration::from_millis(config.drain_timeout_ms);
    if tokio::time::timeout(drain_timeout, connections.wait()).await.is_err() {
        let count = connections.len();
        tracing::warn!(
            connections = count,
            "drain timeout: connections with running requests are closed"
        );
        edge.abort.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// Accepts the connections that are established already, and closes the listener, which resets
/// those that it has not accepted.
fn accept_backlog(
    listener: net::TcpListener,
    connections_max: usize,
    start: impl Fn(TcpStream, SocketAddr),
) {
    for _ in 0..connections_max {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream =
                    stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                // A socket that cannot be used is closed.
                let _ = stream.map(|stream| start(stream, peer));
            }
            Err(error) if is_of_one_connection(&error) => {}
            // `WouldBlock`: there are no more.
            Err(_) => break,
        }
    }
    drop(listener);
}

/// Whether accepting failed for one connection only, so that the next can be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kinds = [Kind::ConnectionAborted, Kind::ConnectionReset, Kind::ConnectionRefused];
    kinds.contains(&error.kind())
}

/// Shared by all connections.
struct Edge {
    router: Router,
    http: http1::Builder,
    first_byte_timeout: Duration,
    shutdown: Shutdown,
    /// The shutdown closes the server: no new request is read.
    closing: CancellationToken,
    /// Started requests are aborted.
    abort: CancellationToken,
}

impl Edge {
    fn new(router: Router, config: &HttpConfig, shutdown: Shutdown) -> Self {
        let buffer_size = config.header_size_max.max(BUFFER_SIZE_MIN);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(config.header_read_timeout_ms))
            .max_header_size(config.header_size_max)
            .max_headers(HEADERS_MAX)
            .max_buf_size(buffer_size);
        Self {
            router,
            http,
            first_byte_timeout: Duration::from_millis(config.first_byte_timeout_ms),
            closing: shutdown.closing(),
            shutdown,
            abort: CancellationToken::new(),
        }
    }

    async fn serve_connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ConnectionPermit,
    ) {
        // A socket without TCP_NODELAY works, with more latency.
        let _ = stream.set_nodelay(true);
        if !self.has_first_byte(&stream).await {
            return;
        }
        let service = service_fn(|request| self.respond(request, peer));
        let io = TokioIo::new(stream);
        let mut connection = std::pin::pin!(self.http.serve_connection(io, service));
        let ended = tokio::select! {
            // First, so that a request that has arrived is read.
            biased;
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.abort.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended with an error");
        }
        drop(permit);
    }

    /// Waits for the first byte of a connection.
    async fn has_first_byte(&self, stream: &TcpStream) -> bool {
        let is_late = async {
            self.closing.cancelled().await;
            tokio::time::sleep(LATE_BYTE_TIMEOUT).await;
        };
        // Peeked, because readiness can be spurious.
        let mut first = [0];
        tokio::select! {
            biased;
            begun = tokio::time::timeout(self.first_byte_timeout, stream.peek(&mut first)) => {
                matches!(begun, Ok(Ok(1)))
            }
            () = is_late => false,
        }
    }

    async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response, Infallible> {
        let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        request.extensions_mut().insert(peer);
        let mut response = self.router.clone().oneshot(request.map(Body::new)).await?;
        // A chunked request against request smuggling: nothing that follows its body is read (RFC
        // 9112, 6.1). During a shutdown, so that the client connects to another node.
        if is_chunked || self.shutdown.is_announced() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}
