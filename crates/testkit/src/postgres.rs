//! A throwaway PostgreSQL: a cluster of its own, in a directory of its own, on a port of its own.
//! It never talks to a cluster that somebody else runs, and offers no SQL: tests bring their own.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use crate::process::{Recipe, ServerProcess, User, command_as, environment, run};

/// Names the cluster that `./test` started for the whole run, as a URL with a database in it.
pub const POSTGRES_URL_VARIABLE: &str = "OPENBELL_TEST_POSTGRES_URL";

/// Where Debian's packages put their programs, one directory a major version.
const DEBIAN_DIRECTORY: &str = "/usr/lib/postgresql";

/// Enough for many tests at once, each with a pool of its own.
const CONNECTIONS_MAX: u32 = 400;

/// A running cluster with durable defaults (`fsync`, `full_page_writes`, `synchronous_commit`).
pub struct Postgres {
    process: ServerProcess,
}

impl Postgres {
    /// Starts a cluster, in about two seconds. It stops when the value is dropped or the process
    /// dies.
    ///
    /// # Panics
    /// When no PostgreSQL is installed, or when it does not start.
    pub fn start() -> Self {
        let bin = programs();
        let user = cluster_user();
        let recipe = Recipe {
            user,
            // An immediate shutdown: nobody will read the data again.
            stop_signal: "QUIT",
            prepare: &|dir| make_cluster(&bin, user, dir),
            command: &|dir, port| command_line(&bin, dir, port),
            answers: &|dir, port| {
                let mut ask = command_as(user, &program(&bin, "pg_isready"), dir);
                ask.args(["--quiet", "--port", &port.to_string(), "--host"]).arg(dir);
                ask.status().is_ok_and(|status| status.success())
            },
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// The URL of the cluster's maintenance database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.process.port())
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// When the database cannot be created.
    pub fn fresh_database(&self) -> String {
        create_database(&self.url())
    }
}

/// Creates an empty database and returns its URL: in the cluster that `./test` names, or else in
/// one that this process starts once and takes with it when it ends.
///
/// # Panics
/// When no PostgreSQL is installed, or when it does not start: a test fails then and is not
/// skipped.
pub fn postgres_database() -> String {
    static OWN: OnceLock<Postgres> = OnceLock::new();
    match environment(POSTGRES_URL_VARIABLE) {
        Some(url) => create_database(&url),
        None => OWN.get_or_init(Postgres::start).fresh_database(),
    }
}

fn create_database(maintenance_url: &str) -> String {
    // Unpredictable, as a cluster named by hand may keep the databases of earlier runs.
    let name = format!("test_{:016x}", RandomState::new().hash_one(0));
    run(Command::new(program(&programs(), "createdb")).args([
        "--no-password",
        "--maintenance-db",
        maintenance_url,
        &name,
    ]));
    with_database(maintenance_url, &name)
}

/// The same URL with another database name.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(a, q)| (a, Some(q)));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{name}{query}", &address[..end])
}

fn make_cluster(bin: &Path, user: Option<User>, dir: &Path) {
    let mut initdb = command_as(user, &program(bin, "initdb"), dir);
    initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"]);
    initdb.arg("--locale=C").arg("--pgdata").arg(dir.join("data"));
    // Hosts rarely sort by bytes, so the tests do not either where PostgreSQL brings its own ICU.
    if run(Command::new(program(bin, "initdb")).arg("--help")).contains("--icu-locale") {
        initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
    }
    run(&mut initdb);
}

fn command_line(bin: &Path, dir: &Path, port: u16) -> Vec<String> {
    let data = dir.join("data").display().to_string();
    let mut words = vec![program(bin, "postgres"), "-D".to_owned(), data];
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", dir.display()),
        format!("max_connections={CONNECTIONS_MAX}"),
    ] {
        words.extend(["-c".to_owned(), setting]);
    }
    words
}

/// `initdb` refuses to work for root, so root hands the cluster to the user `postgres`.
fn cluster_user() -> Option<User> {
    let id = |arguments: &[&str]| -> u32 {
        let text = run(Command::new("id").args(arguments));
        text.parse().unwrap_or_else(|_| panic!("`id {arguments:?}` answered {text:?}"))
    };
    let is_root = id(&["-u"]) == 0;
    is_root.then(|| User { uid: id(&["-u", "postgres"]), gid: id(&["-g", "postgres"]) })
}

fn program(bin: &Path, name: &str) -> String {
    bin.join(name).display().to_string()
}

/// The directory of the newest PostgreSQL. Debian's comes before PATH, where `postgres` may be a
/// wrapper around something else.
fn programs() -> PathBuf {
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_DIRECTORY)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    debian.sort();
    let debian = debian.into_iter().rev().map(|(_, version)| version.join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    debian
        .chain(env::split_paths(&path))
        .find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .unwrap_or_else(|| panic!("PostgreSQL is not installed; `./test` installs it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(url: &str, sql: &str) -> String {
        run(Command::new(program(&programs(), "psql")).args(["-XAtc", sql, url]))
    }

    #[test]
    fn a_fresh_database_answers_and_is_empty() {
        let (one, two) = (postgres_database(), postgres_database());
        query(&one, "create table only_in_one (id bigint)");
        let tables = "select count(*) from pg_tables where schemaname = 'public'";
        assert_eq!(query(&one, tables), "1");
        assert_eq!(query(&two, tables), "0");
    }

    #[test]
    fn a_started_cluster_is_durable() {
        assert_eq!(query(&Postgres::start().url(), "show fsync"), "on");
    }

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(with_database("postgres://u@h:1/postgres", "x"), "postgres://u@h:1/x");
        assert_eq!(with_database("postgres://h", "x"), "postgres://h/x");
        assert_eq!(with_database("postgres://h/a?sslmode=disable", "x"), {
            "postgres://h/x?sslmode=disable"
        });
    }
}
