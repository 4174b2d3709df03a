//! What a power cut leaves of files whose writes were recorded. A disk keeps what was synced; of
//! what was written after a file's last sync it keeps any part, in any order, each sector whole.
//! Names are kept once their directory was synced. It knows nothing of what is in the files.

use std::collections::BTreeMap;
use std::path::Path;

use crate::recording::{DIRECTORY, Event};
use crate::{Recording, SeededEntropy};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// Whether the disk does what a sync asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// It does.
    Honest,
    /// It only says so for files whose names end so; to test tests.
    Pretended(&'static str),
}

/// The files of a directory as they stand on a disk, and in the memory above it.
pub struct Disk<'r> {
    syncs: Syncs,
    files: Vec<File<'r>>,
    /// Names that are kept for sure.
    kept_names: Names,
    /// Names as the process sees them.
    names: Names,
    /// What happened to the names since the directory was synced.
    pending_names: Vec<(usize, NameChange<'r>)>,
}

type Names = BTreeMap<String, usize>;

#[derive(Clone, Copy)]
enum NameChange<'r> {
    Added(&'r str, usize),
    Removed(&'r str),
    Renamed(&'r str, &'r str),
}

/// One file.
#[derive(Default)]
struct File<'r> {
    /// The content that is kept for sure.
    kept: Vec<u8>,
    /// The content in memory, without the pending changes. It differs from what is kept where a
    /// sync failed: the system takes those sectors for written and does not try again.
    memory: Vec<u8>,
    /// Changes since the last sync, with where they end in the recording.
    pending: Vec<(usize, Change<'r>)>,
}

#[derive(Clone, Copy)]
enum Change<'r> {
    Write(usize, &'r [u8]),
    Resize(usize),
}

/// What is left: names with contents.
pub struct Image(Vec<(String, Vec<u8>)>);

impl<'r> Disk<'r> {
    /// An empty directory.
    pub fn new(syncs: Syncs) -> Self {
        Self {
            syncs,
            files: Vec::new(),
            kept_names: Names::new(),
            names: Names::new(),
            pending_names: Vec::new(),
        }
    }

    /// Carries out what stands in the recording of one process, up to each of these positions in
    /// turn (none: to the end), and shows what it looks like there. The positions must rise.
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
            self.happen(end, event, &mut numbers);
        }
        cuts.for_each(|(index, _)| at_cut(index, self));
    }

    /// What a power cut would leave now.
    pub fn cut(&self, chance: &SeededEntropy) -> Image {
        let luck = Luck::draw(chance);
        let mut names = self.kept_names.clone();
        for (_, change) in &self.pending_names {
            if luck.keeps(chance) {
                change.apply(&mut names);
            }
        }
        let content = |file: usize| self.files[file].cut(luck, chance);
        Image(names.into_iter().map(|(name, file)| (name, content(file))).collect())
    }

    /// What the process sees now.
    pub fn seen(&self) -> Image {
        let content = |file: usize| self.files[file].seen();
        Image(self.names.iter().map(|(name, file)| (name.clone(), content(*file))).collect())
    }

    fn happen(&mut self, end: usize, event: Event<'r>, numbers: &mut BTreeMap<u32, usize>) {
        match event {
            Event::Created { file, name } => {
                numbers.insert(file, self.files.len());
                self.rename(end, NameChange::Added(name, self.files.len()));
                self.files.push(File::default());
            }
            Event::Found { file, name } => {
                numbers.insert(file, *self.names.get(name).expect("a file that is known"));
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

    /// Whether a sync of this file is more than words.
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
            // When the making of a file was not kept, its renaming is nothing.
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.to_owned(), file);
                }
            }
        }
    }
}

impl File<'_> {
    /// A sync that began at this position has ended.
    fn settle(&mut self, began: usize, is_kept: bool) {
        let covered = self.pending.partition_point(|(end, _)| *end <= began);
        for (_, change) in self.pending.drain(..covered) {
            change.apply(&mut self.memory);
            if is_kept {
                change.write_back(&self.memory, &mut self.kept, |_| true);
            }
        }
    }

    fn cut(&self, luck: Luck, chance: &SeededEntropy) -> Vec<u8> {
        let (mut image, mut memory) = (self.kept.clone(), self.memory.clone());
        for (_, change) in &self.pending {
            change.apply(&mut memory);
            if luck.keeps(chance) {
                change.write_back(&memory, &mut image, |_| luck.keeps_sector(chance));
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
    /// Carries it out in memory.
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

    /// Brings the sectors it has touched from memory to the disk, those that are lucky, and the
    /// size. A sector goes as it stands in memory, with whatever else was written to it.
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

/// How a power cut treats what was not synced, in sixteenths.
#[derive(Clone, Copy)]
struct Luck {
    /// A change is kept.
    change: u64,
    /// A sector of a change that is kept is kept, too.
    sector: u64,
}

impl Luck {
    /// Often all or nothing: what is torn at random is torn everywhere.
    fn draw(chance: &SeededEntropy) -> Self {
        let pick = |from: &[u64; 8]| from[(chance.next_u64() % 8) as usize];
        Self {
            change: pick(&[0, 0, 4, 8, 12, 15, 16, 16]),
            sector: pick(&[8, 15, 15, 16, 16, 16, 16, 16]),
        }
    }

    fn keeps(self, chance: &SeededEntropy) -> bool {
        chance.next_u64() % 16 < self.change
    }

    fn keeps_sector(self, chance: &SeededEntropy) -> bool {
        chance.next_u64() % 16 < self.sector
    }
}

impl Image {
    /// Whether there is a file or a directory of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Writes the files into a directory, but those that are only memory: names that end so.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn write_to(&self, dir: &Path, but: &str) {
        for (name, content) in self.0.iter().filter(|(name, _)| !name.ends_with(but)) {
            std::fs::write(dir.join(name), content).expect("a file of the image");
        }
    }

    /// Where a directory differs from it, in the files whose names do not end so.
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
