//! An HTTP client with one keep-alive connection. It never sends a request twice that a server may
//! have received.

use std::error::Error;
use std::fmt;
use std::io;
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
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::error::LoadError;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A connection of HTTP or HTTPS.
type HttpStream = Either<TcpStream, TlsStream<TcpStream>>;

#[derive(Clone)]
pub(crate) struct ServerAddress {
    host: HeaderValue,
    /// `HOST:PORT` of the TCP connection.
    host_and_port: String,
    /// The prefix of every path.
    base: String,
    /// For HTTPS, with the name that the certificate must have.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host_and_port)
    }
}

impl ServerAddress {
    /// Parses a base URL.
    pub(crate) fn parse(url: &str, tls: &TlsConnector) -> Result<Self, LoadError> {
        let wrong = || LoadError::Url(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let parsed: hyper::http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if parsed.host().is_empty() || authority.contains('@') || path.contains(['?', '#']) {
            return Err(wrong());
        }
        let port = parsed.port_u16().unwrap_or(default_port);
        let host_and_port = format!("{}:{port}", parsed.host());
        let tls = match scheme {
            "https" => {
                let name = parsed.host().trim_matches(['[', ']']).to_owned();
                Some((tls.clone(), ServerName::try_from(name).map_err(|_| wrong())?))
            }
            _ => None,
        };
        let path = path.trim_end_matches('/');
        let base = if path.is_empty() { String::new() } else { format!("/{path}") };
        let host = HeaderValue::from_str(authority).map_err(|_| wrong())?;
        Ok(Self { host, host_and_port, base, tls })
    }

    async fn connect(&self) -> io::Result<HttpStream> {
        let stream = TcpStream::connect(&self.host_and_port).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            Some((tls, name)) => Either::Right(tls.connect(name.clone(), stream).await?),
            None => Either::Left(stream),
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// `Bearer …`
    pub(crate) bearer: Option<HeaderValue>,
    /// The idempotency key.
    pub(crate) key: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>, bearer: Option<&HeaderValue>) -> Self {
        let (path, bearer) = (path.into(), bearer.cloned());
        Self { method: Method::GET, path, bearer, key: None, body: Bytes::new() }
    }

    pub(crate) fn post(path: &str, bearer: Option<&HeaderValue>, body: impl Into<Bytes>) -> Self {
        let (path, bearer, body) = (path.to_owned(), bearer.cloned(), body.into());
        Self { method: Method::POST, path, bearer, key: None, body }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The header `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Bytes,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// The connection was refused; nothing was sent.
    Refused,
    /// The connection broke or timed out: the server may have received the request.
    Unanswered,
}

/// A client with one connection, which moves to the next server when one refuses it.
#[derive(Debug)]
pub(crate) struct Client {
    addresses: Arc<[ServerAddress]>,
    at: usize,
    link: Option<HttpConnection>,
    /// The cause of the last error; empty before the first one.
    cause: String,
}

impl Client {
    /// Begins with the server at index `number`, modulo their number.
    pub(crate) fn new(addresses: &Arc<[ServerAddress]>, number: usize) -> Self {
        let at = number % addresses.len().max(1);
        Self { addresses: Arc::clone(addresses), at, link: None, cause: String::new() }
    }

    /// Why the last request failed.
    pub(crate) fn cause(&self) -> &str {
        &self.cause
    }

    /// Connects ahead of the first request.
    pub(crate) async fn connect(&mut self) {
        let open = HttpConnection::open(&self.addresses, &mut self.at);
        let opened = tokio::time::timeout(RESPONSE_TIMEOUT, open).await;
        self.link = opened.ok().and_then(Result::ok);
    }

    pub(crate) async fn send(&mut self, call: &Call) -> Result<Response, SendError> {
        let answered = tokio::time::timeout(RESPONSE_TIMEOUT, self.send_now(call)).await;
        let answered = answered.unwrap_or_else(|_| {
            self.cause = format!("nothing within {} s", RESPONSE_TIMEOUT.as_secs());
            Err(SendError::Unanswered)
        });
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
                Err(error) => return Err(self.record(&error, SendError::Unanswered)),
            }
        }
        let opened = match HttpConnection::open(&self.addresses, &mut self.at).await {
            Ok(opened) => opened,
            Err(error) => return Err(self.record(&error, SendError::Refused)),
        };
        let link = self.link.insert(opened);
        match link.exchange(request(&self.addresses[self.at], call)?).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.record(&error, SendError::Unanswered)),
        }
    }

    fn record(&mut self, cause: &dyn Error, error: SendError) -> SendError {
        self.cause = cause.to_string();
        error
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
    // Paths contain names that servers returned; a malformed path is not sent.
    request.body(Full::new(call.body.clone())).map_err(|_| SendError::Refused)
}

/// An open connection. The caller that waits for a response drives it, which saves two task
/// switches a request.
#[derive(Debug)]
struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended: dropping it returns a request that it did not take.
    connection: Option<Connection<TokioIo<HttpStream>, Full<Bytes>>>,
}

impl HttpConnection {
    /// Connects to the server at `at`; moves `at` to the next one if it refuses.
    async fn open(addresses: &[ServerAddress], at: &mut usize) -> io::Result<Self> {
        let connected = addresses[*at].connect().await;
        if connected.is_err() {
            *at = (*at + 1) % addresses.len();
        }
        let linked = handshake(TokioIo::new(connected?)).await.map_err(io::Error::other);
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
    fn only_a_url_of_http_or_https_is_a_server_address() {
        let tls = crate::tls::connector(None).expect("good");
        let parse = |url| ServerAddress::parse(url, &tls);
        for url in ["", "here", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://a@b"] {
            assert!(matches!(parse(url), Err(LoadError::Url(named)) if named == url));
        }
        for (url, host_and_port, base, is_https) in [
            ("http://[::1]:1/", "[::1]:1", "", false),
            ("http://localhost/game/", "localhost:80", "/game", false),
            ("https://play.example.org", "play.example.org:443", "", true),
            ("https://[::1]:8443/game", "[::1]:8443", "/game", true),
        ] {
            let parsed = parse(url).expect("good");
            assert_eq!(
                (parsed.host_and_port.as_str(), parsed.base.as_str()),
                (host_and_port, base)
            );
            assert_eq!(parsed.tls.is_some(), is_https, "{url}");
        }
    }
}
