//! The events that a [`FaultyDisk`](crate::FaultyDisk) recorded. `power_cut` simulates a power cut
//! on them.

use std::ops::Range;

/// The size of `struct event` without the bytes after it.
const HEAD: usize = 24;

/// A change of the files of a directory. File numbers are not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'r> {
    Created {
        file: u32,
        name: &'r str,
    },
    /// A file that existed before the recording was opened.
    Found {
        file: u32,
        name: &'r str,
    },
    Written {
        file: u32,
        at: usize,
        data: &'r [u8],
    },
    Truncated {
        file: u32,
        size: usize,
    },
    /// A sync succeeded that began at this length of the recording.
    Synced {
        file: u32,
        began: usize,
    },
    SyncFailed {
        file: u32,
        began: usize,
    },
    Removed {
        name: &'r str,
    },
    Renamed {
        from: &'r str,
        to: &'r str,
    },
}

/// The file number of the directory itself, in syncs.
pub(crate) const DIRECTORY: u32 = 1;

/// Positions in it are in bytes, as those of [`FaultyDisk::recorded`](crate::FaultyDisk).
pub struct Recording {
    bytes: Vec<u8>,
    events: Vec<Range<usize>>,
}

impl Recording {
    /// Finds the events. An incomplete last event is ignored.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let (mut events, mut start) = (Vec::new(), 0);
        while let Some(head) = bytes.get(start..start + HEAD) {
            let end = start + HEAD + number(head, 16);
            if end > bytes.len() {
                break;
            }
            events.push(start..end);
            start = end;
        }
        Self { bytes, events }
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.events.last().map_or(0, |event| event.end as u64)
    }

    /// From the first change of a file to the sync that keeps it, each time, for files whose names
    /// end so.
    pub fn stretches(&self, ending: &str) -> Vec<Range<u64>> {
        let (mut ours, mut start, mut stretches) = (Vec::new(), None, Vec::new());
        for (end, event) in self.events() {
            match event {
                Event::Created { file, name } | Event::Found { file, name }
                    if name.ends_with(ending) =>
                {
                    ours.push(file);
                }
                Event::Written { file, .. } | Event::Truncated { file, .. }
                    if ours.contains(&file) =>
                {
                    start = start.or(Some(end as u64));
                }
                Event::Synced { file, .. } if ours.contains(&file) => {
                    stretches.extend(start.take().map(|start| start..end as u64));
                }
                _ => {}
            }
        }
        stretches
    }

    /// All events with the positions at which they end.
    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, Event<'_>)> {
        self.events.iter().map(|range| (range.end, read(&self.bytes[range.clone()])))
    }
}

fn read(bytes: &[u8]) -> Event<'_> {
    let (head, data) = bytes.split_at(HEAD);
    let half = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let (kind, file, at) = (half(0), half(4), number(head, 8));
    let name = || str::from_utf8(data).expect("a name");
    match kind {
        1 => Event::Created { file, name: name() },
        2 => Event::Found { file, name: name() },
        3 => Event::Written { file, at, data },
        4 => Event::Truncated { file, size: at },
        5 => Event::Synced { file, began: at },
        6 => Event::SyncFailed { file, began: at },
        7 => Event::Removed { name: name() },
        8 => {
            let (from, to) = name().split_once('/').expect("two names");
            Event::Renamed { from, to }
        }
        _ => panic!("an event of an unknown kind, {kind}"),
    }
}

fn number(head: &[u8], at: usize) -> usize {
    let bytes = head[at..at + 8].try_into().expect("eight bytes");
    usize::try_from(u64::from_ne_bytes(bytes)).expect("an address")
}
