//! A Redis with a replica, which a Sentinel makes the master after a failure.

use std::fs;
use std::path::Path;

use super::socket::{self, request};
use super::{Options, RedisServer, responds_to_ping};
use crate::eventually::eventually;
use crate::process::{Recipe, ServerProcess};

/// The Sentinel's name of the master.
const NAME: &str = "openbell";

/// Three running servers: a master, its replica and the Sentinel.
pub struct WatchedRedis {
    servers: [RedisServer; 2],
    sentinel: ServerProcess,
}

impl WatchedRedis {
    /// Starts all three, and returns when the Sentinel has found the replica.
    ///
    /// # Panics
    /// When no Redis is installed, or when one does not start.
    pub fn start() -> Self {
        let master = RedisServer::start();
        let port = master.port().to_string();
        let more = ["--replicaof", "127.0.0.1", &port].map(str::to_owned).into();
        let replica = RedisServer::start_as(Options { more, ..Options::default() });
        eventually("the replica is connected", || {
            replica.command(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let sentinel = ServerProcess::start(&Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| write_config(dir, master.port()),
            command: &command_line,
            is_ready: &|dir, _| responds_to_ping(dir),
        });
        let replicas = || request(sentinel.directory(), &["SENTINEL", "REPLICAS", NAME]);
        eventually("the Sentinel has found the replica", || {
            replicas().is_ok_and(|response| response == "*1")
        });
        Self { servers: [master, replica], sentinel }
    }

    /// `redis+sentinel://127.0.0.1:PORT/openbell`.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{NAME}", self.sentinel.port())
    }

    /// The port of the master; 0 while there is none.
    pub fn master_port(&self) -> u16 {
        let is_master = |server: &&RedisServer| {
            let role = request(server.process.directory(), &["INFO", "replication"]);
            role.is_ok_and(|role| role.contains("role:master"))
        };
        self.servers.iter().find(is_master).map_or(0, RedisServer::port)
    }

    /// Kills the master; the Sentinel detects it after 300 ms.
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
