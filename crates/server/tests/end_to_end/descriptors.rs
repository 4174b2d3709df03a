//! A server without free file descriptors rejects surplus connections instead of leaving them
//! waiting, and recovers when some are free again.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use testkit::poll;
use tokio::time::Instant;

use crate::server::Server;

/// How many more descriptors the server may open.
const MORE: usize = 8;
const CONNECTIONS: usize = 24;

#[test]
fn connections_beyond_the_limit_on_open_files_are_refused_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, log) = (dir.path().join("data").display().to_string(), dir.path().join("log"));
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
        command.stderr(File::create(&log).expect("a file"));
    });
    assert_eq!(server.get("/readyz").0, 200);
    let id = server.id().to_string();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).expect("descriptors").count();
    let limit = format!("--nofile={0}:{0}", open + MORE);
    let limited = Command::new("prlimit").args(["--pid", &id, &limit]).status();
    assert!(limited.expect("prlimit runs").success());

    let connect = || TcpStream::connect(&server.address).expect("the backlog takes it");
    let streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect()).collect();
    // A refused connection ends; an accepted one waits ten seconds for its first request.
    let deadline = Instant::now() + Duration::from_secs(1);
    let refused = streams.iter().filter(|stream| ends_before(stream, deadline)).count();
    assert!(refused >= CONNECTIONS - 2 * MORE, "{refused} were refused");
    assert!(refused < CONNECTIONS, "some were accepted");
    drop(streams);

    // The server closes its ends in turn, and refuses connections until then.
    let counted = poll("the server accepts connections again", || {
        server.try_metric("openbell_http_connections_refused_total")
    });
    assert!(counted >= refused as u64, "{counted} were counted, {refused} refused");
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("is below what http.connections_max may need") || open_files_suffice());
    assert_eq!(log.matches("accepting connections failed").count(), 1, "{log}");
    server.stop();
}

fn ends_before(mut stream: &TcpStream, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left)).expect("a time-out");
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Whether the limit of this process, which the server inherits, is large enough.
fn open_files_suffice() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let hard = line.split_whitespace().nth(4).expect("a number");
    hard.parse::<u64>().map_or(true, |hard| hard >= 10_256)
}
