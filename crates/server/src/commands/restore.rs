//! `openbell restore`: restores a backup of an SQLite database, repeats the erasures since, and
//! verifies the ledger.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use archive::{ErasuresFile, Report};
use clap::Args;
use store::DatabaseConfig;

use super::backup::{
    BackupManifest, DATABASE, ERASURES, MANIFEST, SEALS, copy, digest, file_error, remove,
    sqlite_file, sync,
};
use crate::boot::archives::{find_erasures_file, find_seals_file};
use crate::boot::config::{self, Config, DatabaseArgs, Flags};
use crate::boot::data_dir::{self, DatabaseLock, with_suffix};
use crate::boot::database::open_and_migrate;
use crate::error::{BackupError, CommandError};
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreBackupArgs {
    /// The directory of the backup.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The exit code is 1 if the verification fails.
pub(super) async fn run(args: RestoreBackupArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database))?.config;
    let (backup, target) = (args.directory, sqlite_file(&config)?);
    let manifest = read_manifest(&backup)?;
    let copied = backup.join(DATABASE);
    let (_, found) = digest(&copied)?;
    if found != manifest.sha256 {
        return Err(BackupError::Damaged(copied, found, manifest.sha256).into());
    }
    if target.starts_with(&config.data_dir) {
        data_dir::create(&config.data_dir)?;
    }
    let _lock = DatabaseLock::take(&target)?;
    for existing in [&target, &with_suffix(&target, "-wal")] {
        if existing.exists() {
            return Err(BackupError::Exists(existing.clone()).into());
        }
    }
    // The database gets its name only after the erasures were repeated.
    let partial = with_suffix(&target, ".partial");
    for suffix in ["", "-wal", "-shm"] {
        remove(&with_suffix(&partial, suffix))?;
    }
    copy(&copied, &partial)?;
    let seals = find_seals_file(&config).filter(|file| !file.path().exists());
    if let Some(seals) = seals.filter(|_| backup.join(SEALS).is_file()) {
        copy(&backup.join(SEALS), seals.path())?;
    }
    let missing = find_erasures_file(&config).filter(|file| !file.path().exists());
    let (erased, report) = bring_up_to_date(&config, &partial, &backup).await?;
    sync(&partial)?;
    fs::rename(&partial, &target).map_err(file_error(&target))?;
    sync(target.parent().unwrap_or(Path::new(".")))?;
    let (target, made_at) = (target.display(), manifest.made_at);
    let erased = super::erased_again(erased);
    term::print(&format!("{target} is as it was at {made_at}\n{erased}{report}\n"));
    if let Some(file) = missing {
        let path = file.path().display();
        term::print_error(&format!(
            "warning: there is no {path}. People who were erased after the backup, if any, are in \
             the database again: copy that file from the lost data directory, and run `openbell \
             user erase-again` on it"
        ));
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_manifest(backup: &Path) -> Result<BackupManifest, BackupError> {
    let malformed =
        |error: &dyn std::error::Error| BackupError::NoBackup(backup.to_owned(), error.to_string());
    let text = fs::read_to_string(backup.join(MANIFEST)).map_err(|error| malformed(&error))?;
    serde_json::from_str(&text).map_err(|error| malformed(&error))
}

/// Migrates a copy, repeats the erasures of the backup and those since, which only the file beside
/// the database has, and verifies the ledger. Afterwards the copy has no write-ahead log.
async fn bring_up_to_date(
    config: &Config,
    file: &Path,
    backup: &Path,
) -> Result<(u64, Report), CommandError> {
    let url = format!("sqlite:{}", file.display());
    let database = DatabaseConfig { url, ..config.database.clone() };
    let store = open_and_migrate(&database).await?;
    let mut erased = 0;
    let beside = find_erasures_file(config);
    let in_backup = ErasuresFile::new(backup.join(ERASURES));
    for file in [Some(in_backup), beside.clone()].into_iter().flatten() {
        erased += file.erase_again(&store).await?;
    }
    if let Some(file) = beside {
        file.append_missing(&store, i64::MIN).await?;
    }
    let report = archive::verify(&store, |_, _| ()).await;
    store.close().await;
    let wal = with_suffix(file, "-wal");
    if wal.exists() {
        let error = io::Error::other("the write-ahead log was not checkpointed");
        return Err(BackupError::File(wal, error).into());
    }
    Ok((erased, report?))
}
