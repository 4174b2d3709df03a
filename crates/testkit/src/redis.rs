//! A temporary Redis without persistence: a single server, with or without TLS, a Cluster of one
//! node, or a pair behind a Sentinel (`sentinel`). It can be flushed, paused, killed and restarted.
//! Tests of a process share one server; isolated tests use keys or a server of their own.

mod sentinel;
mod socket;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

pub use self::sentinel::WatchedRedis;
use self::socket::request;
use crate::eventually::eventually;
use crate::process::{Recipe, ServerProcess, environment, installed};
use crate::tls;

/// Names the server that `./test` started for the whole run, as a URL.
pub const REDIS_URL_VARIABLE: &str = "OPENBELL_TEST_REDIS_URL";

pub struct RedisServer {
    process: ServerProcess,
    options: Options,
}

#[derive(Clone, Default)]
struct Options {
    tls: bool,
    is_cluster: bool,
    more: Vec<String>,
}

impl RedisServer {
    /// Starts a server; it stops when the value is dropped or the process ends.
    ///
    /// # Panics
    /// When no Redis is installed, or when it does not start.
    pub fn start() -> Self {
        Self::start_as(Options::default())
    }

    /// Starts a server that accepts TLS only. [`RedisServer::ca_file`] certifies it.
    ///
    /// # Panics
    /// When no Redis or no openssl is installed, or when it does not start.
    pub fn start_tls() -> Self {
        Self::start_as(Options { tls: true, ..Options::default() })
    }

    /// Starts a Cluster of one node, which has all slots.
    ///
    /// # Panics
    /// When no Redis is installed, or when it does not start.
    pub fn start_cluster() -> Self {
        Self::start_as(Options { is_cluster: true, ..Options::default() })
    }

    /// Starts a Cluster of one node that accepts TLS only.
    ///
    /// # Panics
    /// When no Redis or no openssl is installed, or when it does not start.
    pub fn start_tls_cluster() -> Self {
        Self::start_as(Options { tls: true, is_cluster: true, ..Options::default() })
    }

    /// Starts a server that requires a password.
    ///
    /// # Panics
    /// When no Redis is installed, or when it does not start.
    pub fn start_with_password(password: &str) -> Self {
        let more = vec!["--requirepass".to_owned(), password.to_owned()];
        Self::start_as(Options { more, ..Options::default() })
    }

    fn start_as(options: Options) -> Self {
        let is_there = installed("redis-server");
        assert!(is_there, "redis-server is not installed; `./test` installs it");
        let process = options.with_recipe(ServerProcess::start);
        let redis = Self { process, options };
        if redis.options.is_cluster {
            redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
            redis.wait_for_slots();
        }
        redis
    }

    /// The server's URL, like `redis://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let kind = if self.options.is_cluster { "+cluster" } else { "" };
        format!("{scheme}{kind}://127.0.0.1:{}/", self.process.port())
    }

    /// The port on 127.0.0.1, which a restart does not change.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The certificate of the authority that certifies a server with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.process.directory().join(tls::CA_FILE)
    }

    /// Kills the server, which loses all data.
    pub fn kill(&mut self) {
        self.process.end("KILL");
    }

    /// Starts the killed server, empty, on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        self.options.with_recipe(|recipe| process.start_again(recipe));
        if self.options.is_cluster {
            // Its slots are in a file.
            self.wait_for_slots();
        }
    }

    /// Deletes all data.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn flush(&self) {
        assert_eq!(self.command(&["FLUSHALL"]), "+OK");
    }

    /// Pauses all responses of the server for a time.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn pause(&self, time: Duration) {
        let ms = time.as_millis().to_string();
        assert_eq!(self.command(&["CLIENT", "PAUSE", &ms, "ALL"]), "+OK");
    }

    /// The response to a command, with the mark of its type: `+OK`, `:7`, `$text`. Of an array it
    /// is the first line.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn command(&self, parts: &[&str]) -> String {
        let response = request(self.process.directory(), parts);
        response.unwrap_or_else(|error| panic!("redis {parts:?}: {error}"))
    }

    fn wait_for_slots(&self) {
        eventually("the cluster has its slots", || {
            self.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        });
    }
}

impl Options {
    fn with_recipe<T>(&self, run: impl FnOnce(&Recipe<'_>) -> T) -> T {
        run(&Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| {
                if self.tls {
                    tls::make_certificates(dir);
                }
            },
            command: &|dir, port| self.command_line(dir, port),
            is_ready: &|dir, _| responds_to_ping(dir),
        })
    }

    fn command_line(&self, dir: &Path, port: u16) -> Vec<String> {
        let (dir, port) = (dir.display().to_string(), port.to_string());
        let mut line: Vec<String> =
            ["redis-server", "--bind", "127.0.0.1"].map(str::to_owned).into();
        let mut set = |settings: &[&str]| line.extend(settings.iter().map(|&word| word.to_owned()));
        set(&["--unixsocket", &format!("{dir}/{}", socket::FILE)]);
        set(&["--save", "", "--appendonly", "no", "--dir", &dir]);
        if self.tls {
            set(&["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            set(&["--tls-cert-file", &format!("{dir}/{}", tls::CERTIFICATE_FILE)]);
            set(&["--tls-key-file", &format!("{dir}/{}", tls::KEY_FILE)]);
            set(&["--tls-ca-cert-file", &format!("{dir}/{}", tls::CA_FILE)]);
        } else {
            set(&["--port", &port]);
        }
        if self.is_cluster {
            set(&["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]);
            set(&["--tls-cluster", if self.tls { "yes" } else { "no" }]);
        }
        line.extend(self.more.iter().cloned());
        line
    }
}

/// The URL of a Redis: that of `./test`, or one that this process starts once and that ends with
/// it.
///
/// # Panics
/// When no Redis is installed, or when it does not start: the test fails and is not skipped.
pub fn redis_url() -> String {
    static OWN: OnceLock<RedisServer> = OnceLock::new();
    environment(REDIS_URL_VARIABLE).unwrap_or_else(|| OWN.get_or_init(RedisServer::start).url())
}

/// A server that requires a password is ready as well.
fn responds_to_ping(dir: &Path) -> bool {
    let is_pong = |response: String| response == "+PONG" || response.starts_with("-NOAUTH");
    request(dir, &["PING"]).is_ok_and(is_pong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    #[test]
    fn redis_responds_at_its_url() {
        let url = redis_url();
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }

    #[test]
    fn a_killed_redis_restarts_empty_on_its_port() {
        let mut redis = RedisServer::start();
        let port = redis.port();
        redis.command(&["SET", "a", "two words"]);
        assert_eq!(redis.command(&["GET", "a"]), "$two words");
        redis.kill();
        redis.restart();
        assert_eq!((redis.command(&["DBSIZE"]).as_str(), redis.port()), (":0", port));
    }

    #[test]
    fn a_cluster_has_its_slots_after_a_kill() {
        for mut redis in [RedisServer::start_cluster(), RedisServer::start_tls_cluster()] {
            assert_eq!(redis.command(&["SET", "a", "1"]), "+OK");
            redis.kill();
            redis.restart();
            assert_eq!(redis.command(&["SET", "a", "1"]), "+OK");
        }
    }

    #[test]
    fn a_killed_master_is_replaced() {
        let mut watched = WatchedRedis::start();
        let before = watched.master_port();
        watched.kill_master();
        eventually("the replica becomes the master", || watched.master_port() != before);
        assert!(watched.url().starts_with("redis+sentinel://127.0.0.1:"));
    }
}
