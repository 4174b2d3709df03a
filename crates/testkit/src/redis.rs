//! A throwaway Redis that keeps nothing on disk: a single one, with or without TLS, a Cluster of
//! one node, or one that a Sentinel watches (`sentinel`). It can be emptied, paused, killed and
//! started again. There is also one server for all tests of a process: a test that needs other
//! tests kept out uses keys of its own or starts its own.

mod sentinel;
mod socket;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

pub use self::sentinel::WatchedRedis;
use self::socket::ask;
use crate::process::{Recipe, ServerProcess, environment, eventually, installed};

/// Names the server that `./test` started for the whole run, as a URL.
pub const REDIS_URL_VARIABLE: &str = "OPENBELL_TEST_REDIS_URL";

/// A running server.
pub struct Redis {
    process: ServerProcess,
    options: Options,
}

/// What is special about a server.
#[derive(Clone, Default)]
struct Options {
    tls: bool,
    is_cluster: bool,
    more: Vec<String>,
}

impl Redis {
    /// Starts a server; it stops when the value is dropped or the process dies.
    ///
    /// # Panics
    /// When no Redis is installed, or when it does not start.
    pub fn start() -> Self {
        Self::start_as(Options::default())
    }

    /// Starts a server that is reached through TLS only. Its certificate comes from an authority
    /// of its own, see [`Redis::ca_file`].
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

    /// Starts a Cluster of one node that is reached through TLS only.
    ///
    /// # Panics
    /// When no Redis or no openssl is installed, or when it does not start.
    pub fn start_tls_cluster() -> Self {
        Self::start_as(Options { tls: true, is_cluster: true, ..Options::default() })
    }

    /// Starts a server that asks for a password.
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

    /// The port on 127.0.0.1, which it keeps when it is started again.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The certificate of the authority that a server with TLS has its own from.
    pub fn ca_file(&self) -> PathBuf {
        self.process.directory().join(tls::CA_FILE)
    }

    /// Kills the server, which loses all it held.
    pub fn kill(&mut self) {
        self.process.end("KILL");
    }

    /// Starts the killed server again, empty, on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        self.options.with_recipe(|recipe| process.start_again(recipe));
        if self.options.is_cluster {
            // It has kept its slots, in a file of its own.
            self.wait_for_slots();
        }
    }

    /// Deletes all that the server holds.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn flush(&self) {
        assert_eq!(self.command(&["FLUSHALL"]), "+OK");
    }

    /// From now on the server answers nobody, for so long.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn pause(&self, time: Duration) {
        let ms = time.as_millis().to_string();
        assert_eq!(self.command(&["CLIENT", "PAUSE", &ms, "ALL"]), "+OK");
    }

    /// What the server answers to a command, with the mark of its kind: `+OK`, `:7`, `$text`. Of an
    /// answer with parts it is the first line.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn command(&self, parts: &[&str]) -> String {
        let answer = ask(self.process.directory(), parts);
        answer.unwrap_or_else(|error| panic!("asking redis {parts:?}: {error}"))
    }

    fn wait_for_slots(&self) {
        eventually(|| self.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
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
            answers: &|dir, _| says_pong(dir),
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

/// The URL of a Redis: the one that `./test` names, or else one that this process starts once and
/// takes with it when it ends.
///
/// # Panics
/// When no Redis is installed, or when it does not start: a test fails then, it is not skipped.
pub fn redis_url() -> String {
    static OWN: OnceLock<Redis> = OnceLock::new();
    environment(REDIS_URL_VARIABLE).unwrap_or_else(|| OWN.get_or_init(Redis::start).url())
}

/// One that asks for a password is up as well.
fn says_pong(dir: &Path) -> bool {
    ask(dir, &["PING"]).is_ok_and(|answer| answer == "+PONG" || answer.starts_with("-NOAUTH"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
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

    #[test]
    fn a_killed_redis_comes_back_empty_on_its_port() {
        let mut redis = Redis::start();
        let port = redis.port();
        redis.command(&["SET", "a", "two words"]);
        assert_eq!(redis.command(&["GET", "a"]), "$two words");
        redis.kill();
        redis.restart();
        assert_eq!((redis.command(&["DBSIZE"]).as_str(), redis.port()), (":0", port));
    }

    #[test]
    fn a_cluster_has_its_slots_after_a_kill_as_well() {
        for mut redis in [Redis::start_cluster(), Redis::start_tls_cluster()] {
            assert_eq!(redis.command(&["SET", "a", "1"]), "+OK");
            redis.kill();
            redis.restart();
            assert_eq!(redis.command(&["SET", "a", "1"]), "+OK");
        }
    }

    #[test]
    fn another_master_follows_one_that_is_killed() {
        let mut watched = WatchedRedis::start();
        let before = watched.master_port();
        watched.kill_master();
        eventually(|| watched.master_port() != before);
        assert!(watched.url().starts_with("redis+sentinel://127.0.0.1:"));
    }
}
