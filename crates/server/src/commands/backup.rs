//! `openbell backup` and `openbell restore`: a whole copy of an SQLite database, made while a
//! server trades, and put back. PostgreSQL has its own tools for that; see docs/backup.md. What is
//! in the copy is verified by the ledger's rules when it is put back.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use archive::{ErasuresFile, Report};
use domain::Clock as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{DatabaseConfig, Store};

use crate::boot::config::{self, Config, Flags, without_password};
use crate::boot::data_dir;
use crate::boot::data_dir::DatabaseLock;
use crate::cli::{BackupArgs, RestoreBackupArgs};
use crate::clock::SystemClock;
use crate::commands::audit;
use crate::commands::connect_existing;
use crate::commands::user::erase as erasures;
use crate::error::Failure;
use crate::term;

/// Files of a backup. The manifest is written last: a directory without it is none.
const DATABASE: &str = "openbell.db";
const SEALS: &str = "seals.jsonl";
const ERASURES: &str = "erasures.jsonl";
const MANIFEST: &str = "backup.json";

/// Why there is no backup, or none that can be put back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// PostgreSQL.
    #[error("backup and restore are for SQLite; docs/backup.md says how PostgreSQL is backed up")]
    NotSqlite,
    /// Something is there.
    #[error("{} is there already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Another process is writing a backup into the directory.
    #[error("another backup is being written to {}", .0.display())]
    Busy(PathBuf),
    /// A file that cannot be read or written.
    #[error("cannot use {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The manifest is missing or is none.
    #[error("{} is no backup: {}", .0.display(), .1)]
    NoBackup(PathBuf, String),
    /// The copy is not what was written.
    #[error("{} is damaged: its SHA-256 is {}, expected {}", .0.display(), .1, .2)]
    Damaged(PathBuf, String, String),
}

/// What a backup is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// When it was begun: everything acknowledged before is in it.
    made_at: String,
    /// The version of the program that made it.
    program: String,
    /// The size of the database in bytes.
    bytes: u64,
    /// SHA-256 of the database, in hexadecimal.
    sha256: String,
}

/// Copies the database into a directory. A server may go on trading.
pub(crate) async fn backup(args: BackupArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let source = sqlite_file(&config)?;
    let dir = args.directory;
    data_dir::make(&dir)?;
    let _lock = lock(&dir)?;
    if dir.join(DATABASE).exists() || dir.join(MANIFEST).exists() {
        return Err(BackupError::Exists(dir.join(DATABASE)).into());
    }
    let made_at = SystemClock.now().to_string();
    let store = connect_existing(&config).await?;
    let target = dir.join(DATABASE);
    let partial = dir.join("openbell.db.partial");
    remove(&partial)?;
    let copied = store.copy_into(&partial).await;
    store.close().await;
    copied.map_err(|error| Failure::Database(without_password(&config.database.url), error))?;
    let (bytes, sha256) = digest(&partial)?;
    sync(&partial)?;
    if let Some(seals) = seals_beside(&config).filter(|file| file.is_file()) {
        copy(&seals, &dir.join(SEALS))?;
    }
    if let Some(erasures) = erasures_beside(&config).filter(|file| file.is_file()) {
        copy(&erasures, &dir.join(ERASURES))?;
    }
    fs::rename(&partial, &target).map_err(file_failed(&target))?;
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { made_at, program, bytes, sha256 };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    let name = dir.join(MANIFEST);
    fs::write(&name, text).map_err(file_failed(&name))?;
    sync(&name)?;
    sync(&dir)?;
    let (source, dir) = (source.display(), dir.display());
    term::say(&format!("{source} is backed up in {dir}: {bytes} bytes\n"));
    Ok(ExitCode::SUCCESS)
}

/// Puts a backup in the place of a database that is not there, and verifies it; 1 when it does not
/// hold.
pub(crate) async fn restore(args: RestoreBackupArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let target = sqlite_file(&config)?;
    let (copied, name) = (args.directory.join(DATABASE), args.directory.join(MANIFEST));
    let text = fs::read_to_string(&name);
    let text =
        text.map_err(|error| BackupError::NoBackup(args.directory.clone(), error.to_string()));
    let manifest: Manifest = serde_json::from_str(&text?)
        .map_err(|error| BackupError::NoBackup(args.directory.clone(), error.to_string()))?;
    let (_, found) = digest(&copied)?;
    if found != manifest.sha256 {
        return Err(BackupError::Damaged(copied, found, manifest.sha256).into());
    }
    if target.starts_with(&config.data_dir) {
        data_dir::make(&config.data_dir)?;
    }
    let _lock = DatabaseLock::take(&target)?;
    let log = PathBuf::from(format!("{}-wal", target.display()));
    for there in [&target, &log] {
        if there.exists() {
            return Err(BackupError::Exists(there.clone()).into());
        }
    }
    // Not in its place before the people are out of it who were forgotten.
    let partial = PathBuf::from(format!("{}.partial", target.display()));
    for left in ["", "-wal", "-shm"] {
        remove(&PathBuf::from(format!("{}{left}", partial.display())))?;
    }
    copy(&copied, &partial)?;
    let seals = seals_beside(&config).filter(|file| !file.exists());
    if let Some(seals) = seals.filter(|_| args.directory.join(SEALS).is_file()) {
        copy(&args.directory.join(SEALS), &seals)?;
    }
    let missing = erasures::find_file(&config).filter(|file| !file.path().exists());
    let (erased, report) = make_ready(&config, &partial, &args.directory).await?;
    sync(&partial)?;
    fs::rename(&partial, &target).map_err(file_failed(&target))?;
    sync(target.parent().unwrap_or(Path::new(".")))?;
    let made_at = manifest.made_at;
    let again = erasures::say_again(erased);
    let target = target.display();
    term::say(&format!("{target} is as it was at {made_at}\n{again}{report}\n"));
    if let Some(file) = missing {
        let path = file.path().display();
        term::complain(&format!(
            "warning: there is no {path}. People who were erased after the backup, if any, are in \
             the database again: copy that file from the lost data directory, and run `openbell \
             user erase-again` on it"
        ));
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Brings a copy up to date, forgets people again, and verifies it. All of it is in the one file
/// then.
async fn make_ready(config: &Config, file: &Path, backup: &Path) -> Result<(u64, Report), Failure> {
    let url = format!("sqlite:{}", file.display());
    let database = DatabaseConfig { url, ..config.database.clone() };
    let failed = |error| Failure::Database(without_password(&database.url), error);
    let store = Store::open(&database).await.map_err(failed)?;
    store.migrate().await.map_err(failed)?;
    // Those of the backup, and those since, which only the file beside the database has.
    let mut erased = 0;
    let beside = erasures::find_file(config);
    let copied = ErasuresFile::new(backup.join(ERASURES));
    for file in [Some(copied), beside.clone()].into_iter().flatten() {
        erased += file.erase_again(&store).await?;
    }
    if let Some(file) = beside {
        file.keep(&store, i64::MIN).await?;
    }
    let report = archive::verify(&store, |_, _| ()).await;
    store.close().await;
    let log = PathBuf::from(format!("{}-wal", file.display()));
    if log.exists() {
        let left = io::Error::other("the database did not take in its log");
        return Err(BackupError::File(log, left).into());
    }
    Ok((erased, report?))
}

/// Locks a directory until the value is dropped, so that one process at a time writes a backup into
/// it. Nothing is left in the directory.
fn lock(dir: &Path) -> Result<File, BackupError> {
    let file = File::open(dir).map_err(file_failed(dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::Busy(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(file_failed(dir)(error)),
    }
}

fn sqlite_file(config: &Config) -> Result<PathBuf, BackupError> {
    config.sqlite_file().ok_or(BackupError::NotSqlite)
}

fn seals_beside(config: &Config) -> Option<PathBuf> {
    audit::find_file(config).map(|file| file.path().to_owned())
}

fn erasures_beside(config: &Config) -> Option<PathBuf> {
    erasures::find_file(config).map(|file| file.path().to_owned())
}

fn file_failed(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |error| BackupError::File(path.clone(), error)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_failed(path)(error)),
        _ => Ok(()),
    }
}

/// Copies a file, which is on the disk then.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map_err(file_failed(to))?;
    sync(to)
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(file_failed(path))
}

/// The size of a file and its SHA-256.
fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    let read = || -> io::Result<(u64, String)> {
        let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
        let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok((bytes, domain::Hash(hasher.finalize().into()).to_string()));
            }
            bytes += count as u64;
            hasher.update(&buffer[..count]);
        }
    };
    read().map_err(file_failed(path))
}
