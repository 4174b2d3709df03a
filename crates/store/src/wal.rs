//! Makes the write-ahead log of SQLite durable before SQLite opens it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

const CHUNK: usize = 1024 * 1024;

/// Rewrites and fsyncs the WAL that a former process left. That process may have exited before its
/// last fsync or because it failed. Then the page cache holds commits that are not on the disk and
/// that the kernel considers clean; SQLite would read them, and a power cut would lose them with
/// everything built on them.
///
/// The caller must hold the lock of the file, before SQLite opens it.
///
/// # Errors
/// An I/O error.
pub fn sync_wal(database: &Path) -> io::Result<()> {
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
    fn the_content_of_the_wal_is_unchanged() {
        let dir = tempfile::tempdir().expect("a directory");
        let (database, log) = (dir.path().join("a.db"), dir.path().join("a.db-wal"));
        sync_wal(&database).expect("nothing to do");
        let content: Vec<u8> = (0..CHUNK + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        std::fs::write(&log, &content).expect("a file");
        sync_wal(&database).expect("synced");
        assert!(std::fs::read(&log).expect("a file") == content);
    }
}
