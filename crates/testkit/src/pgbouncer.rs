//! A temporary PgBouncer in front of a PostgreSQL.

use std::fs;
use std::path::Path;

use crate::postgres::cluster_user;
use crate::process::{Recipe, ServerProcess, installed};

const NAME: &str = "pgbouncer";
const DEBIAN_PATH: &str = "/usr/sbin/pgbouncer";

/// When PgBouncer gives the connection of a client to another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    Session,
    Transaction,
}

pub struct PgBouncer {
    process: ServerProcess,
}

impl PgBouncer {
    /// Starts a pooler in front of the server of a database URL, with these further lines in its
    /// configuration. It stops when the value is dropped or the process ends.
    ///
    /// # Panics
    /// When no PgBouncer is installed, or when it does not start.
    pub fn start(database_url: &str, mode: PoolMode, more: &str) -> Self {
        let is_there = program() != NAME || installed(NAME);
        assert!(is_there, "pgbouncer is not installed; `./test` installs it");
        let process = ServerProcess::start(&Recipe {
            user: cluster_user(),
            stop_signal: "QUIT",
            prepare: &|_| (),
            command: &|dir, port| command_line(database_url, mode, more, dir, port),
            is_ready: &|dir, port| dir.join(format!(".s.PGSQL.{port}")).exists(),
        });
        Self { process }
    }

    /// The URL of the same database through the pooler.
    pub fn url_through(&self, database_url: &str) -> String {
        let name = database_url.rsplit('/').next().unwrap_or_default();
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.process.port())
    }
}

/// Writes the configuration for the port.
fn command_line(
    database_url: &str,
    mode: PoolMode,
    more: &str,
    dir: &Path,
    port: u16,
) -> Vec<String> {
    let (file, dir) = (dir.join("pgbouncer.ini"), dir.display());
    let (_, address) = database_url.split_once('@').unwrap_or_default();
    let (host, rest) = address.split_once(':').unwrap_or_default();
    let server_port = rest.split('/').next().unwrap_or_default();
    let mode = format!("{mode:?}").to_lowercase();
    let text = format!(
        "[databases]
* = host={host} port={server_port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {dir}
auth_type = any
pool_mode = {mode}
{more}
"
    );
    fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    vec![program().to_owned(), file.display().to_string()]
}

/// Debian's directory is not in the PATH of every user.
fn program() -> &'static str {
    if Path::new(DEBIAN_PATH).is_file() { DEBIAN_PATH } else { NAME }
}
