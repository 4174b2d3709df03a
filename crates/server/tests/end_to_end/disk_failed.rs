//! A disk below SQLite that fails to keep what was written: a sync that ends with an error. Nobody
//! is told that such a trade is done, the process ends, and a new one finds all that was promised,
//! also when the power is cut soon after: what the failed sync should have kept is still to be seen
//! then, in memory, and nowhere else. Full disks are in `disk_full`.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::{Disk, FaultyDisk, Recording, SeededEntropy, Syncs};

use crate::gone::until;
use crate::killed::verify;
use crate::power_cut::moment;
use crate::promises::check_blocking;
use crate::traders::{Told, Traders, start_on};

const PLAYERS: usize = 6;
/// How much longer a sync of the second process takes, in microseconds: it can be overtaken.
const SYNC_DELAY_US: u64 = 20_000;
/// Power cuts in the life of the second process: at its promises, and at moments of all kinds.
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
    let told = fail(&first, &data, fail_sync);
    let later = recover(&second, &data, &told);

    let before: Vec<&Told> = told.iter().filter(|told| told.is_promise()).collect();
    let all: Vec<&Told> = told.iter().chain(&later).filter(|told| told.is_promise()).collect();
    verify(&["--data-dir", &data.display().to_string()]);
    check_blocking(&data, &all).unwrap_or_else(|broken| panic!("{broken}"));

    let recordings = (first.recording(), second.recording());
    cut_power(&recordings, &before, &later);
}

/// Cuts the power in the life of the second process, above all at its first promises, before much
/// was written.
fn cut_power((first, second): &(Recording, Recording), before: &[&Told], later: &[Told]) {
    let mut cuts: Vec<u64> = later.iter().map(|told| told.told_at).collect();
    cuts.sort_unstable();
    cuts.truncate(CUTS_AT_PROMISES);
    cuts.extend((0..CUTS).map(|seed| moment(second, later, &SeededEntropy::new(seed))));
    cuts.sort_unstable();
    let mut disk = Disk::new(Syncs::Honest);
    disk.play(first, &[], |_, _| ());
    disk.play(second, &cuts, |index, disk| {
        let (cut, image) = (cuts[index], tempfile::tempdir().expect("a directory"));
        disk.cut(&SeededEntropy::new(!cut)).write_to(image.path(), "-shm");
        let since = later.iter().filter(|told| told.is_promise() && told.told_at <= cut);
        let promises: Vec<&Told> = before.iter().copied().chain(since).collect();
        if let Err(broken) = check_blocking(image.path(), &promises) {
            let image = image.keep();
            panic!("cut at {cut} bytes, image kept in {}: {broken}", image.display());
        }
    });
}

/// Trades until a sync fails and the process has ended; gives what was told.
fn fail(disk: &FaultyDisk, data: &Path, fail_sync: fn(&FaultyDisk)) -> Vec<Told> {
    let server = start_on(disk, data);
    let mut traders = Traders::register(&server, PLAYERS);
    let mut told: Vec<Told> = (0..3).flat_map(|_| traders.round(&server, &|| 0)).collect();
    fail_sync(disk);
    told.extend(traders.round(&server, &|| 0));
    // A checkpoint comes after five seconds at most; the process lives on for half a second then.
    while disk.failed_syncs() == 0 {
        assert_eq!(server.get("/livez").0, 200);
    }
    told.extend(traders.round(&server, &|| 0));
    assert_eq!(server.wait().code(), Some(1), "it ends when the disk has failed");
    let mut refused = told.iter().filter(|told| !told.is_promise()).peekable();
    assert!(refused.peek().is_some(), "orders were turned away before the end");
    for Told { answer, .. } in refused.filter(|told| told.answer.status != 0) {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.head.contains("\nretry-after: "), "{}", answer.head);
    }
    told
}

/// Starts again and repeats what has no good answer; gives what is told then, and later.
fn recover(disk: &FaultyDisk, data: &Path, told: &[Told]) -> Vec<Told> {
    disk.slow_syncs(SYNC_DELAY_US);
    let server = start_on(disk, data);
    let recorded = || disk.recorded();
    let refused = told.iter().filter(|told| !told.is_promise());
    let mut later = Vec::new();
    for order in refused {
        let repeated = order.repeat(&server, &recorded);
        let (was_told, is_replay) = (order.answer.code(), repeated.answer.is_replay());
        assert!(
            was_told != "unavailable" || !is_replay,
            "it was said to be turned away, and was carried out: {}",
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
    assert!(traders.round(&server, &|| 0).iter().all(Told::is_promise));
    disk.fail_reads(true);
    // What is in SQLite's memory is still answered; in the end something has to be read.
    let search = AtomicU32::new(0);
    until(
        || {
            let number = search.fetch_add(1, Ordering::Relaxed);
            let (status, answer) = server.get(&format!("/api/stocks?search=none{number}"));
            assert!(status == 200 || answer["code"] == "unavailable", "{status} {answer}");
            status == 503
        },
        "a page that is not in memory is read",
    );
    disk.fail_reads(false);
    until(|| server.get("/api/stocks").0 == 200, "it reads again");
    until(|| traders.round(&server, &|| 0).iter().all(Told::is_promise), "orders are accepted");
    server.stop();
}
