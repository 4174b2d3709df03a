//! The accept loop: limits on connections, header sizes and times, and the drain at shutdown. There
//! is no TLS here; a proxy in front terminates it.

mod connection_limit;
mod descriptors;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
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
use crate::config::HttpConfig;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// The smallest buffer that hyper works with, in bytes.
const BUFFER_SIZE_MIN: usize = 8 * 1024;

/// Serves until `shutdown` is cancelled; then accepts no connection, and lets started requests
/// finish within `drain_timeout_ms`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let limiter = ConnectionLimiter::new(config);
    let edge = Arc::new(Edge::new(router, config, shutdown.clone()));
    let connections = TaskTracker::new();
    let mut reserve = Reserve::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = reserve.handle(&error, &listener) => continue,
                }
            }
        };
        let Some(permit) = ConnectionLimiter::acquire(&limiter, peer.ip()) else {
            metrics::counter!("openbell_http_connections_refused_total").increment(1);
            continue;
        };
        connections.spawn(Arc::clone(&edge).serve_connection(stream, peer, permit));
    }
    drop(listener);
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
    /// No new request is read.
    shutdown: CancellationToken,
    /// Started requests are aborted.
    abort: CancellationToken,
}

impl Edge {
    fn new(router: Router, config: &HttpConfig, shutdown: CancellationToken) -> Self {
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
        // Peeked, because readiness can be spurious.
        let mut first = [0];
        let begun = tokio::select! {
            () = self.shutdown.cancelled() => false,
            begun = tokio::time::timeout(self.first_byte_timeout, stream.peek(&mut first)) => {
                matches!(begun, Ok(Ok(1)))
            }
        };
        if !begun {
            return;
        }
        let router = self.router.clone();
        let service = service_fn(move |request| respond(router.clone(), request, peer));
        let io = TokioIo::new(stream);
        let mut connection = std::pin::pin!(self.http.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
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
}

async fn respond(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    request.extensions_mut().insert(peer);
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if is_chunked {
        // Against request smuggling: nothing that follows a chunked body is read (RFC 9112, 6.1).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
