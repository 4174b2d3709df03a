//! A throwaway Redis that keeps nothing on disk. It is one server for all tests of a process: a
//! test that needs other tests kept out uses keys of its own or starts its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;

use crate::process::{Recipe, ServerProcess, environment, installed};

/// Names the server that `./test` started for the whole run, as a URL.
pub const REDIS_URL_VARIABLE: &str = "OPENBELL_TEST_REDIS_URL";

/// A running server.
pub struct Redis {
    process: ServerProcess,
}

impl Redis {
    /// Starts a server; it stops when the value is dropped or the process dies.
    ///
    /// # Panics
    /// When no Redis is installed, or when it does not start.
    pub fn start() -> Self {
        let is_there = installed("redis-server");
        assert!(is_there, "redis-server is not installed; `./test` installs it");
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|_| (),
            command: &command_line,
            answers: &|dir, _| says_pong(dir).unwrap_or(false),
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// The server's URL, `redis://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.process.port())
    }
}

/// The URL of a Redis: the one that `./test` names, or else one that this process starts once and
/// takes with it when it ends.
///
/// # Panics
/// When no Redis is installed, or when it does not start: a test fails then, it is not skipped.
pub fn redis_url() -> String {
    static OWN: OnceLock<Redis> = OnceLock::new();
    environment(REDIS_URL_VARIABLE).unwrap_or_else(|| OWN.get_or_init(Redis::start).url())
}

fn command_line(dir: &Path, port: u16) -> Vec<String> {
    let (dir, port) = (dir.display().to_string(), port.to_string());
    let socket = format!("{dir}/socket");
    let settings = ["--bind", "127.0.0.1", "--port", &port, "--unixsocket", &socket];
    let storage = ["--save", "", "--appendonly", "no", "--dir", &dir];
    ["redis-server"].into_iter().chain(settings).chain(storage).map(str::to_owned).collect()
}

fn says_pong(dir: &Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(dir.join("socket"))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn redis_answers_at_its_url() {
        let url = redis_url();
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }
}
