//! The accept loop, tested over raw sockets: timeouts, limits, framing and shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::{HttpConfig, Shutdown};

/// Bounds every wait, so that a defect fails a test instead of hanging it.
const TIMEOUT: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<std::io::Result<()>>,
    /// Cancelled to let `/wait` respond.
    release: CancellationToken,
    /// Cancelled when `/wait` has been reached.
    reached: CancellationToken,
    /// Executions of `/`.
    root_count: Arc<AtomicUsize>,
}

async fn start(change: impl FnOnce(&mut HttpConfig)) -> Server {
    let mut config = HttpConfig::default();
    change(&mut config);
    let (release, reached) = (CancellationToken::new(), CancellationToken::new());
    let (wait, reach) = (release.clone(), reached.clone());
    let root_count = Arc::new(AtomicUsize::new(0));
    let executed = Arc::clone(&root_count);
    let router = Router::new()
        .route(
            "/",
            get(|| async move {
                executed.fetch_add(1, Ordering::Relaxed);
                "hello"
            }),
        )
        .route("/echo", post(|body: String| async { body }))
        .route(
            "/wait",
            get(|| async move {
                reach.cancel();
                wait.cancelled().await;
                "done"
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    let shutdown = Shutdown::default();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { web::serve(listener, router, &config, stop).await });
    Server { address, shutdown, task, release, reached, root_count }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Stops the server and waits until it has ended.
    async fn stop(self) {
        self.shutdown.close();
        let ended = tokio::time::timeout(TIMEOUT, self.task).await.expect("the server ends");
        ended.expect("no panic").expect("no error");
    }
}

/// Reads until the server closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await;
    // A reset also closes the connection.
    let _ = read.expect("the connection is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the text has been received.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains(text) {
        let read = tokio::time::timeout(TIMEOUT, stream.read(&mut buffer)).await;
        let count = read.expect("a response").expect("bytes");
        assert!(count > 0, "closed after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    seen
}

async fn exchange(server: &Server, request: &str) -> String {
    let mut stream = server.connect().await;
    stream.write_all(request.as_bytes()).await.expect("to be sent");
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let server = start(|_| {}).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(read_until(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
    }
    server.stop().await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = start(|config| {
        config.first_byte_timeout_ms = 50;
        config.header_read_timeout_ms = 60_000;
    })
    .await;
    let mut stream = server.connect().await;
    assert_eq!(read_to_end(&mut stream).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_with_slow_headers_is_closed() {
    let server = start(|config| config.header_read_timeout_ms = 100).await;
    let response = exchange(&server, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!response.contains("200 OK"), "{response}");
    server.stop().await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_rejected() {
    let server = start(|config| config.header_size_max = 8 * 1024).await;
    let large = "a".repeat(9 * 1024);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nX-A: {large}\r\n\r\n");
    let response = exchange(&server, &request).await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 431"), "{response}");
    server.stop().await;
}

/// A request that an attacker hides behind the body of another one.
const HIDDEN: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn nothing_after_a_chunked_body_is_read_as_a_request() {
    let server = start(|_| {}).await;
    let hidden_count = Arc::clone(&server.root_count);
    let framings = [
        "Transfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "transfer-encoding: chunked\r\ncontent-length: 0",
        "Transfer-Encoding: CHUNKED\r\nContent-Length: 5\r\nConnection: keep-alive",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5",
        "Transfer-Encoding: identity\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity\r\nContent-Length: 5",
        "Transfer-Encoding: xchunked\r\nContent-Length: 5",
        "Transfer-Encoding:\tchunked\r\nContent-Length: 5",
        "Transfer-Encoding: \u{b}chunked\r\nContent-Length: 5",
        "Transfer-Encoding : chunked\r\nContent-Length: 5",
        "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5",
        "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    ];
    let bodies =
        ["0\r\n\r\n", "0\r\nX: y\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n", "2;a=\"\n\"\r\nhi\r\n0\r\n\r\n"];
    for framing in framings {
        for body in bodies {
            for path in ["/echo", "/nowhere"] {
                let request =
                    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{body}{HIDDEN}");
                let response = exchange(&server, &request).await;
                let count = response.matches("HTTP/1.1 ").count();
                assert!(count <= 1 && !response.contains("hello"), "{request:?}: {response}");
                assert_eq!(hidden_count.load(Ordering::Relaxed), 0, "{request:?}");
            }
        }
    }
    server.stop().await;
    assert_eq!(hidden_count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_chunked_body_is_read_and_its_connection_closed() {
    let server = start(|_| {}).await;
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 9\r\nTransfer-Encoding: chunked"]
    {
        let request =
            format!("POST /echo HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
        let response = exchange(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("hi"), "{response}");
        assert!(response.to_lowercase().contains("connection: close"), "{response}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_malformed_length_or_coding_is_rejected() {
    let server = start(|_| {}).await;
    let framings = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: -5",
        "Content-Length : 5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
    ];
    for framing in framings {
        let request = format!("POST /echo HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\nhello");
        let response = exchange(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 400"), "{framing}: {response}");
    }
    let old = format!("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    let response = exchange(&server, &old).await;
    assert!(response.starts_with("HTTP/1.1 400"), "{response}");
    server.stop().await;
}

#[tokio::test]
async fn surplus_connections_are_closed_until_another_one_ends() {
    let server = start(|config| config.connections_per_address_max = 1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "hello").await;
    let mut second = server.connect().await;
    assert_eq!(read_to_end(&mut second).await, "");
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut first).await.ends_with("hello"));
    // The server counts the connection until a moment after the client sees its end.
    let again = async {
        loop {
            let response =
                exchange(&server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            if response.await.ends_with("hello") {
                break;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, again).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn started_requests_are_answered_before_shutdown() {
    let server = start(|_| {}).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::timeout(TIMEOUT, server.reached.cancelled()).await.unwrap();
    server.shutdown.close();
    assert_eq!(read_to_end(&mut idle).await, "");
    server.release.cancel();
    let response = read_to_end(&mut busy).await;
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("done"), "{response}");
    assert!(TcpStream::connect(server.address).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn shutdown_waits_no_longer_than_the_drain_timeout() {
    let server = start(|config| config.drain_timeout_ms = 50).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::timeout(TIMEOUT, server.reached.cancelled()).await.unwrap();
    server.stop().await;
    assert_eq!(read_to_end(&mut busy).await, "");
}

#[tokio::test]
async fn an_announced_shutdown_serves_requests_and_closes_their_connections() {
    let server = start(|_| {}).await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let response = read_until(&mut kept, "hello").await.to_lowercase();
    assert!(!response.contains("connection: close"), "{response}");
    server.shutdown.announce();
    // On the connection from before, and on a new one.
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let of_new = exchange(&server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for response in [read_to_end(&mut kept).await, of_new] {
        assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("hello"), "{response}");
        assert!(response.to_lowercase().contains("connection: close"), "{response}");
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_that_are_established_when_the_listener_closes_are_served() {
    let server = start(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = server.connect().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        clients.push(client);
    }
    // The one thread of this test has not let the server accept all of them.
    server.shutdown.close();
    for mut client in clients {
        let response = read_to_end(&mut client).await;
        assert!(response.ends_with("hello"), "{response:?}");
    }
    server.stop().await;
}
