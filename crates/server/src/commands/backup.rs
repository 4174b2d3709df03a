//! `openbell backup`: copies an SQLite database into a directory while a server may be trading.
//! PostgreSQL has its own tools; see docs/backup.md.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use domain::Clock as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::boot::archives::{find_erasures_file, find_seals_file};
use crate::boot::config::{self, Config, DatabaseArgs, Flags};
use crate::boot::data_dir;
use crate::boot::database::{database_error, open_existing};
use crate::clock::SystemClock;
use crate::error::{BackupError, CommandError};
use crate::term;

/// The files of a backup. The manifest is written last: a directory without it is no backup.
pub(super) const DATABASE: &str = "openbell.db";
pub(super) const SEALS: &str = "seals.jsonl";
pub(super) const ERASURES: &str = "erasures.jsonl";
pub(super) const MANIFEST: &str = "backup.json";

#[derive(Clone, Debug, Args)]
pub(crate) struct BackupArgs {
    /// The directory, which is created if it does not exist and must not contain a backup.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The content of [`MANIFEST`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupManifest {
    /// When the copy began: it contains everything acknowledged before.
    pub(super) made_at: String,
    /// The version of the program that made it.
    program: String,
    /// The size of the database in bytes.
    bytes: u64,
    /// SHA-256 of the database, in hexadecimal.
    pub(super) sha256: String,
}

pub(super) async fn run(args: BackupArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database))?.config;
    let source = sqlite_file(&config)?;
    let dir = args.directory;
    data_dir::create(&dir)?;
    let _lock = lock(&dir)?;
    if dir.join(DATABASE).exists() || dir.join(MANIFEST).exists() {
        return Err(BackupError::Exists(dir.join(DATABASE)).into());
    }
    let made_at = SystemClock.now().to_string();
    let store = open_existing(&config).await?;
    let target = dir.join(DATABASE);
    let partial = dir.join("openbell.db.partial");
    remove(&partial)?;
    let copied = store.copy_into(&partial).await;
    store.close().await;
    copied.map_err(database_error(&config.database))?;
    let (bytes, sha256) = digest(&partial)?;
    sync(&partial)?;
    if let Some(seals) = find_seals_file(&config).filter(|file| file.path().is_file()) {
        copy(seals.path(), &dir.join(SEALS))?;
    }
    if let Some(erasures) = find_erasures_file(&config).filter(|file| file.path().is_file()) {
        copy(erasures.path(), &dir.join(ERASURES))?;
    }
    fs::rename(&partial, &target).map_err(file_error(&target))?;
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = BackupManifest { made_at, program, bytes, sha256 };
    let name = dir.join(MANIFEST);
    let written = create_private(&name)
        .and_then(|mut file| file.write_all(term::to_json(&manifest).as_bytes()));
    written.map_err(file_error(&name))?;
    sync(&name)?;
    sync(&dir)?;
    let (source, dir) = (source.display(), dir.display());
    term::print(&format!("{source} is backed up in {dir}: {bytes} bytes\n"));
    Ok(ExitCode::SUCCESS)
}

/// Locks a directory until the value is dropped, so that one process at a time writes a backup into
/// it. The lock leaves no file.
fn lock(dir: &Path) -> Result<File, BackupError> {
    let file = File::open(dir).map_err(file_error(dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::Busy(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(file_error(dir)(error)),
    }
}

pub(super) fn sqlite_file(config: &Config) -> Result<PathBuf, BackupError> {
    config.sqlite_file().ok_or(BackupError::NotSqlite)
}

pub(super) fn file_error(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |error| BackupError::File(path.clone(), error)
}

/// Removes a file, if it exists.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        _ => Ok(()),
    }
}

/// Copies a file, and syncs the copy, which only its owner may read.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(file_error(from))?;
    let copied = create_private(to).and_then(|mut file| io::copy(&mut source, &mut file));
    copied.map_err(file_error(to))?;
    sync(to)
}

/// Creates an empty file that only its owner may read, in place of one that exists.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

pub(super) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(file_error(path))
}

/// The size of a file in bytes, and its SHA-256.
pub(super) fn digest(path: &Path) -> Result<(u64, String), BackupError> {
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
    read().map_err(file_error(path))
}
