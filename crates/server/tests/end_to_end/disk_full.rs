//! A full disk below SQLite: orders are rejected and change nothing, reads succeed, and the server
//! recovers when the disk has room again. And a disk with partial writes, which must have no
//! effect. Lost data is in `disk_failed` and `power_cut`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use testkit::FaultyDisk;

use crate::gone::until;
use crate::killed::verify;
use crate::promises::check_blocking;
use crate::server::{Server, with_mount};
use crate::traders::{SentOrder, Traders, play_small_market, start_on};

const PLAYERS: usize = 6;
const RESERVE: u64 = 4 * 1024 * 1024;
/// Free bytes each time: none, a part of a page, some pages of a commit, some commits.
const ROOMS: [u64; 4] = [0, 100, 9_000, 200_000];
const CHECKPOINT_FAILED: &str = r#"runs_total{name="checkpoint",outcome="error"}"#;
const CHECKPOINT_DONE: &str = r#"runs_total{name="checkpoint",outcome="ok"}"#;

#[test]
fn while_the_disk_is_full_orders_are_rejected_and_reads_succeed() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let disk = FaultyDisk::below(&data);
    let server = start_on(&disk, &data);
    let mut traders = Traders::register(&server, PLAYERS);
    let mut orders = Vec::new();
    for room in ROOMS {
        let refused = disk.refused();
        disk.leave_room(room);
        orders.extend(rounds_until(&mut traders, &server, |order| order.answer.status == 503));
        assert!(disk.refused() > refused, "the disk was full");
        for (status, portfolio) in traders.portfolios(&server) {
            assert_eq!(status, 200, "reads succeed: {portfolio}");
        }
        disk.make_room();
        orders.extend(rounds_until(&mut traders, &server, SentOrder::is_promise));
    }
    let rejected: Vec<&SentOrder> = orders.iter().filter(|order| !order.is_promise()).collect();
    for SentOrder { answer, .. } in &rejected {
        let (status, code) = (answer.status, answer.code());
        assert!((status, code) == (503, "unavailable"), "{status} {}", answer.body);
        assert!(answer.head.contains("\nretry-after: "), "{}", answer.head);
    }
    // Their keys are not stored: they are executed now, unless the market rejects them.
    let late: Vec<SentOrder> = rejected.iter().map(|order| order.repeat(&server, &|| 0)).collect();
    assert!(late.iter().all(|order| !order.answer.is_replay()), "nothing was executed before");
    server.stop();
    let promises =
        orders.iter().chain(&late).filter(|order| order.is_promise()).collect::<Vec<_>>();
    assert_holds_just(&data, &promises);
}

#[test]
fn a_disk_that_is_full_at_a_checkpoint_loses_no_trade() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let disk = FaultyDisk::below(&data);
    let server = start_on(&disk, &data);
    let mut traders = Traders::register(&server, PLAYERS);
    let mut orders = traders.round(&server, &|| 0);
    disk.leave_room(0);
    until(|| server.metric(CHECKPOINT_FAILED) > 0, "a checkpoint found no room");
    for (status, portfolio) in traders.portfolios(&server) {
        assert_eq!(status, 200, "reads succeed: {portfolio}");
    }
    let done = server.metric(CHECKPOINT_DONE);
    disk.make_room();
    orders.extend(rounds_until(&mut traders, &server, SentOrder::is_promise));
    until(|| server.metric(CHECKPOINT_DONE) > done, "a checkpoint found room again");
    server.stop();
    let promises = orders.iter().filter(|order| order.is_promise()).collect::<Vec<_>>();
    assert_holds_just(&data, &promises);
}

#[test]
fn a_disk_that_the_log_has_filled_is_freed_with_the_reserve() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("makes");
    let flags = ["--data-dir", &data.display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &flags, |command| {
        play_small_market(command);
        let script = r#"mount -t tmpfs -o size=32m tmpfs "$0""#;
        *command = with_mount(command, script, &data);
        command.env("OPENBELL__DATABASE__DISK_RESERVE", RESERVE.to_string());
        command.stdout(Stdio::piped());
    });
    until(|| server.metric("openbell_disk_reserve_bytes") == RESERVE, "the reserve is held");
    let mut traders = Traders::register(&server, PLAYERS);
    traders.round(&server, &|| 0);
    // The test accesses the small disk through the server's namespace.
    let seen = format!("/proc/{}/root{}", server.id(), data.display());
    let filler = Path::new(&seen).join("filler");
    let reserve = Path::new(&seen).join("openbell.db.reserve");
    // It may be allocated again at once, as another file.
    let file = || std::fs::metadata(&reserve).map(|found| found.ino()).ok();
    let first = file().expect("it is there");
    fill(&filler);
    until(
        || {
            traders.round(&server, &|| 0);
            file() != Some(first)
        },
        "a checkpoint found no room and the reserve was released",
    );
    rounds_until(&mut traders, &server, SentOrder::is_promise);
    until(|| server.get("/readyz").0 == 200, "the log was truncated, which made room");

    fill(&filler);
    until(
        || {
            traders.round(&server, &|| 0);
            fill(&filler);
            file().is_none()
                && server.get("/readyz").0 == 503
                && server.metric("openbell_disk_full") == 1
        },
        "nothing is left to release, and the metric shows it",
    );
    std::fs::remove_file(&filler).expect("removes");
    until(|| server.get("/readyz").0 == 200, "there is room");
    rounds_until(&mut traders, &server, SentOrder::is_promise);
    until(|| server.metric("openbell_disk_reserve_bytes") == RESERVE, "the reserve is held again");
    server.stop();
}

/// Grows a file until its disk is full.
fn fill(path: &Path) {
    let file = File::options().create(true).append(true).open(path);
    let (mut file, zeros) = (file.expect("opens"), [0; 4096]);
    while file.write_all(&zeros).is_ok() {}
}

#[test]
fn partial_writes_have_no_effect() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let disk = FaultyDisk::below(&data);
    disk.shorten_writes(3);
    let server = start_on(&disk, &data);
    let mut traders = Traders::register(&server, PLAYERS);
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.extend(traders.round(&server, &|| 0));
    }
    // The last checkpoint is part of the shutdown.
    server.stop();
    assert!(disk.shortened() > 0, "writes were shortened");
    let promises = orders.iter().filter(|order| order.is_promise()).collect::<Vec<_>>();
    assert_eq!(promises.len(), orders.len(), "every order was executed");
    assert_holds_just(&data, &promises);
}

/// Sends rounds of orders until a condition holds for all of a round.
fn rounds_until(
    traders: &mut Traders,
    server: &Server,
    holds: impl Fn(&SentOrder) -> bool,
) -> Vec<SentOrder> {
    let mut orders = Vec::new();
    until(
        || {
            let round = traders.round(server, &|| 0);
            let all = round.iter().all(&holds);
            orders.extend(round);
            all
        },
        "all orders of a round have the same outcome",
    );
    orders
}

/// The ledger holds these trades and no others.
fn assert_holds_just(data: &Path, promises: &[&SentOrder]) {
    verify(&["--data-dir", &data.display().to_string()]);
    let report = check_blocking(data, promises).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(report.entries, (PLAYERS + promises.len()) as u64, "openings and promises");
}
