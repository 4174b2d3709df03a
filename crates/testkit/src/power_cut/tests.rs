//! Possible and impossible states after a power cut, on recordings of a few events.

use super::*;

const CREATED: u32 = 1;
const FOUND: u32 = 2;
const WRITTEN: u32 = 3;
const TRUNCATED: u32 = 4;
const SYNCED: u32 = 5;
const SYNC_FAILED: u32 = 6;
const REMOVED: u32 = 7;
/// The position of a sync that covers everything before it.
const NOW: u64 = u64::MAX / 2;

/// A recording of events of a kind, a file, a number and bytes.
fn record(events: &[(u32, u32, u64, &[u8])]) -> Recording {
    let mut bytes = Vec::new();
    for (kind, file, at, data) in events {
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(file.to_ne_bytes());
        bytes.extend(at.to_ne_bytes());
        bytes.extend((data.len() as u64).to_ne_bytes());
        bytes.extend(*data);
    }
    Recording::new(bytes)
}

/// The distinct contents of the file `a` after many power cuts.
fn cuts(recordings: &[Recording], syncs: Syncs) -> Vec<Option<Vec<u8>>> {
    let mut disk = Disk::new(syncs);
    for recording in recordings {
        disk.play(recording, &[], |_, _| ());
    }
    let cut = |seed| {
        let Image(files) = disk.cut(&SeededEntropy::new(seed));
        files.into_iter().find(|(name, _)| name == "a").map(|(_, content)| content)
    };
    let mut found: Vec<_> = (0..500).map(cut).collect();
    found.sort();
    found.dedup();
    found
}

fn cuts_of(events: &[(u32, u32, u64, &[u8])]) -> Vec<Option<Vec<u8>>> {
    let begin: [(u32, u32, u64, &[u8]); 2] = [(CREATED, 2, 0, b"a"), (SYNCED, DIRECTORY, NOW, b"")];
    cuts(&[record(&[&begin[..], events].concat())], Syncs::Honest)
}

fn content(parts: &[(u8, usize)]) -> Option<Vec<u8>> {
    Some(parts.iter().flat_map(|(byte, length)| vec![*byte; *length]).collect())
}

#[test]
fn synced_bytes_are_kept_and_later_ones_may_be() {
    let events: [(u32, u32, u64, &[u8]); 3] =
        [(WRITTEN, 2, 0, &[1; 3]), (SYNCED, 2, NOW, b""), (WRITTEN, 2, 3, &[2; 2])];
    assert_eq!(cuts_of(&events[..2]), [content(&[(1, 3)])]);
    // The size was kept and the sector lost.
    let found = cuts_of(&events);
    assert_eq!(found, [content(&[(1, 3)]), content(&[(1, 3), (0, 2)]), content(&[(1, 3), (2, 2)])]);
}

#[test]
fn writes_are_torn_at_sectors_and_kept_in_any_order() {
    let events: [(u32, u32, u64, &[u8]); 4] = [
        (WRITTEN, 2, 0, &[1; 2 * SECTOR]),
        (SYNCED, 2, NOW, b""),
        (WRITTEN, 2, 0, &[2; SECTOR]),
        (WRITTEN, 2, SECTOR as u64, &[3; SECTOR]),
    ];
    let found = cuts_of(&events);
    let each = |first, second| content(&[(first, SECTOR), (second, SECTOR)]);
    assert_eq!(found, [each(1, 1), each(1, 3), each(2, 1), each(2, 3)]);
}

#[test]
fn a_sync_keeps_only_what_was_written_before_it_began() {
    let events: [(u32, u32, u64, &[u8]); 4] = [
        (WRITTEN, 2, 0, &[1]),
        (TRUNCATED, 2, 1, b""),
        (WRITTEN, 2, 0, &[2]),
        // It began before the last write, which ends 25 bytes later.
        (SYNCED, 2, 25 + 24 + 25 + 24, b""),
    ];
    assert_eq!(cuts_of(&events), [content(&[(1, 1)]), content(&[(2, 1)])]);
}

#[test]
fn bytes_of_a_failed_sync_are_not_kept_by_the_next_one() {
    let first = [
        (CREATED, 2, 0, &b"a"[..]),
        (SYNCED, DIRECTORY, NOW, b""),
        (WRITTEN, 2, 0, &[1]),
        (SYNCED, 2, NOW, b""),
        (WRITTEN, 2, 0, &[2]),
        (SYNC_FAILED, 2, NOW, b""),
        (SYNCED, 2, NOW, b""),
    ];
    assert_eq!(cuts(&[record(&first)], Syncs::Honest), [content(&[(1, 1)])]);
    // Another process reads them, and keeps them by writing them again.
    let second = [(FOUND, 7, 0, &b"a"[..]), (WRITTEN, 7, 0, &[2]), (SYNCED, 7, NOW, b"")];
    let both = [record(&first), record(&second)];
    assert_eq!(cuts(&both, Syncs::Honest), [content(&[(2, 1)])]);
}

#[test]
fn names_are_kept_when_their_directory_was_synced() {
    let made: [(u32, u32, u64, &[u8]); 3] =
        [(CREATED, 2, 0, b"a"), (WRITTEN, 2, 0, &[1]), (SYNCED, 2, NOW, b"")];
    assert_eq!(cuts(&[record(&made)], Syncs::Honest), [None, content(&[(1, 1)])]);
    let removed: [(u32, u32, u64, &[u8]); 2] =
        [(SYNCED, DIRECTORY, NOW, b""), (REMOVED, 0, 0, b"a")];
    let events = [&made[..], &removed[..]].concat();
    assert_eq!(cuts(&[record(&events)], Syncs::Honest), [None, content(&[(1, 1)])]);
    assert_eq!(cuts(&[record(&events[..4])], Syncs::Honest), [content(&[(1, 1)])]);
}

#[test]
fn a_disk_that_pretends_to_sync_may_lose_everything() {
    let events: [(u32, u32, u64, &[u8]); 4] = [
        (CREATED, 2, 0, b"a"),
        (SYNCED, DIRECTORY, NOW, b""),
        (WRITTEN, 2, 0, &[1]),
        (SYNCED, 2, NOW, b""),
    ];
    let found = cuts(&[record(&events)], Syncs::Pretended("a"));
    assert!(found.contains(&content(&[])), "{found:?}");
}
