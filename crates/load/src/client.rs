//! The server as a player sees it: an address and a connection that is kept alive. It knows no
//! route, measures nothing and never sends a request twice once it may have been received.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::LoadError;

/// How long an answer may take before the request counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    host: HeaderValue,
    /// `HOST:PORT`, as it is connected to.
    place: String,
    /// What stands before every path.
    base: String,
}

impl ServerAddress {
    /// Reads an address of plain HTTP.
    pub(crate) fn parse(url: &str) -> Result<Self, LoadError> {
        let wrong = || LoadError::Url(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let parsed: hyper::http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if parsed.host().is_empty() || authority.contains('@') || path.contains(['?', '#']) {
            return Err(wrong());
        }
        let place = format!("{}:{}", parsed.host(), parsed.port_u16().unwrap_or(80));
        let path = path.trim_end_matches('/');
        let base = if path.is_empty() { String::new() } else { format!("/{path}") };
        let host = HeaderValue::from_str(authority).map_err(|_| wrong())?;
        Ok(Self { host, place, base })
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// `Bearer …`, for whom it is.
    pub(crate) bearer: Option<HeaderValue>,
    pub(crate) key: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Call {
    /// A query.
    pub(crate) fn get(path: impl Into<String>, bearer: Option<&HeaderValue>) -> Self {
        let (path, bearer) = (path.into(), bearer.cloned());
        Self { method: Method::GET, path, bearer, key: None, body: Bytes::new() }
    }

    /// A change.
    pub(crate) fn post(path: &str, bearer: Option<&HeaderValue>, body: impl Into<Bytes>) -> Self {
        let (path, bearer, body) = (path.to_owned(), bearer.cloned(), body.into());
        Self { method: Method::POST, path, bearer, key: None, body }
    }
}

/// One answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The header `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// Nobody listens; nothing was sent.
    Refused,
    /// The connection broke or nothing came in time: it may have been received.
    Unanswered,
}

/// A client with one connection, to one server after the other.
#[derive(Debug)]
pub(crate) struct Client {
    addresses: Arc<[ServerAddress]>,
    at: usize,
    link: Option<HttpConnection>,
}

impl Client {
    /// A client that begins with the server of this number, counted round and round.
    pub(crate) fn new(addresses: &Arc<[ServerAddress]>, number: usize) -> Self {
        let at = number % addresses.len().max(1);
        Self { addresses: Arc::clone(addresses), at, link: None }
    }

    /// Connects ahead of the first request, if somebody listens.
    pub(crate) async fn connect(&mut self) {
        self.link = HttpConnection::open(&self.addresses, &mut self.at).await.ok();
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&mut self, call: &Call) -> Result<Response, SendError> {
        let answered = tokio::time::timeout(PATIENCE, self.send_now(call)).await;
        let answered = answered.unwrap_or(Err(SendError::Unanswered));
        if answered.is_err() {
            self.link = None;
        }
        answered
    }

    async fn send_now(&mut self, call: &Call) -> Result<Response, SendError> {
        if let Some(link) = &mut self.link {
            match link.exchange(request(&self.addresses[self.at], call)?).await {
                Ok(answer) => return Ok(answer),
                // The server had closed the idle connection; nothing was sent.
                Err(error) if error.is_canceled() || error.is_closed() => self.link = None,
                Err(_) => return Err(SendError::Unanswered),
            }
        }
        let link = self.link.insert(HttpConnection::open(&self.addresses, &mut self.at).await?);
        let answered = link.exchange(request(&self.addresses[self.at], call)?).await;
        answered.map_err(|_| SendError::Unanswered)
    }
}

fn request(address: &ServerAddress, call: &Call) -> Result<Request<Full<Bytes>>, SendError> {
    let uri = format!("{}{}", address.base, call.path);
    let mut request = Request::builder().method(&call.method).uri(uri);
    request = request.header(HOST, &address.host).header(ACCEPT, JSON);
    if let Some(bearer) = &call.bearer {
        request = request.header(AUTHORIZATION, bearer);
    }
    if let Some(key) = &call.key {
        request = request.header(IDEMPOTENCY_KEY, key);
    }
    if call.method == Method::POST {
        request = request.header(CONTENT_TYPE, JSON);
    }
    // Paths are made of what servers and scenarios name, so one that is none is never sent.
    request.body(Full::new(call.body.clone())).map_err(|_| SendError::Refused)
}

/// An open connection. It is driven by who waits for an answer, not by a task of its own, which
/// saves two changes of task a request.
#[derive(Debug)]
struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended: dropped, it gives back a request that it did not take.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

impl HttpConnection {
    /// Connects to the server at `at`; goes on to the next one when nobody listens there.
    async fn open(addresses: &[ServerAddress], at: &mut usize) -> Result<Self, SendError> {
        let stream = TcpStream::connect(&addresses[*at].place).await;
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let Ok(stream) = stream else {
            *at = (*at + 1) % addresses.len();
            return Err(SendError::Refused);
        };
        let linked = handshake(TokioIo::new(stream)).await.map_err(|_| SendError::Refused);
        linked.map(|(sender, connection)| Self { sender, connection: Some(connection) })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response> {
        let Self { sender, connection } = self;
        let mut work = pin!(async {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            let header = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|text| text.parse().ok());
            Ok(Response { status: head.status.as_u16(), retry_after, body })
        });
        if let Some(open) = connection {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ended = open => *connection = None,
            }
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_an_address() {
        for url in ["", "here", "127.0.0.1:8080", "https://127.0.0.1", "http://", "http://a@b"] {
            assert!(matches!(ServerAddress::parse(url), Err(LoadError::Url(told)) if told == url));
        }
        let parsed = ServerAddress::parse("http://[::1]:1/").expect("good");
        assert_eq!((parsed.place.as_str(), parsed.base.as_str()), ("[::1]:1", ""));
        let parsed = ServerAddress::parse("http://localhost/game/").expect("good");
        assert_eq!((parsed.place.as_str(), parsed.base.as_str()), ("localhost:80", "/game"));
    }
}
