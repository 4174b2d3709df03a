//! Reserves disk space for an SQLite file. A checkpoint must extend the database file before it can
//! truncate the WAL, so a disk filled by the WAL stays full; releasing the reserve lets the
//! checkpoint finish. The caller decides when.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// A preallocated file beside a database.
#[derive(Debug)]
pub struct DiskReserve {
    path: PathBuf,
    bytes: u64,
    is_held: bool,
}

impl DiskReserve {
    /// A reserve of this many bytes, not allocated yet. Reuses the file of an earlier process.
    pub fn new(database: &Path, bytes: u64) -> Self {
        let mut name = OsString::from(database);
        name.push(".reserve");
        Self { path: name.into(), bytes, is_held: false }
    }

    /// The size when allocated.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Allocates the space if it is not allocated.
    ///
    /// # Errors
    /// The file system is full or cannot allocate. Nothing is allocated.
    pub fn hold(&mut self) -> io::Result<()> {
        if self.is_held || self.bytes == 0 {
            return Ok(());
        }
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        if let Err(error) = fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            drop(file);
            self.release();
            return Err(error.into());
        }
        self.is_held = true;
        Ok(())
    }

    /// Releases the space.
    pub fn release(&mut self) {
        self.is_held = false;
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the disk reserve");
        }
    }

    /// Free bytes of the file system.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn available(&self) -> io::Result<u64> {
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let found = statvfs(dir.unwrap_or(Path::new(".")))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_takes_its_space_until_it_is_released() {
        let dir = tempfile::tempdir().expect("a directory");
        let database = dir.path().join("a.db");
        let mut reserve = DiskReserve::new(&database, 1 << 20);
        reserve.hold().expect("there is room");
        let file = dir.path().join("a.db.reserve");
        assert_eq!(file.metadata().expect("allocated").len(), 1 << 20);
        assert!(reserve.is_held() && reserve.available().expect("answers") > 0);
        reserve.release();
        assert!(!reserve.is_held() && !file.exists());
        let mut none = DiskReserve::new(&database, 0);
        none.hold().expect("nothing to do");
        assert!(!file.exists());
    }
}
