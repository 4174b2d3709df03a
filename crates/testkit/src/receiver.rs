//! A receiver of notifications, or of traces, over HTTP. It records every request and responds as
//! its script requires, correctly or not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

const HEAD_MAX: usize = 16 * 1_024;

/// How the receiver responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverMode {
    /// 202 as PagerDuty responds.
    Accept,
    /// This status, and a body that is not JSON.
    Status(u16),
    /// 429 with a `Retry-After` of this many seconds.
    TooMany(u64),
    /// 503 with a `Retry-After` of this many seconds.
    Unavailable(u64),
    /// 200 with a body that never ends.
    Endless,
    /// No response.
    Hang,
    /// A response that is not HTTP.
    Garbage,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As text; what is not UTF-8 in it is replaced.
    pub body: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct ReceiverState {
    mode: ReceiverMode,
    /// Modes of the next requests, which override the mode.
    script: VecDeque<ReceiverMode>,
    requests: Vec<ReceivedRequest>,
}

/// The server, which ends when it is dropped.
#[derive(Debug)]
pub struct NotificationReceiver {
    url: String,
    state: Arc<Mutex<ReceiverState>>,
    task: JoinHandle<()>,
}

impl NotificationReceiver {
    /// Starts a receiver that accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (script, requests) = (VecDeque::new(), Vec::new());
        let state =
            Arc::new(Mutex::new(ReceiverState { mode: ReceiverMode::Accept, script, requests }));
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { url, state, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets how it responds from now on.
    pub fn set_mode(&self, mode: ReceiverMode) {
        lock(&self.state).mode = mode;
    }

    /// Sets how it responds to the next requests in turn.
    pub fn script(&self, modes: impl IntoIterator<Item = ReceiverMode>) {
        lock(&self.state).script.extend(modes);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.state).requests.clone()
    }
}

impl Drop for NotificationReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<ReceiverState>) -> MutexGuard<'_, ReceiverState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Arc<Mutex<ReceiverState>>) {
    // Dropped with this task, so that hanging connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(respond(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn respond(mut stream: TcpStream, state: Arc<Mutex<ReceiverState>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let mode = {
        let mut state = lock(&state);
        state.requests.push(request);
        let mode = state.mode;
        state.script.pop_front().unwrap_or(mode)
    };
    let accepted = r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#;
    let response = match mode {
        ReceiverMode::Accept => http(202, "", accepted),
        ReceiverMode::Status(status) => http(status, "", "<p>oh dear</p>"),
        ReceiverMode::TooMany(seconds) => http(429, &format!("Retry-After: {seconds}\r\n"), ""),
        ReceiverMode::Unavailable(seconds) => http(503, &format!("Retry-After: {seconds}\r\n"), ""),
        ReceiverMode::Endless => return send_without_end(&mut stream).await,
        ReceiverMode::Hang => return std::future::pending().await,
        ReceiverMode::Garbage => "\u{1}\u{2} this is no HTTP\r\n\r\n".to_owned(),
    };
    // The client may close the connection first.
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Sends a part of the body once in a while, so that no pause between two is long.
async fn send_without_end(stream: &mut TcpStream) {
    let mut part: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    while stream.write_all(part).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        part = b"1\r\n.\r\n";
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<ReceivedRequest> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_MAX {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length")?.parse().ok()?;
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    let body = String::from_utf8_lossy(&bytes).into_owned();
    Some(ReceivedRequest { headers, body, bytes })
}

fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Reason\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n\
         {body}"
    )
}
