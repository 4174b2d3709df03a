//! The server's edge against raw sockets: what is cut, what is refused, and how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::HttpConfig;

/// Longer than anything here takes, so that a defect ends a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    /// Lets `/wait` answer.
    release: CancellationToken,
    /// Cancelled when `/wait` has been reached.
    reached: CancellationToken,
}

async fn start(change: impl FnOnce(&mut HttpConfig)) -> Server {
    let mut config = HttpConfig::default();
    change(&mut config);
    let (release, reached) = (CancellationToken::new(), CancellationToken::new());
    let (wait, note) = (release.clone(), reached.clone());
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: String| async { body }))
        .route(
            "/wait",
            get(|| async move {
                note.cancel();
                wait.cancelled().await;
                "done"
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { web::serve(listener, router, &config, stop).await });
    Server { address, shutdown, task, release, reached }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Ends it and waits for the end.
    async fn stop(self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await.expect("an end");
        ended.expect("no panic").expect("no fault");
    }
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    let _ = read.expect("the connection is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the text has been seen.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains(text) {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await;
        let count = read.expect("an answer").expect("bytes");
        assert!(count > 0, "closed after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    seen
}

async fn exchange(server: &Server, request: &str) -> String {
    let mut stream = server.connect().await;
    stream.write_all(request.as_bytes()).await.expect("to be sent");
    rest(&mut stream).await
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = start(|_| {}).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(until(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
    }
    server.stop().await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut() {
    let server = start(|config| {
        config.first_byte_timeout_ms = 50;
        config.header_read_timeout_ms = 60_000;
    })
    .await;
    let mut stream = server.connect().await;
    assert_eq!(rest(&mut stream).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_slow_header_is_cut() {
    let server = start(|config| config.header_read_timeout_ms = 100).await;
    let answer = exchange(&server, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let server = start(|config| config.header_size_max = 8 * 1024).await;
    let large = "a".repeat(9 * 1024);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nX-A: {large}\r\n\r\n");
    let answer = exchange(&server, &request).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_framed_twice_is_refused_and_nothing_after_it_is_read() {
    let server = start(|_| {}).await;
    let framings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "transfer-encoding: chunked\r\ncontent-length: 0",
    ];
    for framing in framings {
        let hidden = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let request =
            format!("POST /echo HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n0\r\n\r\n{hidden}");
        let answer = exchange(&server, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
        assert!(!answer.contains("hello"), "{framing}: {answer}");
    }
    for framing in ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: +5"] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\nhello");
        let answer = exchange(&server, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
    }
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                   2\r\nhi\r\n0\r\n\r\n";
    let answer = exchange(&server, chunked).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hi"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn surplus_connections_are_closed_and_places_are_given_back() {
    let server = start(|config| config.connections_per_address_max = 1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    until(&mut first, "hello").await;
    let mut second = server.connect().await;
    assert_eq!(rest(&mut second).await, "");
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut first).await.ends_with("hello"));
    // The place is given back a moment after the other side sees the end.
    let again = async {
        loop {
            let answer =
                exchange(&server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            if answer.await.ends_with("hello") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn what_has_begun_is_answered_before_the_end() {
    let server = start(|_| {}).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::timeout(PATIENCE, server.reached.cancelled()).await.unwrap();
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    server.release.cancel();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    assert!(TcpStream::connect(server.address).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let server = start(|config| config.drain_timeout_ms = 50).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::timeout(PATIENCE, server.reached.cancelled()).await.unwrap();
    server.stop().await;
    assert_eq!(rest(&mut busy).await, "");
}
