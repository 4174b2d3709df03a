//! The scripts that back a PostgreSQL cluster up and put it back, tried on a real one while trades
//! go on: up to the last commit that was archived, and to a moment in the past.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use testkit::Postgres;

use crate::gone::until;
use crate::server::{Server, run};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/postgres").join(name)
}

/// The database of the same name in another cluster.
fn same_in(cluster: &Postgres, url: &str) -> String {
    let (_, name) = url.rsplit_once('/').expect("a name");
    format!("postgres://postgres@127.0.0.1:{}/{name}", cluster.port())
}

/// How many entries the ledger has, which must hold.
fn entries(url: &str) -> u64 {
    let output = run(&["audit", "verify", "--json", "--database", url]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{report}");
    report["entries"].as_u64().expect("a number")
}

#[test]
fn a_cluster_is_put_back_to_its_last_archived_commit_and_to_a_moment_in_the_past() {
    let mut postgres = Postgres::start();
    let directory = postgres.directory().to_owned();
    let (base, logs) = (directory.join("base"), directory.join("logs"));
    let backup = || {
        let mut command = postgres.script(&script("backup"));
        command.arg(&base).arg(postgres.url()).output().expect("runs")
    };
    let refused = backup();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("archive_mode is off"), "{text}");
    // As docs/backup.md has it.
    let documented = include_str!("../../../../docs/backup.md");
    let command =
        documented.lines().find_map(|line| line.trim().strip_prefix("archive_command = "));
    let command = command.expect("a command").replace("/backups/wal", &logs.display().to_string());
    postgres.run_sql(
        &postgres.url(),
        &format!(
            "ALTER SYSTEM SET archive_mode = on;\nALTER SYSTEM SET archive_command = {command};"
        ),
    );
    postgres
        .run_sql(&postgres.url(), &format!("COPY (SELECT) TO PROGRAM 'mkdir {}';", logs.display()));
    postgres.stop_hard();
    postgres.start_again();

    let url = postgres.fresh_database();
    let server = Server::start(&["--database", &url]);
    let token = server.register("ada");
    let buy = || {
        let order = json!({"stock_symbol": "KO", "quantity": 1});
        server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0
    };
    let is_over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        let trading = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(buy(), 200, "nobody waits for a backup");
            }
        });
        let mut command = postgres.script(&script("backup"));
        let output = command.arg(&base).arg(postgres.url()).output().expect("runs");
        is_over.store(true, Ordering::Relaxed);
        trading.join().expect("trades");
        output
    });
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let moment = postgres.run_sql(&url, "SELECT clock_timestamp();");
    let then = entries(&url);
    for _ in 0..5 {
        assert_eq!(buy(), 200);
    }
    server.stop();
    let last = entries(&url);
    assert_eq!(last, then + 5);
    postgres.run_sql(&url, "SELECT pg_switch_wal();");
    let end = postgres.run_sql(&url, "SELECT pg_walfile_name(pg_current_wal_lsn() - 1);");
    let is_archived =
        format!("SELECT coalesce(last_archived_wal >= '{end}', false) FROM pg_stat_archiver;");
    until(|| postgres.run_sql(&url, &is_archived) == "t", "the last log is archived");

    let restored = |time: Option<&str>| {
        let cluster = Postgres::start_laid_out(&script("restore"), |command, data| {
            command.arg(&base).arg(&logs).arg(data).args(time);
        });
        let is_up = || cluster.run_sql(&cluster.url(), "SELECT NOT pg_is_in_recovery();") == "t";
        until(is_up, "the logs are played");
        cluster
    };
    let cluster = restored(None);
    assert_eq!(entries(&same_in(&cluster, &url)), last, "all that was committed");
    let mut again = cluster.script(&script("restore"));
    let again = again.arg(&base).arg(&logs).arg(cluster.directory().join("data")).output();
    let again = again.expect("runs");
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && text.contains("is not empty"), "{text}");
    drop(cluster);
    let cluster = restored(Some(&moment));
    let url = same_in(&cluster, &url);
    assert_eq!(entries(&url), then, "what had been committed by {moment}");
    // It is a cluster like any other, and can be played on.
    let server = Server::start(&["--database", &url]);
    let order = json!({"stock_symbol": "KO", "quantity": 1});
    assert_eq!(server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0, 200);
    server.stop();
    assert_eq!(entries(&url), then + 1);
}
