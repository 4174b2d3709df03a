//! A temporary PostgreSQL: a cluster with a directory and a port of its own.

use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use tokio::sync::OnceCell;

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
    bin: PathBuf,
}

impl Postgres {
    /// Starts a cluster, in about two seconds. It stops when the value is dropped or the process
    /// ends.
    ///
    /// # Panics
    /// When no PostgreSQL is installed, or when it does not start.
    pub fn start() -> Self {
        let bin = programs();
        Self { process: with_recipe(&bin, ServerProcess::start), bin }
    }

    /// Starts a cluster on a data directory that a shell script creates. `lay_out` completes the
    /// command, which runs as the cluster's user with the cluster's programs in PATH; it gets the
    /// path of the data directory.
    ///
    /// # Panics
    /// As for [`Postgres::start`], and when the command fails.
    pub fn start_laid_out(script: &Path, lay_out: impl Fn(&mut Command, &Path)) -> Self {
        let bin = programs();
        let prepare = |dir: &Path| {
            let mut command = script_command(&bin, script, dir);
            lay_out(&mut command, &dir.join("data"));
            run(&mut command);
        };
        Self { process: with_recipe_of(&bin, &prepare, ServerProcess::start), bin }
    }

    /// Starts a streaming standby of a cluster, on a base backup.
    ///
    /// # Panics
    /// As for [`Postgres::start`], and when the base backup fails.
    pub fn start_standby_of(url: &str) -> Self {
        let bin = programs();
        let prepare = |dir: &Path| {
            let mut backup = command_as(cluster_user(), &program(&bin, "pg_basebackup"), dir);
            backup.args(["--write-recovery-conf", "--checkpoint=fast", "--no-password"]);
            backup.args(["--no-sync", "--dbname", url, "--pgdata"]).arg(dir.join("data"));
            run(&mut backup);
        };
        Self { process: with_recipe_of(&bin, &prepare, ServerProcess::start), bin }
    }

    /// The URL in this cluster of the database with the same name as one in another cluster.
    pub fn same_database(&self, url: &str) -> String {
        with_database(&self.url(), database_name(url))
    }

    /// A command that runs a shell script as the cluster's user, in [`Postgres::directory`], with
    /// the cluster's programs in PATH.
    pub fn script(&self, script: &Path) -> Command {
        script_command(&self.bin, script, self.directory())
    }

    /// The directory of the cluster, which is removed with it.
    pub fn directory(&self) -> &Path {
        self.process.directory()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// Stops the cluster like a crash: it recovers from the WAL at its next start.
    pub fn stop_hard(&mut self) {
        self.process.end("QUIT");
    }

    /// Starts the stopped cluster in its directory and on its port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let (bin, process) = (&self.bin, &mut self.process);
        with_recipe(bin, |recipe| process.start_again(recipe));
    }

    /// Runs statements in a database of the cluster, each line as a message, and returns their
    /// rows.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn run_sql(&self, url: &str, sql: &str) -> String {
        self.try_sql(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// As [`Postgres::run_sql`]; the error is the output of psql for the first failed statement.
    pub fn try_sql(&self, url: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(program(&self.bin, "psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", url]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().map_err(|error| error.to_string())?;
        if let Some(mut input) = child.stdin.take() {
            // psql reads nothing after a failed statement.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Terminates all sessions of a database, and returns their number.
    ///
    /// # Panics
    /// When the cluster does not answer.
    pub fn kill_backends(&self, url: &str) -> usize {
        let killed = self.run_sql(
            url,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid();",
        );
        killed.parse().unwrap_or_else(|_| panic!("not a number: {killed}"))
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
        create_database(&self.url(), None)
    }
}

/// Creates an empty database and returns its URL: in the cluster of `./test`, or in one that this
/// process starts once and that ends with it.
///
/// # Panics
/// When no PostgreSQL is installed, or when it does not start: the test fails and is not skipped.
pub fn postgres_database() -> String {
    create_database(&cluster_url(), None)
}

/// Creates a database as a copy of one that `migrate` migrates once per process, and returns its
/// URL. `migrate` has to close its connections.
///
/// # Panics
/// As for [`postgres_database`].
pub async fn migrated_database(migrate: impl AsyncFnOnce(&str)) -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let create = async || {
        let url = postgres_database();
        migrate(&url).await;
        url
    };
    let template = TEMPLATE.get_or_init(create).await;
    create_database(&cluster_url(), Some(database_name(template)))
}

/// The cluster of `./test`, or one that this process starts once.
fn cluster_url() -> String {
    static OWN: OnceLock<Postgres> = OnceLock::new();
    let start = || OWN.get_or_init(Postgres::start).url();
    environment(POSTGRES_URL_VARIABLE).unwrap_or_else(start)
}

fn script_command(bin: &Path, script: &Path, dir: &Path) -> Command {
    // By its text: the user may not be allowed to read its directory.
    let text = fs::read_to_string(script);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let mut command = command_as(cluster_user(), "sh", dir);
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([bin.to_owned()].into_iter().chain(env::split_paths(&path)));
    command.env("PATH", path.unwrap_or_default());
    command.args(["-c", &text, "script"]);
    command
}

fn with_recipe<T>(bin: &Path, use_it: impl FnOnce(&Recipe<'_>) -> T) -> T {
    let user = cluster_user();
    with_recipe_of(bin, &|dir| make_cluster(bin, user, dir), use_it)
}

fn with_recipe_of<T>(
    bin: &Path,
    prepare: &dyn Fn(&Path),
    use_it: impl FnOnce(&Recipe<'_>) -> T,
) -> T {
    let user = cluster_user();
    use_it(&Recipe {
        user,
        // An immediate shutdown: the data is not needed any more.
        stop_signal: "QUIT",
        prepare,
        command: &|dir, port| command_line(bin, dir, port),
        is_ready: &|dir, port| {
            let mut probe = command_as(user, &program(bin, "pg_isready"), dir);
            probe.args(["--quiet", "--port", &port.to_string(), "--host"]).arg(dir);
            probe.status().is_ok_and(|status| status.success())
        },
    })
}

fn create_database(maintenance_url: &str, template: Option<&str>) -> String {
    // Random, because a cluster that was named by hand may have the databases of earlier runs.
    let name = format!("test_{:016x}", RandomState::new().hash_one(0));
    let mut createdb = Command::new(program(&programs(), "createdb"));
    createdb.args(["--no-password", "--maintenance-db", maintenance_url, &name]);
    if let Some(template) = template {
        createdb.args(["--template", template]);
    }
    run(&mut createdb);
    with_database(maintenance_url, &name)
}

fn database_name(url: &str) -> &str {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    address.rsplit('/').next().unwrap_or_default()
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
    // Like most hosts, the tests do not sort by bytes, if PostgreSQL was built with ICU.
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

/// `initdb` rejects root, so clusters of root belong to the user `postgres`.
pub(crate) fn cluster_user() -> Option<User> {
    let id = |arguments: &[&str]| -> u32 {
        let text = run(Command::new("id").args(arguments));
        text.parse().unwrap_or_else(|_| panic!("`id {arguments:?}` returned {text:?}"))
    };
    let is_root = id(&["-u"]) == 0;
    is_root.then(|| User { uid: id(&["-u", "postgres"]), gid: id(&["-g", "postgres"]) })
}

fn program(bin: &Path, name: &str) -> String {
    bin.join(name).display().to_string()
}

/// The directory of the newest PostgreSQL. Debian's comes before PATH, where `postgres` may be a
/// wrapper.
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
    use crate::eventually::eventually;

    fn query(url: &str, sql: &str) -> String {
        run(Command::new(program(&programs(), "psql")).args(["-XAtc", sql, url]))
    }

    #[test]
    fn a_fresh_database_is_empty() {
        let (one, two) = (postgres_database(), postgres_database());
        query(&one, "create table only_in_one (id bigint)");
        let tables = "select count(*) from pg_tables where schemaname = 'public'";
        assert_eq!(query(&one, tables), "1");
        assert_eq!(query(&two, tables), "0");
    }

    #[tokio::test]
    async fn a_migrated_database_is_a_copy() {
        let migrate = async |url: &str| _ = query(url, "create table migrated (id bigint)");
        let (one, two) = (migrated_database(migrate).await, migrated_database(migrate).await);
        query(&one, "insert into migrated values (1)");
        assert_eq!(query(&one, "select count(*) from migrated"), "1");
        assert_eq!(query(&two, "select count(*) from migrated"), "0");
    }

    #[test]
    fn a_started_cluster_is_durable() {
        assert_eq!(query(&Postgres::start().url(), "show fsync"), "on");
    }

    #[test]
    fn a_crashed_cluster_restarts_with_what_was_committed() {
        let mut postgres = Postgres::start();
        let url = postgres.fresh_database();
        postgres.run_sql(&url, "CREATE TABLE kept (id bigint); INSERT INTO kept VALUES (1);");
        postgres.stop_hard();
        assert!(postgres.try_sql(&url, "SELECT 1").is_err());
        postgres.start_again();
        assert_eq!(postgres.run_sql(&url, "SELECT id FROM kept"), "1");
        assert_eq!(postgres.kill_backends(&url), 0, "there are no other sessions");
        let dir = postgres.process.directory().to_owned();
        drop(postgres);
        assert!(!dir.exists(), "its directory is removed");
    }

    #[test]
    fn a_standby_follows_its_primary() {
        let primary = Postgres::start();
        let url = primary.fresh_database();
        let standby = Postgres::start_standby_of(&primary.url());
        let copy = standby.same_database(&url);
        primary.run_sql(&url, "CREATE TABLE followed (id bigint);");
        eventually("the table is replicated", || {
            standby.try_sql(&copy, "SELECT id FROM followed").is_ok()
        });
        assert_eq!(standby.run_sql(&copy, "SELECT pg_is_in_recovery()"), "t");
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
