//! Servers that are killed repeatedly under load. The clients retry unanswered requests under their
//! keys; in the end every acknowledged trade exists once, and the ledger verifies.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use testkit::{SeededEntropy, postgres_database, seconds};

use crate::server::{Server, openbell, run};

/// How often a server is killed in one test.
const KILLS: u64 = 20;

#[test]
fn a_node_on_sqlite_that_is_killed_20_times_loses_and_duplicates_no_trade() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    kill_under_load(dir.path(), &["--data-dir", &data], 1, "distinct");
}

#[test]
fn two_nodes_that_are_killed_in_turn_lose_and_duplicate_no_trade_of_one_player() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = postgres_database();
    kill_under_load(dir.path(), &["--database", &url], 2, "popular");
}

/// Kills the servers in turn while clients trade, and verifies the database.
fn kill_under_load(dir: &Path, database: &[&str], nodes: usize, scenario: &str) {
    let tokens = prepare(dir, database);
    let mut servers: Vec<Server> = (0..nodes).map(|_| Server::start(database)).collect();
    let start = |servers: &[Server]| {
        let before = batches(servers);
        let load = Load::start(dir, scenario, &tokens, servers);
        // A load that finds no server at its start ends at once.
        while batches(servers) == before && load.runs_for(Duration::from_millis(10)) {}
        load
    };
    let mut load = start(&servers);
    let (mut accepted, mut retries) = (0, 0);
    let mut end = |load: Load| {
        let report = load.end();
        let count = |path: &str| report.pointer(path).and_then(Value::as_u64).expect("a number");
        assert_eq!(count("/verified/found"), count("/verified/acknowledged"), "{report}");
        accepted += count("/trades/accepted");
        retries += count("/retries");
    };
    let random = SeededEntropy::new(3);
    for _ in 0..seconds(KILLS) {
        // Long enough for trades, and different each time.
        let alive = Duration::from_millis(100 + random.next_u64() % 300);
        // On a busy machine the kills take longer than the load.
        while !load.runs_for(alive) {
            end(load);
            load = start(&servers);
        }
        let dying = servers.remove(0);
        let address = dying.address.clone();
        dying.kill();
        servers.push(Server::start_at(&address, database, |_| ()));
    }
    end(load);
    assert!(accepted > 0 && retries > 0, "{accepted} trades, {retries} retries");
    servers.into_iter().for_each(Server::stop);
    verify(database);
}

/// The batches that servers have processed.
fn batches(servers: &[Server]) -> u64 {
    servers.iter().map(|server| server.metric("openbell_batch_size_count")).sum()
}

/// Creates players in the database; returns the file of their tokens.
pub(crate) fn prepare(dir: &Path, database: &[&str]) -> PathBuf {
    let tokens = dir.join("tokens");
    let file = tokens.display().to_string();
    succeed(&run(&[&["load", "prepare", "--players", "64", "--out", &file], database].concat()));
    tokens
}

/// `openbell audit verify`.
pub(crate) fn verify(database: &[&str]) {
    succeed(&run(&[&["audit", "verify"], database].concat()));
}

fn succeed(output: &Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A running `openbell load`.
pub(crate) struct Load {
    child: Child,
    ended: mpsc::Receiver<()>,
    report: PathBuf,
}

impl Load {
    /// Starts clients of all these servers, for longer than the kills take.
    pub(crate) fn start(dir: &Path, scenario: &str, tokens: &Path, servers: &[Server]) -> Self {
        let urls: Vec<_> =
            servers.iter().map(|server| format!("http://{}", server.address)).collect();
        let time = format!("{}s", seconds(KILLS) + 5);
        let args = ["--concurrency", "8", "--duration", &time];
        Self::start_with(dir, scenario, tokens, &urls, &args)
    }

    /// Starts clients of these URLs.
    pub(crate) fn start_with(
        dir: &Path,
        scenario: &str,
        tokens: &Path,
        urls: &[String],
        args: &[&str],
    ) -> Self {
        let report = dir.join("report.json");
        let mut command = openbell(&[&["load", scenario], args].concat());
        command.arg("--tokens").arg(tokens).arg("--out").arg(&report);
        for url in urls {
            command.args(["--url", url]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut output = child.stdout.take().expect("piped");
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut output, &mut std::io::stderr());
            drop(done);
        });
        Self { child, ended, report }
    }

    /// Waits for its end; true if it still runs after this time.
    pub(crate) fn runs_for(&self, time: Duration) -> bool {
        self.ended.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout)
    }

    /// Waits for its end, which must be successful, and returns its report.
    pub(crate) fn end(mut self) -> Value {
        let status = self.child.wait().expect("it was started");
        let report = std::fs::read_to_string(&self.report).unwrap_or_default();
        assert!(status.success(), "the load failed: {report}");
        serde_json::from_str(&report).expect("JSON")
    }
}
