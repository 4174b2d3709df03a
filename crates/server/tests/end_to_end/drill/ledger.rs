//! Seals that fail, and a month whose archive is away.

use std::process::Command;
use std::time::Duration;

use testkit::{FaultProxy, Postgres, S3Server, is_long_run, poll_within};

use super::exercise::Drill;
use super::nodes::slow_clock;
use super::save;
use crate::server::{Server, openbell};

/// Of the rules while seals are drilled.
const SEAL_FACTOR: u32 = 60;
/// 36 hours are 18 seconds.
const ARCHIVE_FACTOR: u32 = 7_200;
const SEAL_EVERY_S: u64 = 60;
/// The jobs that seal and archive run each minute, and an hour of the rules is a minute.
const SEVERAL_RUNS: Duration = Duration::from_secs(240);
/// So long ago that its month has ended.
const AN_EARLIER_MONTH_S: i64 = 40 * 86_400;
const STATUS: &str = "openbell audit status --database $DATABASE";

#[test]
fn alerts_of_a_seal_and_of_an_archive_fire_and_their_remedies_resolve_them() {
    if !is_long_run() {
        return;
    }
    let (mut drill, postgres) = (Drill::new(), Postgres::start());
    seal_failed(&mut drill, &postgres.fresh_database());
    archive_stuck(&mut drill, &postgres.fresh_database());
    save(&drill, "3-ledger");
}

/// A node on this database with further variables.
fn start(drill: &Drill, url: &str, more: &[(&str, String)]) -> Server {
    Server::start_at("127.0.0.1:0", &["--database", url], |command| {
        let log = std::fs::File::create(drill.log_file("node-a")).expect("a log");
        command.env("OPENBELL__MARKET__SOURCE", "fixed").stderr(log);
        command.envs(more.iter().map(|(name, value)| (*name, value)));
    })
}

fn observe(drill: &mut Drill, server: &Server, url: &str, factor: u32) {
    drill.set("NODE", &format!("http://{}", server.address));
    drill.set("DATABASE", url);
    drill.name(&server.address, "node-a:8080");
    drill.observe(&[&server.address], factor);
}

fn seal_failed(drill: &mut Drill, url: &str) {
    let seals = drill.directory().join("seals");
    std::fs::create_dir(&seals).expect("made");
    let file = seals.join("seals.jsonl");
    let variables = [
        ("OPENBELL__AUDIT__SEALS_FILE", file.display().to_string()),
        ("OPENBELL__AUDIT__SEAL_EVERY_S", SEAL_EVERY_S.to_string()),
    ];
    for (name, value) in &variables {
        drill.set_quietly(name, value);
    }
    let server = start(drill, url, &variables);
    server.register("ada");
    observe(drill, &server, url, SEAL_FACTOR);
    poll_within("the ledger is sealed", SEVERAL_RUNS, || {
        (server.metric("openbell_audit_seal_timestamp_seconds") > 0
            && !drill.is_active("SealFailed"))
        .then_some(())
    });
    drill.begin("SealFailed", "A directory is in the place of the file of seals.");
    std::fs::rename(&file, seals.join("moved")).expect("moved");
    std::fs::create_dir(&file).expect("made");
    drill.fires_within("SealFailed", SEVERAL_RUNS);
    let reason = drill.run("journalctl -u openbell --since -3h | grep -A2 'job=\"seal_heads\"'");
    assert!(reason.contains("seals"), "{reason}");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_audit_seal'");
    drill.run_to("openbell audit verify --seals --database $DATABASE", 1);
    drill.note("Remedy: the file is in its place again, and the ledger is sealed at once.");
    std::fs::remove_dir(&file).expect("removed");
    std::fs::rename(seals.join("moved"), &file).expect("moved");
    drill.run("openbell audit seal --database $DATABASE");
    drill.run("openbell audit verify --seals --database $DATABASE");
    drill.resolves_within("SealFailed", SEVERAL_RUNS);
    server.stop();
}

fn archive_stuck(drill: &mut Drill, url: &str) {
    let tokens = drill.directory().join("tokens").display().to_string();
    let mut earlier: Command =
        openbell(&["load", "prepare", "--players", "50", "--database", url, "--out", &tokens]);
    earlier.envs(slow_clock(AN_EARLIER_MONTH_S)).env("OPENBELL__MARKET__SOURCE", "fixed");
    let prepared = earlier.output().expect("it runs");
    let text = String::from_utf8_lossy(&prepared.stderr);
    assert!(prepared.status.success(), "{text}");
    let store = S3Server::start();
    let proxy = FaultProxy::start(([127, 0, 0, 1], store.port()).into());
    let endpoint = format!("http://{}", proxy.address());
    let variables = [
        ("OPENBELL__AUDIT__ARCHIVE_URL", format!("s3://{}/game", S3Server::BUCKET)),
        ("OPENBELL__AUDIT__S3__ENDPOINT", endpoint.clone()),
        ("OPENBELL__AUDIT__S3__ACCESS_KEY_ID", "k".to_owned()),
        ("OPENBELL__AUDIT__S3__SECRET_KEY", "s".to_owned()),
        ("OPENBELL__AUDIT__S3__TIMEOUT_S", "2".to_owned()),
    ];
    for (name, value) in &variables {
        drill.set_quietly(name, value);
    }
    drill.set("ENDPOINT", &endpoint);
    drill.set("DATABASE", url);
    proxy.refuse();
    drill.begin(
        "ArchiveStuck",
        "The ledger has a month that is over. The object store refuses connections while the month \
         is archived.",
    );
    drill.run_to("openbell audit archive --database $DATABASE", 1);
    let server = start(drill, url, &variables);
    observe(drill, &server, url, ARCHIVE_FACTOR);
    drill.fires("ArchiveStuck");
    let status = drill.run(STATUS);
    assert!(status.contains("writing"), "{status}");
    let metrics = "curl -s $NODE/metrics | \
                   grep -E '^openbell_archive|(runs_total|last_success).*name=\"clean_ledger\"'";
    drill.run(metrics);
    drill.run_failing("curl -sv $ENDPOINT -o /dev/null");
    drill.note("Remedy: the store responds again, and the month is archived at once.");
    proxy.pass();
    drill.run("openbell audit archive --database $DATABASE");
    assert!(drill.run(STATUS).contains("verified"));
    drill.resolves_within("ArchiveStuck", SEVERAL_RUNS);
    server.stop();
}
