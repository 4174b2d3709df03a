//! The server's edge: it accepts connections and puts an end to slow, large and surplus ones.
//! What is answered is the router's. There is no TLS here: a proxy in front speaks it.

mod descriptors;
mod framing;
mod places;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::descriptors::Reserve;
use self::framing::{Recent, Watched};
use self::places::{Place, Places};
use crate::config::HttpConfig;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// The smallest buffer that hyper works with, in bytes.
const BUFFER_SIZE_MIN: usize = 8 * 1024;

/// Serves until `shutdown` is cancelled; then accepts nothing more and answers what has begun, for
/// as long as the configuration allows.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let places = Places::new(config);
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
        let Some(place) = Places::take(&places, peer.ip()) else {
            metrics::counter!("openbell_http_connections_refused_total").increment(1);
            continue;
        };
        connections.spawn(Arc::clone(&edge).carry(stream, peer, place));
    }
    drop(listener);
    connections.close();
    let patience = Duration::from_millis(config.drain_timeout_ms);
    if tokio::time::timeout(patience, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "closed before they were answered");
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

/// What every connection needs.
struct Edge {
    router: Router,
    http: http1::Builder,
    first_byte_timeout: Duration,
    recent_size: usize,
    /// No new request.
    shutdown: CancellationToken,
    /// Not even those that have begun.
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
            // A head, and what was read together with it.
            recent_size: buffer_size * 2,
            shutdown,
            abort: CancellationToken::new(),
        }
    }

    /// Serves one connection to its end.
    async fn carry(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Answers are written at once; a socket that cannot do that is served all the same.
        let _ = stream.set_nodelay(true);
        // Peeked at, because a socket is also called readable without anything to read.
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
        let recent = Recent::new(self.recent_size);
        let io = TokioIo::new(Watched::new(stream, recent.clone()));
        let router = self.router.clone();
        let service =
            service_fn(move |request| answer(router.clone(), request, peer, recent.clone()));
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
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    }
}

async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    recent: Recent,
) -> Result<Response, std::convert::Infallible> {
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    if is_chunked {
        let target = request.uri().to_string();
        if recent.frames_twice(request.method().as_str(), &target) {
            return Ok(last(StatusCode::BAD_REQUEST.into_response()));
        }
    }
    request.extensions_mut().insert(peer);
    let response = router.oneshot(request.map(Body::new)).await?;
    // Nothing that could have been hidden in a chunked body is ever read as a request.
    Ok(if is_chunked { last(response) } else { response })
}

/// The same answer as the last of its connection.
fn last(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
