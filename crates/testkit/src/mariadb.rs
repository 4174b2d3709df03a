//! A temporary MariaDB, for databases of the earlier application.

use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::postgres::cluster_user;
use crate::process::{Recipe, ServerProcess, command_as, installed, run};

/// Where Debian has the server, which is not in the PATH of every user.
const DEBIAN_PATH: &str = "/usr/sbin/mariadbd";
const NAME: &str = "mariadbd";
const SOCKET: &str = "mariadb.sock";
/// The user of the tests, with a password that an address has to escape.
const USER: &str = "laravel";
const PASSWORD: &str = "p@ss/word";
const PASSWORD_IN_URL: &str = "p%40ss%2Fword";

/// A running server that is reached over TCP with a password (mysql_native_password).
pub struct MariaDb {
    process: ServerProcess,
}

impl MariaDb {
    /// Starts a server, in about five seconds. It stops when the value is dropped or the process
    /// ends.
    ///
    /// # Panics
    /// When no MariaDB is installed, or when it does not start.
    pub fn start() -> Self {
        let program = program();
        let is_there = installed("mariadb-install-db") && (program != NAME || installed(NAME));
        assert!(is_there, "MariaDB is not installed; `./test` installs it");
        let user = cluster_user();
        let recipe = Recipe {
            user,
            stop_signal: "KILL",
            prepare: &|dir| {
                let mut install = command_as(user, "mariadb-install-db", dir);
                install.args(["--no-defaults", "--skip-test-db"]);
                install.arg("--auth-root-authentication-method=normal");
                run(install.arg(format!("--datadir={}", dir.join("data").display())));
            },
            command: &|dir, port| command_line(program, dir, port),
            is_ready: &|dir, _| {
                let mut ping = Command::new("mariadb-admin");
                ping.args(["--no-defaults", "--user=root", "--silent", "ping", "--socket"]);
                let output = ping.arg(dir.join(SOCKET)).output();
                output.is_ok_and(|output| output.status.success())
            },
        };
        let server = Self { process: ServerProcess::start(&recipe) };
        server.run("mysql", &format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';"));
        server
    }

    /// The server of this process, started once.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// When the database cannot be created.
    pub fn fresh_database(&self) -> String {
        let name = format!("test_{:016x}", RandomState::new().hash_one(0));
        let sql = format!(
            "CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
             GRANT ALL ON {name}.* TO '{USER}'@'%';"
        );
        self.run("mysql", &sql);
        let port = self.process.port();
        format!("mysql://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{name}")
    }

    fn run(&self, database: &str, sql: &str) -> String {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        client.args(["--default-character-set=utf8mb4", "--database", database, "--socket"]);
        client.arg(self.socket()).stdin(Stdio::piped());
        client.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().unwrap_or_else(|error| panic!("running mariadb: {error}"));
        if let Some(mut input) = child.stdin.take() {
            // The client reads nothing after a failed statement.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output();
        let output = output.unwrap_or_else(|error| panic!("running mariadb: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn socket(&self) -> PathBuf {
        self.process.directory().join(SOCKET)
    }
}

fn program() -> &'static str {
    if Path::new(DEBIAN_PATH).is_file() { DEBIAN_PATH } else { NAME }
}

fn command_line(program: &str, dir: &Path, port: u16) -> Vec<String> {
    let mut words = vec![program.to_owned(), "--no-defaults".to_owned()];
    words.extend([
        format!("--datadir={}", dir.join("data").display()),
        format!("--socket={}", dir.join(SOCKET).display()),
        format!("--pid-file={}", dir.join("mariadb.pid").display()),
        format!("--port={port}"),
    ]);
    let settings =
        ["--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"];
    words.extend(settings.map(str::to_owned));
    words
}
