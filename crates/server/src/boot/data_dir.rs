//! The data directory of an embedded server, and the lock by which one process at a time uses its
//! SQLite file.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why the data directory or its lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// Probably a typing error, so the directory is not created.
    #[error("cannot make the directory {}: {} does not exist", .0.display(), .1.display())]
    NoParent(PathBuf, PathBuf),
    #[error("cannot use {} as data directory: it is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("cannot make the directory {}", .0.display())]
    Create(PathBuf, #[source] io::Error),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("cannot sync the write-ahead log of {}", .0.display())]
    SyncWal(PathBuf, #[source] io::Error),
    /// Another process holds the lock; with its id, if it could be read.
    #[error("{} is in use by another openbell process{}", .0.display(), in_parentheses(.1))]
    InUse(PathBuf, Option<u32>),
    /// Each name would have a lock and a write-ahead log of its own.
    #[error(
        "{} has {} names (hard links), and SQLite keeps one write-ahead log for each name; \
         remove the others",
        .0.display(), .1
    )]
    HardLinks(PathBuf, u64),
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
}

fn in_parentheses(process: &Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}

/// Creates the directory, for its owner only, unless it exists. Its parent must exist.
pub(crate) fn create(dir: &Path) -> Result<(), DataDirError> {
    if dir.is_dir() {
        return Ok(());
    }
    if dir.symlink_metadata().is_ok() {
        return Err(DataDirError::NotADirectory(dir.to_owned()));
    }
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(DataDirError::NoParent(dir.to_owned(), parent.to_owned()));
    }
    let created = DirBuilder::new().mode(0o700).create(dir);
    // A name survives a power cut once its directory is synced. SQLite syncs the directory of its
    // files, but not the parent.
    let synced = created.and_then(|()| File::open(parent)?.sync_all());
    synced.map_err(|error| DataDirError::Create(dir.to_owned(), error))
}

/// The right to be the only process on an SQLite file, while this value lives. The system releases
/// the lock however the process ends; the lock file stays.
#[derive(Debug)]
pub(crate) struct DatabaseLock {
    _file: File,
}

impl DatabaseLock {
    /// Takes the lock beside the SQLite file `database`. Symbolic links are followed, as SQLite
    /// does, and a file with hard links is rejected, so that each file has exactly one lock.
    pub(crate) fn take(database: &Path) -> Result<Self, DataDirError> {
        let database = &canonical(database)?;
        let path = lock_file(database);
        let cannot_write = |error| DataDirError::Write(path.clone(), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(cannot_write)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message.
                let _ = file.read_to_string(&mut text);
                return Err(DataDirError::InUse(database.to_owned(), text.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(cannot_write(error)),
        }
        file.set_len(0).map_err(cannot_write)?;
        writeln!(file, "{}", std::process::id()).map_err(cannot_write)?;
        Ok(Self { _file: file })
    }
}

/// The path of an SQLite file without symbolic links. The file need not exist.
pub(crate) fn canonical(database: &Path) -> Result<PathBuf, DataDirError> {
    let path = match database.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(database.to_owned()),
        Err(error) => return Err(DataDirError::Write(database.to_owned(), error)),
    };
    let links = path.metadata().map_or(1, |file| file.nlink());
    if links > 1 { Err(DataDirError::HardLinks(path, links)) } else { Ok(path) }
}

fn lock_file(database: &Path) -> PathBuf {
    with_suffix(database, ".lock")
}

/// The path with a suffix after its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_directory_is_created_for_its_owner_only() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = temp.path().join("data");
        create(&dir).expect("created");
        create(&dir).expect("exists");
        let mode = dir.metadata().expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_missing_parent_is_named() {
        let error = create(Path::new("/nowhere-at-all/data")).expect_err("rejected");
        let text = "cannot make the directory /nowhere-at-all/data: \
                    /nowhere-at-all does not exist";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_file_of_the_name_is_rejected() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(matches!(create(file.path()), Err(DataDirError::NotADirectory(_))));
    }

    #[test]
    fn the_second_lock_names_the_process_of_the_first() {
        let temp = tempfile::tempdir().expect("a directory");
        let database = temp.path().join("openbell.db");
        let first = DatabaseLock::take(&database).expect("free");
        let error = DatabaseLock::take(&database).expect_err("taken").to_string();
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
        drop(first);
        DatabaseLock::take(&database).expect("free again");
    }

    #[test]
    fn a_symbolic_link_has_the_lock_of_its_file_and_a_hard_link_is_rejected() {
        let temp = tempfile::tempdir().expect("a directory");
        let database = temp.path().join("openbell.db");
        File::create(&database).expect("created");
        let symbolic = temp.path().join("symbolic.db");
        std::os::unix::fs::symlink(&database, &symbolic).expect("linked");
        let first = DatabaseLock::take(&database).expect("free");
        let error = DatabaseLock::take(&symbolic).expect_err("the same file");
        assert!(matches!(error, DataDirError::InUse(..)), "{error}");
        drop(first);
        std::fs::hard_link(&database, temp.path().join("hard.db")).expect("linked");
        for name in ["openbell.db", "hard.db", "symbolic.db"] {
            let error = DatabaseLock::take(&temp.path().join(name)).expect_err("two names");
            assert!(matches!(error, DataDirError::HardLinks(_, 2)), "{name}: {error}");
        }
    }
}
