//! Simulates power cuts on recorded writes. A disk keeps what was synced; of later writes it keeps
//! any part, in any order, sector by sector. Names are kept once their directory was synced.

use std::collections::BTreeMap;
use std::path::Path;

use crate::recording::{DIRECTORY, Event};
use crate::{Recording, SeededEntropy};

/// The bytes that a disk writes atomically.
const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// Syncs work.
    Honest,
    /// Syncs of files with this end of the name do nothing; to test tests.
    Pretended(&'static str),
}

/// The files of a directory on a disk, and in the page cache.
pub struct Disk<'r> {
    syncs: Syncs,
    files: Vec<File<'r>>,
    /// Synced names.
    kept_names: Names,
    /// Names as the process sees them.
    names: Names,
    /// Changes of names since the directory was synced.
    pending_names: Vec<(usize, NameChange<'r>)>,
}

type Names = BTreeMap<String, usize>;

#[derive(Clone, Copy)]
enum NameChange<'r> {
    Added(&'r str, usize),
    Removed(&'r str),
    Renamed(&'r str, &'r str),
}

#[derive(Default)]
struct File<'r> {
    /// The synced content.
    kept: Vec<u8>,
    /// The content in memory, without the pending changes. It differs from the synced content after
    /// a failed sync: the kernel marks the sectors clean and does not retry.
    memory: Vec<u8>,
    /// Changes since the last sync, with their end positions in the recording.
    pending: Vec<(usize, Change<'r>)>,
}

#[derive(Clone, Copy)]
enum Change<'r> {
    Write(usize, &'r [u8]),
    Resize(usize),
}

/// Names with contents.
pub struct Image(Vec<(String, Vec<u8>)>);

impl<'r> Disk<'r> {
    pub fn new(syncs: Syncs) -> Self {
        Self {
            syncs,
            files: Vec::new(),
            kept_names: Names::new(),
            names: Names::new(),
            pending_names: Vec::new(),
        }
    }

    /// Replays the recording of one process to its end, and calls `at_cut` at each of these
    /// ascending positions.
    pub fn play(
        &mut self,
        recording: &'r Recording,
        cuts: &[u64],
        mut at_cut: impl FnMut(usize, &Self),
    ) {
        let mut numbers = BTreeMap::new();
        let mut cuts = cuts.iter().enumerate().peekable();
        for (end, event) in recording.events() {
            while let Some((index, _)) = cuts.next_if(|(_, cut)| **cut < end as u64) {
                at_cut(index, self);
            }
            self.apply(end, event, &mut numbers);
        }
        cuts.for_each(|(index, _)| at_cut(index, self));
    }

    /// A state that a power cut may leave now.
    pub fn cut(&self, random: &SeededEntropy) -> Image {
        let luck = Luck::draw(random);
        let mut names = self.kept_names.clone();
        for (_, change) in &self.pending_names {
            if luck.keeps(random) {
                change.apply(&mut names);
            }
        }
        let content = |file: usize| self.files[file].cut(luck, random);
        Image(names.into_iter().map(|(name, file)| (name, content(file))).collect())
    }

    /// The present state of the process.
    pub fn seen(&self) -> Image {
        let content = |file: usize| self.files[file].seen();
        Image(self.names.iter().map(|(name, file)| (name.clone(), content(*file))).collect())
    }

    fn apply(&mut self, end: usize, event: Event<'r>, numbers: &mut BTreeMap<u32, usize>) {
        match event {
            Event::Created { file, name } => {
                numbers.insert(file, self.files.len());
                self.rename(end, NameChange::Added(name, self.files.len()));
                self.files.push(File::default());
            }
            Event::Found { file, name } => {
                numbers.insert(file, *self.names.get(name).expect("a known file"));
            }
            Event::Written { file, at, data } => {
                self.files[numbers[&file]].pending.push((end, Change::Write(at, data)));
            }
            Event::Truncated { file, size } => {
                self.files[numbers[&file]].pending.push((end, Change::Resize(size)));
            }
            Event::Synced { file: DIRECTORY, began } => {
                let covered = self.pending_names.partition_point(|(end, _)| *end <= began);
                for (_, change) in self.pending_names.drain(..covered) {
                    change.apply(&mut self.kept_names);
                }
            }
            Event::SyncFailed { file: DIRECTORY, .. } => {}
            Event::Synced { file, began } if self.is_kept(numbers[&file]) => {
                self.files[numbers[&file]].settle(began, true);
            }
            Event::Synced { .. } => {}
            Event::SyncFailed { file, began } => self.files[numbers[&file]].settle(began, false),
            Event::Removed { name } => self.rename(end, NameChange::Removed(name)),
            Event::Renamed { from, to } => self.rename(end, NameChange::Renamed(from, to)),
        }
    }

    fn rename(&mut self, end: usize, change: NameChange<'r>) {
        change.apply(&mut self.names);
        self.pending_names.push((end, change));
    }

    /// Whether syncs of this file work.
    fn is_kept(&self, file: usize) -> bool {
        let Syncs::Pretended(ending) = self.syncs else { return true };
        !self.names.iter().any(|(name, known)| *known == file && name.ends_with(ending))
    }
}

impl NameChange<'_> {
    fn apply(self, names: &mut Names) {
        match self {
            Self::Added(name, file) => {
                names.insert(name.to_owned(), file);
            }
            Self::Removed(name) => {
                names.remove(name);
            }
            // The creation of the file may be lost.
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.to_owned(), file);
                }
            }
        }
    }
}

impl File<'_> {
    /// Ends a sync that began at this position.
    fn settle(&mut self, began: usize, is_kept: bool) {
        let covered = self.pending.partition_point(|(end, _)| *end <= began);
        for (_, change) in self.pending.drain(..covered) {
            change.apply(&mut self.memory);
            if is_kept {
                change.write_back(&self.memory, &mut self.kept, |_| true);
            }
        }
    }

    fn cut(&self, luck: Luck, random: &SeededEntropy) -> Vec<u8> {
        let (mut image, mut memory) = (self.kept.clone(), self.memory.clone());
        for (_, change) in &self.pending {
            change.apply(&mut memory);
            if luck.keeps(random) {
                change.write_back(&memory, &mut image, |_| luck.keeps_sector(random));
            }
        }
        image
    }

    fn seen(&self) -> Vec<u8> {
        let mut memory = self.memory.clone();
        self.pending.iter().for_each(|(_, change)| change.apply(&mut memory));
        memory
    }
}

impl Change<'_> {
    fn apply(self, memory: &mut Vec<u8>) {
        match self {
            Self::Resize(size) => memory.resize(size, 0),
            Self::Write(at, data) => {
                let end = at + data.len();
                if memory.len() < end {
                    memory.resize(end, 0);
                }
                memory[at..end].copy_from_slice(data);
            }
        }
    }

    /// Writes its lucky sectors, as they are in memory, and the size to the disk.
    fn write_back(self, memory: &[u8], disk: &mut Vec<u8>, is_lucky: impl Fn(usize) -> bool) {
        disk.resize(memory.len(), 0);
        let Self::Write(at, data) = self else { return };
        for sector in at / SECTOR..(at + data.len()).div_ceil(SECTOR) {
            if is_lucky(sector) {
                let bytes = sector * SECTOR..((sector + 1) * SECTOR).min(memory.len());
                disk[bytes.clone()].copy_from_slice(&memory[bytes]);
            }
        }
    }
}

/// The probabilities, in sixteenths, that a power cut keeps unsynced changes.
#[derive(Clone, Copy)]
struct Luck {
    change: u64,
    /// Of each sector of a kept change.
    sector: u64,
}

impl Luck {
    /// Extremes are frequent, because random losses alone would damage every file.
    fn draw(random: &SeededEntropy) -> Self {
        let pick = |from: &[u64; 8]| from[(random.next_u64() % 8) as usize];
        Self {
            change: pick(&[0, 0, 4, 8, 12, 15, 16, 16]),
            sector: pick(&[8, 15, 15, 16, 16, 16, 16, 16]),
        }
    }

    fn keeps(self, random: &SeededEntropy) -> bool {
        random.next_u64() % 16 < self.change
    }

    fn keeps_sector(self, random: &SeededEntropy) -> bool {
        random.next_u64() % 16 < self.sector
    }
}

impl Image {
    pub fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Writes the files into a directory, except those with this end of the name.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn write_to(&self, dir: &Path, but: &str) {
        for (name, content) in self.0.iter().filter(|(name, _)| !name.ends_with(but)) {
            std::fs::write(dir.join(name), content).expect("a file of the image");
        }
    }

    /// The first difference to a directory, ignoring files with this end of the name.
    pub fn difference(&self, dir: &Path, but: &str) -> Option<String> {
        let mut there: Vec<String> = std::fs::read_dir(dir)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();
        let names: Vec<&String> = self.0.iter().map(|(name, _)| name).collect();
        if !there.iter().eq(names.iter().copied()) {
            return Some(format!("{there:?} and not {names:?}"));
        }
        let mut files = self.0.iter().filter(|(name, _)| !name.ends_with(but));
        let (name, _) = files
            .find(|(name, content)| std::fs::read(dir.join(name)).expect("a file") != *content)?;
        Some(format!("the content of {name}"))
    }
}

#[cfg(test)]
mod tests;
