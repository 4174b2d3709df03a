//! SQLite's write-ahead log before SQLite opens it. What is in it is SQLite's business: it is only
//! brought to the disk again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes that are read and written at once.
const CHUNK: usize = 1024 * 1024;

/// Brings the log that another process has left beside a SQLite file to the disk. That process may
/// have ended before its last commit was synced, or because the sync failed; then the log reads
/// well from the system's memory, which takes it for written and would not write it by itself.
/// SQLite would believe in such commits, and a power cut would take them away, with whatever was
/// built on them. So all of it is written again, as it is, and synced.
///
/// Only for who holds the lock of the file, before it is opened.
///
/// # Errors
/// What the system says.
pub fn keep_log(database: &Path) -> io::Result<()> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let log = match File::options().read(true).write(true).open(PathBuf::from(name)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let (mut chunk, mut at) = (vec![0; CHUNK], 0);
    loop {
        let length = log.read_at(&mut chunk, at)?;
        if length == 0 {
            break;
        }
        log.write_all_at(&chunk[..length], at)?;
        at += length as u64;
    }
    log.sync_all()?;
    let dir = database.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let (database, log) = (dir.path().join("a.db"), dir.path().join("a.db-wal"));
        keep_log(&database).expect("there is nothing to do");
        let content: Vec<u8> = (0..CHUNK + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        std::fs::write(&log, &content).expect("a file");
        keep_log(&database).expect("kept");
        assert!(std::fs::read(&log).expect("a file") == content);
    }
}
