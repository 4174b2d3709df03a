//! A TCP proxy that injects faults: connections are reset, rejected or left hanging, COMMITs of
//! PostgreSQL and their responses are withheld or lost, and the server behind it is replaced.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The messages by which a client requests a COMMIT, and the server's response
/// (PostgreSQL 15, 55.7 "Message Formats": `Query` and `CommandComplete`).
const COMMITS: [&[u8]; 2] = [b"Q\0\0\0\x0bCOMMIT\0", b"Q\0\0\0\x0cCOMMIT;\0"];
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";
const CHUNK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    /// New connections are reset at once.
    Refuse,
    /// Bytes are dropped.
    BlackHole,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// The server of new connections.
    upstream: SocketAddr,
    /// How often all connections were reset.
    resets: u64,
    open: bool,
}

struct Shared {
    state: watch::Sender<State>,
    commits_to_lose: AtomicU64,
    commits_lost: AtomicU64,
    commits_to_withhold: AtomicU64,
    responses_to_withhold: AtomicU64,
    /// How many COMMITs and responses to one were withheld.
    withheld: watch::Sender<u64>,
}

/// A proxy on a port of 127.0.0.1. It ends when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a proxy in front of a server, on its own thread.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(upstream: SocketAddr) -> Self {
        let state = State { mode: Mode::Pass, upstream, resets: 0, open: true };
        let shared = Arc::new(Shared {
            state: watch::Sender::new(state),
            commits_to_lose: AtomicU64::new(0),
            commits_lost: AtomicU64::new(0),
            commits_to_withhold: AtomicU64::new(0),
            responses_to_withhold: AtomicU64::new(0),
            withheld: watch::Sender::new(0),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || runtime.block_on(accept(listener, of_thread)));
        Self { address, shared, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A server's URL with the proxy's address in it.
    ///
    /// # Panics
    /// When it has no `//HOST:PORT`.
    pub fn url_through(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("//").expect("a URL");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let user = rest[..end].rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}//{}{}{}", &rest[..user], self.address, &rest[end..])
    }

    /// From now on all bytes pass.
    pub fn pass(&self) {
        self.set(Mode::Pass);
    }

    /// From now on new connections are reset; open ones pass.
    pub fn refuse(&self) {
        self.set(Mode::Refuse);
    }

    /// From now on all bytes are dropped, on open connections and on new ones.
    pub fn black_hole(&self) {
        self.set(Mode::BlackHole);
    }

    /// Resets all open connections.
    pub fn reset_all(&self) {
        self.shared.state.send_modify(|state| state.resets += 1);
    }

    /// The server executes the next `times` COMMITs, and the client's connection is reset instead
    /// of the response.
    pub fn lose_commit_answers(&self, times: u64) {
        self.shared.commits_to_lose.store(times, Ordering::SeqCst);
    }

    /// The server does not receive the next `times` COMMITs. The client's connection stays open,
    /// without a response, until all connections are reset.
    pub fn withhold_commits(&self, times: u64) {
        self.shared.commits_to_withhold.store(times, Ordering::SeqCst);
    }

    /// As [`FaultProxy::withhold_commits`] for the responses: the server executes the COMMITs.
    pub fn withhold_commit_answers(&self, times: u64) {
        self.shared.responses_to_withhold.store(times, Ordering::SeqCst);
    }

    /// Waits until `count` COMMITs and responses have been withheld since the start.
    pub async fn withheld(&self, count: u64) {
        // The sender lives as long as the proxy.
        let _ = self.shared.withheld.subscribe().wait_for(|withheld| *withheld >= count).await;
    }

    /// From now on new connections lead to another server.
    pub fn redirect(&self, upstream: SocketAddr) {
        self.shared.state.send_modify(|state| state.upstream = upstream);
    }

    /// How many responses to COMMIT were lost.
    pub fn commits_lost(&self) -> u64 {
        self.shared.commits_lost.load(Ordering::SeqCst)
    }

    fn set(&self, mode: Mode) {
        self.shared.state.send_modify(|state| state.mode = mode);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.state.send_modify(|state| state.open = false);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut state = shared.state.subscribe();
    loop {
        tokio::select! {
            _ = state.wait_for(|state| !state.open) => return,
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(serve_connection(client, Arc::clone(&shared)));
                }
            }
        }
    }
}

/// Why a connection ended.
enum End {
    Closed,
    Reset,
    /// It stays open without traffic until all connections are reset.
    Withheld,
}

/// What happens to the response to the COMMIT under way.
#[derive(Default)]
struct ResponsePlan {
    lose: AtomicBool,
    withhold: AtomicBool,
}

async fn serve_connection(mut client: TcpStream, shared: Arc<Shared>) {
    let mut state = shared.state.subscribe();
    let before = *state.borrow();
    let mut connected = TcpStream::connect(before.upstream).await;
    let end = match &mut connected {
        Ok(server) if before.mode != Mode::Refuse => {
            let ((from_client, to_client), (from_server, to_server)) =
                (client.split(), server.split());
            let plan = ResponsePlan::default();
            tokio::select! {
                end = forward_requests(from_client, to_server, &shared, &plan) => {
                    end.unwrap_or(End::Closed)
                }
                end = forward_responses(from_server, to_client, &shared, &plan) => {
                    end.unwrap_or(End::Closed)
                }
                _ = state.wait_for(|now| now.resets != before.resets) => End::Reset,
            }
        }
        _ => End::Reset,
    };
    if matches!(end, End::Withheld) {
        // Both connections stay open: the server still waits for the COMMIT.
        let _ = state.wait_for(|now| now.resets != before.resets).await;
    }
    if matches!(end, End::Reset | End::Withheld) {
        // Unsent bytes are discarded.
        let _ = client.set_zero_linger();
    }
}

async fn forward_requests(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    shared: &Shared,
    plan: &ResponsePlan,
) -> io::Result<End> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = client.read(&mut chunk).await?;
        if read == 0 {
            return Ok(End::Closed);
        }
        if shared.state.borrow().mode == Mode::BlackHole {
            continue;
        }
        if COMMITS.iter().any(|commit| contains(&chunk[..read], commit)) {
            if take(&shared.commits_to_withhold) {
                shared.withheld.send_modify(|withheld| *withheld += 1);
                return Ok(End::Withheld);
            }
            if take(&shared.commits_to_lose) {
                plan.lose.store(true, Ordering::SeqCst);
            } else if take(&shared.responses_to_withhold) {
                plan.withhold.store(true, Ordering::SeqCst);
            }
        }
        server.write_all(&chunk[..read]).await?;
    }
}

async fn forward_responses(
    mut server: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    shared: &Shared,
    plan: &ResponsePlan,
) -> io::Result<End> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = server.read(&mut chunk).await?;
        if read == 0 {
            return Ok(End::Closed);
        }
        if contains(&chunk[..read], COMMITTED) {
            if plan.lose.load(Ordering::SeqCst) {
                shared.commits_lost.fetch_add(1, Ordering::SeqCst);
                return Ok(End::Reset);
            }
            if plan.withhold.load(Ordering::SeqCst) {
                shared.withheld.send_modify(|withheld| *withheld += 1);
                return Ok(End::Withheld);
            }
        }
        if shared.state.borrow().mode != Mode::BlackHole {
            client.write_all(&chunk[..read]).await?;
        }
    }
}

/// Counts down; false at 0.
fn take(count: &AtomicU64) -> bool {
    let less = |count: u64| count.checked_sub(1);
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as Stream;
    use std::time::Duration;

    use super::*;
    use crate::Postgres;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A server that returns what it receives.
    fn echo() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut from = stream.try_clone().unwrap();
                    let mut to = stream;
                    io::copy(&mut from, &mut to)
                });
            }
        });
        address
    }

    fn connect(proxy: &FaultProxy) -> Stream {
        let stream = Stream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn echoed(stream: &mut Stream, text: &str) -> io::Result<String> {
        stream.write_all(text.as_bytes())?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8(answer).unwrap())
    }

    #[test]
    fn bytes_pass_until_connections_are_reset_and_new_ones_pass_again() {
        let proxy = FaultProxy::start(echo());
        let mut stream = connect(&proxy);
        assert_eq!(echoed(&mut stream, "one").unwrap(), "one");
        proxy.reset_all();
        let kind = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::ConnectionReset));
        assert_eq!(echoed(&mut connect(&proxy), "two").unwrap(), "two");
    }

    #[test]
    fn refusing_leaves_open_connections_alone() {
        let proxy = FaultProxy::start(echo());
        let mut open = connect(&proxy);
        assert_eq!(echoed(&mut open, "one").unwrap(), "one");
        proxy.refuse();
        assert!(echoed(&mut connect(&proxy), "two").is_err());
        assert_eq!(echoed(&mut open, "three").unwrap(), "three");
        proxy.pass();
        assert_eq!(echoed(&mut connect(&proxy), "four").unwrap(), "four");
    }

    #[test]
    fn a_black_hole_returns_nothing() {
        let proxy = FaultProxy::start(echo());
        let mut stream = connect(&proxy);
        assert_eq!(echoed(&mut stream, "one").unwrap(), "one");
        proxy.black_hole();
        stream.write_all(b"two").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let kind = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn a_commit_whose_response_is_lost_is_executed() {
        let postgres = Postgres::start();
        let address = format!("127.0.0.1:{}", postgres.port()).parse().unwrap();
        let proxy = FaultProxy::start(address);
        let through = proxy.url_through(&postgres.url());
        postgres.run_sql(&postgres.url(), "CREATE TABLE kept (id bigint)");
        proxy.lose_commit_answers(1);
        // Each line is a message.
        let lost = postgres.try_sql(&through, "BEGIN;\nINSERT INTO kept VALUES (7);\nCOMMIT;\n");
        assert!(lost.is_err(), "{lost:?}");
        assert_eq!(proxy.commits_lost(), 1);
        assert_eq!(postgres.run_sql(&through, "SELECT id FROM kept"), "7");
    }
}
