//! An append-only file with a line of JSON for each record. Operators copy it to where no account
//! with write access to the database can change it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::marker::PhantomData;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use crate::error::ArchiveError;

#[derive(Clone, Debug)]
pub(crate) struct JsonLinesFile<T> {
    path: PathBuf,
    records: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> JsonLinesFile<T> {
    /// The file at a path; it is created with the first record.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, records: PhantomData }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All records. A last line without a line end was cut off by a crash and is ignored.
    pub(crate) async fn read(&self) -> Result<Vec<T>, ArchiveError> {
        let path = self.path.clone();
        let lines = self.run(move || read_lines(&path)).await?;
        let read = |(number, line): (u64, &String)| {
            serde_json::from_str(line).map_err(|error| {
                let name = format!("{}, line {number},", self.path.display());
                ArchiveError::damaged(&name, &error)
            })
        };
        (1..).zip(&lines).map(read).collect()
    }

    /// Appends records after the last whole line, and calls fsync.
    pub(crate) async fn add(&self, records: &[T]) -> Result<(), ArchiveError> {
        let mut text = String::new();
        for record in records {
            let line = serde_json::to_string(record).map_err(|source| ArchiveError::Serialize {
                name: self.path.display().to_string(),
                source,
            })?;
            text.push_str(&line);
            text.push('\n');
        }
        let path = self.path.clone();
        self.run(move || add(&path, &text)).await
    }

    async fn run<D: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<D> + Send + 'static,
    ) -> Result<D, ArchiveError> {
        let done = spawn_blocking(work).await.map_err(|_| ArchiveError::TaskAborted)?;
        done.map_err(|error| ArchiveError::Local(self.path.display().to_string(), error))
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

fn add(path: &Path, text: &str) -> io::Result<()> {
    let whole: usize = read_lines(path)?.iter().map(String::len).sum();
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_len(whole as u64)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // The name of a new file is durable once its directory is synced.
    if let Some(parent) = path.parent().filter(|parent| is_new && parent.is_dir()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
