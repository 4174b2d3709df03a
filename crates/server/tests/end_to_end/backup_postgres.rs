//! The scripts that back up and restore a PostgreSQL cluster, on a real one while players trade: up
//! to the last archived commit, and to a point in time.

use std::path::{Path, PathBuf};
use std::process::Output;
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

/// Verifies the ledger, and returns the number of its entries.
fn entries(url: &str) -> u64 {
    let output = run(&["audit", "verify", "--json", "--database", url]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{report}");
    report["entries"].as_u64().expect("a number")
}

/// A cluster whose WAL is archived into `logs`, as documented in docs/backup.md.
fn archive_wal(postgres: &mut Postgres, logs: &Path) {
    let documented = include_str!("../../../../docs/backup.md");
    let command =
        documented.lines().find_map(|line| line.trim().strip_prefix("archive_command = "));
    let command = command.expect("a command").replace("/backups/wal", &logs.display().to_string());
    let settings = format!(
        "ALTER SYSTEM SET archive_mode = on;\nALTER SYSTEM SET archive_command = {command};"
    );
    postgres.run_sql(&postgres.url(), &settings);
    let mkdir = format!("COPY (SELECT) TO PROGRAM 'mkdir {}';", logs.display());
    postgres.run_sql(&postgres.url(), &mkdir);
    postgres.stop_hard();
    postgres.start_again();
}

fn back_up(postgres: &Postgres, base: &Path) -> Output {
    // As a shell completes the name.
    let base = format!("{}/", base.display());
    postgres.script(&script("backup")).arg(base).arg(postgres.url()).output().expect("runs")
}

fn buy(server: &Server, token: &str) {
    let order = json!({"stock_symbol": "KO", "quantity": 1});
    assert_eq!(server.ask("POST", "/api/portfolio/buy", token, Some(&order)).0, 200);
}

/// Backs up while a player trades without a pause.
fn back_up_under_load(postgres: &Postgres, base: &Path, server: &Server, token: &str) {
    let is_over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        let trading = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                buy(server, token);
            }
        });
        let output = back_up(postgres, base);
        is_over.store(true, Ordering::Relaxed);
        trading.join().expect("no order waits for a backup");
        output
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until everything that was committed so far is archived.
fn wait_for_archive(postgres: &Postgres, url: &str) {
    postgres.run_sql(url, "SELECT pg_switch_wal();");
    let end = postgres.run_sql(url, "SELECT pg_walfile_name(pg_current_wal_lsn() - 1);");
    let is_archived =
        format!("SELECT coalesce(last_archived_wal >= '{end}', false) FROM pg_stat_archiver;");
    until(|| postgres.run_sql(url, &is_archived) == "t", "the last WAL file is archived");
}

/// A cluster that is restored to the last archived commit, or to a point in time.
fn restored(base: &Path, logs: &Path, time: Option<&str>) -> Postgres {
    let cluster = Postgres::start_laid_out(&script("restore"), |command, data| {
        command.arg(base).arg(logs).arg(data).args(time);
    });
    let is_up = || cluster.run_sql(&cluster.url(), "SELECT NOT pg_is_in_recovery();") == "t";
    until(is_up, "the WAL is replayed");
    cluster
}

#[test]
fn a_cluster_is_restored_to_its_last_archived_commit_and_to_a_point_in_time() {
    let mut postgres = Postgres::start();
    let directory = postgres.directory().to_owned();
    let (base, logs) = (directory.join("base"), directory.join("logs"));
    let rejected = back_up(&postgres, &base);
    let text = String::from_utf8_lossy(&rejected.stderr).into_owned();
    assert!(!rejected.status.success() && text.contains("archive_mode is off"), "{text}");
    archive_wal(&mut postgres, &logs);

    let url = postgres.fresh_database();
    let server = Server::start(&["--database", &url]);
    let token = server.register("ada");
    back_up_under_load(&postgres, &base, &server, &token);
    let moment = postgres.run_sql(&url, "SELECT clock_timestamp();");
    let then = entries(&url);
    (0..5).for_each(|_| buy(&server, &token));
    server.stop();
    let last = entries(&url);
    assert_eq!(last, then + 5);
    wait_for_archive(&postgres, &url);

    // A relative name is one in the directory of the command, and not in that of the cluster.
    let name = directory.file_name().expect("a name");
    let cluster = restored(&base, &Path::new("..").join(name).join("logs"), None);
    assert_eq!(entries(&same_in(&cluster, &url)), last, "all commits");
    let mut again = cluster.script(&script("restore"));
    let again = again.arg(&base).arg(&logs).arg(cluster.directory().join("data")).output();
    let again = again.expect("runs");
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && text.contains("is not empty"), "{text}");
    drop(cluster);
    let cluster = restored(&base, &logs, Some(&moment));
    let url = same_in(&cluster, &url);
    assert_eq!(entries(&url), then, "all commits before {moment}");
    // Players can trade on the restored cluster.
    let server = Server::start(&["--database", &url]);
    buy(&server, &token);
    server.stop();
    assert_eq!(entries(&url), then + 1);
    // A restored copy leaves the archive of its original alone.
    assert_eq!(cluster.run_sql(&url, "SHOW archive_mode;"), "off");
    let archived = std::fs::read_dir(&logs).expect("listed");
    let names = archived.map(|entry| entry.expect("listed").file_name());
    let later: Vec<_> =
        names.filter(|name| !name.to_string_lossy().starts_with("00000001")).collect();
    assert!(later.is_empty(), "of another timeline: {later:?}");
}
