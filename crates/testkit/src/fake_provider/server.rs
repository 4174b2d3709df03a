//! The server of the fake provider: one request a connection, read and answered byte by byte, so
//! that it can stop anywhere. `shapes` has the regular responses.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::shapes::{self, ProviderRequest};
use super::{FakeMode, State, lock};

const HEAD_MAX: usize = 16 * 1_024;
/// Not a text in any supported encoding.
const GARBAGE: &[u8] = &[0xff, 0xfe, 0x00, 0x7b];
/// Between two bytes in the mode `Drip`.
const DRIP: Duration = Duration::from_millis(100);

pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    // Dropped with this task, so that hanging connections end with the server.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(respond(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn respond(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(head) = read_head(&mut stream).await else { return };
    let Some(target) = head.split(' ').nth(1) else { return };
    let (mode, response) = {
        let mut state = lock(&state);
        state.requests.push(target.to_owned());
        let traceparent = head.lines().find_map(|line| line.strip_prefix("traceparent: "));
        state.traceparents.extend(traceparent.map(str::to_owned));
        let request = ProviderRequest::parse(state.dialect, target, &head);
        let scripted = state.script.pop_front();
        let mode = scripted.or_else(|| state.modes.get(request.subject()).cloned());
        let mode = mode.unwrap_or_else(|| state.mode.clone());
        let response = response(&state, &request, &mode);
        (mode, response)
    };
    match mode {
        FakeMode::Hang => std::future::pending::<()>().await,
        FakeMode::Close => {}
        FakeMode::Drip => drip(&mut stream, &response).await,
        _ => {
            // The client may close the connection after a part of the response.
            let _ = stream.write_all(&response).await;
            let _ = stream.shutdown().await;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_MAX {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn drip(stream: &mut TcpStream, response: &[u8]) {
    for byte in response {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(DRIP).await;
    }
}

fn response(state: &State, request: &ProviderRequest, mode: &FakeMode) -> Vec<u8> {
    let json = |status: u16, body: &str| http(status, "", body.as_bytes());
    match mode {
        FakeMode::Status(status) => json(*status, "oh dear"),
        FakeMode::TooMany(retry_after) => http(429, &wait(*retry_after), b""),
        FakeMode::Response { status, retry_after, body } => {
            let body = body.replace("KEY", request.key());
            http(*status, &wait(*retry_after), body.as_bytes())
        }
        FakeMode::Garbage => http(200, "", GARBAGE),
        FakeMode::GarbageWith(status) => http(*status, "", GARBAGE),
        FakeMode::Truncated => {
            let whole = shapes::healthy(state, request, mode);
            json(200, &whole[..whole.len() / 2])
        }
        FakeMode::Html => json(200, "<!DOCTYPE html><html><body>Please wait</body></html>"),
        FakeMode::Huge(bytes) => http(200, "", &vec![b' '; *bytes]),
        FakeMode::HugeWith(status, bytes) => http(*status, "", &vec![b' '; *bytes]),
        FakeMode::GzipBomb(_) => http(200, "Content-Encoding: gzip\r\n", &state.bomb),
        FakeMode::Redirect(to) => http(302, &format!("Location: {to}\r\n"), b""),
        FakeMode::QuotaSecond
        | FakeMode::QuotaMinute
        | FakeMode::QuotaDay
        | FakeMode::KeyRefused
        | FakeMode::PlanRestricted => {
            let (status, body) = shapes::refusal(state.dialect, request, mode);
            json(status, &body)
        }
        _ => json(200, &shapes::healthy(state, request, mode)),
    }
}

/// This many spaces, gzipped.
pub(super) fn pack(bytes: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b' '; bytes]).expect("memory");
    packed.finish().expect("memory")
}

fn wait(retry_after: Option<u64>) -> String {
    retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default()
}

fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut response = format!(
        "HTTP/1.1 {status} Reason\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n{headers}\r\n"
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}
