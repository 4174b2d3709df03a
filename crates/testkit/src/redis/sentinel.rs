//! A Redis with a replica, and a Sentinel that makes the one the master when the other is gone.

use std::fs;
use std::path::Path;

use super::socket::{self, ask};
use super::{Options, Redis, says_pong};
use crate::process::{Recipe, ServerProcess, eventually};

/// What the Sentinel calls the master.
const NAME: &str = "openbell";

/// Three running servers: a master, its replica and the Sentinel.
pub struct WatchedRedis {
    servers: [Redis; 2],
    sentinel: ServerProcess,
}

impl WatchedRedis {
    /// Starts all three, and returns when the Sentinel knows the replica.
    ///
    /// # Panics
    /// When no Redis is installed, or when one does not start.
    pub fn start() -> Self {
        let master = Redis::start();
        let port = master.port().to_string();
        let more = ["--replicaof", "127.0.0.1", &port].map(str::to_owned).into();
        let replica = Redis::start_as(Options { more, ..Options::default() });
        eventually(|| replica.command(&["INFO", "replication"]).contains("master_link_status:up"));
        let sentinel = ServerProcess::start(&Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| write_config(dir, master.port()),
            command: &command_line,
            answers: &|dir, _| says_pong(dir),
        });
        let replicas = || ask(sentinel.directory(), &["SENTINEL", "REPLICAS", NAME]);
        eventually(|| replicas().is_ok_and(|answer| answer == "*1"));
        Self { servers: [master, replica], sentinel }
    }

    /// The URL by which the master is found, `redis+sentinel://127.0.0.1:PORT/openbell`.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{NAME}", self.sentinel.port())
    }

    /// The port of the server that says it is the master; 0 while none does.
    pub fn master_port(&self) -> u16 {
        let is_master = |server: &&Redis| {
            let role = ask(server.process.directory(), &["INFO", "replication"]);
            role.is_ok_and(|role| role.contains("role:master"))
        };
        self.servers.iter().find(is_master).map_or(0, Redis::port)
    }

    /// Kills the master; the Sentinel sees it after 300 ms.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_master(&mut self) {
        let port = self.master_port();
        let master = self.servers.iter_mut().find(|server| server.port() == port);
        master.expect("a master").kill();
    }
}

fn write_config(dir: &Path, master: u16) {
    let config = format!(
        "sentinel monitor {NAME} 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds {NAME} 300\n\
         sentinel failover-timeout {NAME} 3000\n"
    );
    fs::write(dir.join("sentinel.conf"), config)
        .unwrap_or_else(|error| panic!("writing a sentinel's configuration: {error}"));
}

fn command_line(dir: &Path, port: u16) -> Vec<String> {
    let (dir, port) = (dir.display().to_string(), port.to_string());
    let (config, socket) = (format!("{dir}/sentinel.conf"), format!("{dir}/{}", socket::FILE));
    let words = ["redis-server", &config, "--sentinel", "--bind", "127.0.0.1", "--port", &port];
    let places = ["--unixsocket", &socket, "--dir", &dir];
    words.into_iter().chain(places).map(str::to_owned).collect()
}
