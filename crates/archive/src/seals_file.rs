//! Where seals are kept apart from the database: a file with a line of JSON each, which is only
//! ever added to. It is meant to be copied to where whoever can write the database cannot.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::error::ArchiveError;
use crate::seal::{Seal, unlike};

/// The file.
#[derive(Clone, Debug)]
pub struct SealsFile(PathBuf);

impl SealsFile {
    /// The file with this name, which is made with the first seal.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds a seal, unless it is there, and brings it to the disk.
    ///
    /// # Errors
    /// `Unsealed` when another one of its instant is there, else what was met.
    pub(crate) async fn keep(&self, seal: &Seal) -> Result<(), ArchiveError> {
        match self.read().await?.get(&seal.cut_at) {
            Some(found) if found == seal => return Ok(()),
            Some(other) => return Err(ArchiveError::Unsealed(unlike(other, seal))),
            None => {}
        }
        let line = serde_json::to_string(seal).unwrap_or_default() + "\n";
        let path = self.0.clone();
        self.run(move || add(&path, &line)).await
    }

    /// All seals by their instants. A last line without an end was cut off by a crash, and is none.
    ///
    /// # Errors
    /// `Local` when it cannot be read, `Damaged` when a line is no seal.
    pub async fn read(&self) -> Result<BTreeMap<i64, Seal>, ArchiveError> {
        let path = self.0.clone();
        let lines = self.run(move || read_lines(&path)).await?;
        let mut seals = BTreeMap::new();
        for (number, line) in (1..).zip(&lines) {
            let seal: Seal = serde_json::from_str(line).map_err(|error| {
                let name = format!("{}, line {number},", self.0.display());
                ArchiveError::damaged(&name, &error)
            })?;
            seals.insert(seal.cut_at, seal);
        }
        Ok(seals)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let done = spawn_blocking(work).await.map_err(|_| ArchiveError::Stopped)?;
        done.map_err(|error| ArchiveError::Local(self.0.display().to_string(), error))
    }
}

fn read_lines(path: &Path) -> io::Result<Vec<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::new(file);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        file.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// Adds a line behind the last whole one.
fn add(path: &Path, line: &str) -> io::Result<()> {
    let whole: usize = read_lines(path)?.iter().map(String::len).sum();
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.set_len(whole as u64)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    // A name survives a power cut once its directory was synced.
    if let Some(parent) = path.parent().filter(|parent| is_new && parent.is_dir()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
