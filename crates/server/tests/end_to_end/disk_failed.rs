//! A failed fsync below SQLite: no such trade is acknowledged, the process exits, and a new process
//! finds every promised trade, also after a power cut soon after, when the data of the failed fsync
//! was only in memory. Full disks are in `disk_full`.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::{Disk, FaultyDisk, Recording, SeededEntropy, Syncs};

use crate::gone::until;
use crate::killed::verify;
use crate::power_cut::moment;
use crate::promises::check_blocking;
use crate::traders::{SentOrder, Traders, start_on};

const PLAYERS: usize = 6;
/// The delay of a sync of the second process, in microseconds, so that it can be overtaken.
const SYNC_DELAY_US: u64 = 20_000;
/// Power cuts during the second process: at its responses, and at moments of all kinds.
const CUTS_AT_PROMISES: usize = 16;
const CUTS: u64 = 32;

#[test]
fn a_commit_that_could_not_be_synced_is_not_confirmed_and_ends_the_process() {
    fail_and_recover(FaultyDisk::fail_log_sync);
}

#[test]
fn a_checkpoint_that_could_not_be_synced_ends_the_process_and_loses_nothing() {
    fail_and_recover(FaultyDisk::fail_other_sync);
}

fn fail_and_recover(fail_sync: fn(&FaultyDisk)) {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let (first, second) = (FaultyDisk::below(&data), FaultyDisk::below(&data));
    let orders = fail(&first, &data, fail_sync);
    let later = recover(&second, &data, &orders);

    let before: Vec<&SentOrder> = orders.iter().filter(|order| order.is_promise()).collect();
    let all: Vec<&SentOrder> =
        orders.iter().chain(&later).filter(|order| order.is_promise()).collect();
    verify(&["--data-dir", &data.display().to_string()]);
    check_blocking(&data, &all).unwrap_or_else(|broken| panic!("{broken}"));

    let recordings = (first.recording(), second.recording());
    cut_power(&recordings, &before, &later);
}

/// Cuts the power during the second process, above all at its first responses, before much was
/// written.
fn cut_power((first, second): &(Recording, Recording), before: &[&SentOrder], later: &[SentOrder]) {
    let mut cuts: Vec<u64> = later.iter().map(|order| order.answered_at).collect();
    cuts.sort_unstable();
    cuts.truncate(CUTS_AT_PROMISES);
    cuts.extend((0..CUTS).map(|seed| moment(second, later, &SeededEntropy::new(seed))));
    cuts.sort_unstable();
    let mut disk = Disk::new(Syncs::Honest);
    disk.play(first, &[], |_, _| ());
    disk.play(second, &cuts, |index, disk| {
        let (cut, image) = (cuts[index], tempfile::tempdir().expect("a directory"));
        disk.cut(&SeededEntropy::new(!cut)).write_to(image.path(), "-shm");
        let since = later.iter().filter(|order| order.is_promise() && order.answered_at <= cut);
        let promises: Vec<&SentOrder> = before.iter().copied().chain(since).collect();
        if let Err(broken) = check_blocking(image.path(), &promises) {
            let image = image.keep();
            panic!("cut at {cut} bytes, image kept in {}: {broken}", image.display());
        }
    });
}

/// Trades until a sync fails and the process has exited; returns the orders.
fn fail(disk: &FaultyDisk, data: &Path, fail_sync: fn(&FaultyDisk)) -> Vec<SentOrder> {
    let server = start_on(disk, data);
    let mut traders = Traders::register(&server, PLAYERS);
    let mut orders: Vec<SentOrder> = (0..3).flat_map(|_| traders.round(&server, &|| 0)).collect();
    fail_sync(disk);
    orders.extend(traders.round(&server, &|| 0));
    // A checkpoint begins within five seconds; the process exits half a second after its failure.
    while disk.failed_syncs() == 0 {
        assert_eq!(server.get("/livez").0, 200);
    }
    orders.extend(traders.round(&server, &|| 0));
    assert_eq!(server.wait().code(), Some(1), "it exits after the failed fsync");
    let mut rejected = orders.iter().filter(|order| !order.is_promise()).peekable();
    assert!(rejected.peek().is_some(), "orders were rejected before the exit");
    for SentOrder { answer, .. } in rejected.filter(|order| order.answer.status != 0) {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.head.contains("\nretry-after: "), "{}", answer.head);
    }
    orders
}

/// Restarts and repeats the orders without a promise; returns them and later orders.
fn recover(disk: &FaultyDisk, data: &Path, orders: &[SentOrder]) -> Vec<SentOrder> {
    disk.slow_syncs(SYNC_DELAY_US);
    let server = start_on(disk, data);
    let recorded = || disk.recorded();
    let rejected = orders.iter().filter(|order| !order.is_promise());
    let mut later = Vec::new();
    for order in rejected {
        let repeated = order.repeat(&server, &recorded);
        let (code, is_replay) = (order.answer.code(), repeated.answer.is_replay());
        assert!(
            code != "unavailable" || !is_replay,
            "an order that was rejected as not executed was executed: {}",
            repeated.answer.body
        );
        later.push(repeated);
    }
    let mut traders = Traders::register(&server, 2);
    later.extend((0..3).flat_map(|_| traders.round(&server, &recorded)));
    server.stop();
    later
}

#[test]
fn a_disk_that_fails_to_read_is_answered_with_503_until_it_reads_again() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let disk = FaultyDisk::below(&data);
    let server = start_on(&disk, &data);
    let mut traders = Traders::register(&server, PLAYERS);
    assert!(traders.round(&server, &|| 0).iter().all(SentOrder::is_promise));
    disk.fail_reads(true);
    // Cached pages are still readable; finally a page must be read from the disk.
    let search = AtomicU32::new(0);
    until(
        || {
            let number = search.fetch_add(1, Ordering::Relaxed);
            let (status, answer) = server.get(&format!("/api/stocks?search=none{number}"));
            assert!(status == 200 || answer["code"] == "unavailable", "{status} {answer}");
            status == 503
        },
        "a page that is not cached is read",
    );
    disk.fail_reads(false);
    until(|| server.get("/api/stocks").0 == 200, "reads succeed again");
    until(
        || traders.round(&server, &|| 0).iter().all(SentOrder::is_promise),
        "orders are accepted",
    );
    server.stop();
}
