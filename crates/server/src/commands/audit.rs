//! The commands of `openbell audit`, and the job that cleans the ledger at night. What is done to a
//! month is `archive`'s; here is when, and what is said about it. A server may run meanwhile, so no
//! lock is taken: what must not happen twice is guarded by a lease in the database.

pub(crate) mod seal;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use archive::{ArchiveError, ArchiveStore, Archiver, History};
use domain::{Clock as _, Month};
use indicatif::ProgressBar;
use serde::Serialize;
use store::{ArchiveRow, Store};

use crate::boot::config::{self, Config, Flags};
use crate::boot::serve;
use crate::cli::{AuditCommand, CleanArgs, HoldArgs, RestoreArgs, RunArgs};
use crate::clock::SystemClock;
use crate::commands::{as_json, connect_existing, progress_bar};
use crate::error::Failure;
use crate::term;

pub(crate) use seal::find_file;

/// What the log of a cut says about why it was made.
const BY_HAND: &str = "openbell audit clean";

/// Runs a command.
pub(crate) async fn run(command: AuditCommand) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Verify(args) => verify::run(args).await,
        AuditCommand::Status(args) => status(args).await,
        AuditCommand::Archive(args) => archive_months(args).await,
        AuditCommand::Clean(args) => clean_months(args).await,
        AuditCommand::Restore(args) => restore(args).await,
        AuditCommand::Hold(args) => hold(args).await,
        AuditCommand::Seal(args) => seal::run(args).await,
    }
}

/// A month as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    month: String,
    state: &'static str,
    entries: i64,
    held: bool,
    location: String,
    updated_at: String,
    error: Option<String>,
}

impl From<&ArchiveRow> for Shown {
    fn from(row: &ArchiveRow) -> Self {
        Self {
            month: row.month.to_string(),
            state: row.state.as_str(),
            entries: row.entries,
            held: row.is_held,
            location: row.location.clone(),
            updated_at: row.updated_at.to_string(),
            error: row.error.clone(),
        }
    }
}

/// What was done to a month, or would be.
#[derive(Debug, Serialize)]
struct Done {
    month: String,
    /// Entries written, deleted or brought back; `None` when nothing was done.
    entries: Option<u64>,
    /// Bytes of the files.
    bytes: Option<u64>,
    /// For how long others may have waited for the ledger, in microseconds.
    locked_micros: Option<u128>,
}

async fn status(args: RunArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.database.into()).await?;
    let rows = store.archives().await.map_err(|error| database(&config, error))?;
    store.close().await;
    let shown: Vec<Shown> = rows.iter().map(Shown::from).collect();
    if args.json {
        term::say(&as_json(&shown));
        return Ok(ExitCode::SUCCESS);
    }
    for one in &shown {
        let held = if one.held { ", on hold" } else { "" };
        let error = one.error.as_ref().map(|why| format!(", last failure: {why}"));
        let error = error.unwrap_or_default();
        term::say(&format!("{} {}{held}: {} entries{error}\n", one.month, one.state, one.entries));
    }
    if shown.is_empty() {
        term::say("no month is archived or due\n");
    }
    Ok(ExitCode::SUCCESS)
}

async fn archive_months(args: RunArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.database.into()).await?;
    let archiver = open_archiver(&config, &store)?;
    let mut done = Vec::new();
    for month in archiver.due().await? {
        if args.dry_run {
            done.push(Done {
                month: month.to_string(),
                entries: None,
                bytes: None,
                locked_micros: None,
            });
            continue;
        }
        let bar = bar_of("archiving", month);
        let manifest = archiver.archive(month, |rows| bar.inc(rows)).await?;
        bar.finish_and_clear();
        let (entries, bytes) = (Some(manifest.entries), Some(manifest.bytes()));
        done.push(Done { month: month.to_string(), entries, bytes, locked_micros: None });
    }
    store.close().await;
    tell(&done, args.json, args.dry_run, "archived and verified");
    Ok(ExitCode::SUCCESS)
}

async fn clean_months(args: CleanArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.run.database.into()).await?;
    let archiver = open_archiver(&config, &store)?;
    let days = args.days.unwrap_or(config.audit.retention_days);
    let months = if days == 0 { Vec::new() } else { archiver.expired(days).await? };
    let mut done = Vec::new();
    for month in months {
        let mut one =
            Done { month: month.to_string(), entries: None, bytes: None, locked_micros: None };
        if !args.run.dry_run {
            let cut = archiver.drop_month(month, BY_HAND).await?;
            one.entries = u64::try_from(cut.entries).ok();
            one.locked_micros = cut.locked_micros;
        }
        done.push(one);
    }
    store.close().await;
    tell(&done, args.run.json, args.run.dry_run, "deleted from the ledger");
    Ok(ExitCode::SUCCESS)
}

async fn restore(args: RestoreArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.run.database.into()).await?;
    let archiver = open_archiver(&config, &store)?;
    let mut one =
        Done { month: args.month.to_string(), entries: None, bytes: None, locked_micros: None };
    if !args.run.dry_run {
        let bar = bar_of("restoring", args.month);
        let manifest = archiver.restore(args.month, |rows| bar.inc(rows)).await?;
        bar.finish_and_clear();
        (one.entries, one.bytes) = (Some(manifest.entries), Some(manifest.bytes()));
    }
    store.close().await;
    tell(&[one], args.run.json, args.run.dry_run, "restored, and on hold");
    Ok(ExitCode::SUCCESS)
}

async fn hold(args: HoldArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.database.into()).await?;
    let held = store.hold_archive(args.month, !args.release, SystemClock.now()).await;
    let held = held.map_err(|error| database(&config, error))?;
    store.close().await;
    let month = args.month;
    if !held {
        term::complain(&format!("{month} is being deleted already"));
        return Ok(ExitCode::FAILURE);
    }
    let word = if args.release { "not on hold any more" } else { "on hold" };
    term::say(&format!("{month} is {word}\n"));
    Ok(ExitCode::SUCCESS)
}

/// An archiver for the configured archive, under a name of its own.
pub(crate) fn open_archiver(config: &Config, store: &Store) -> Result<Archiver, Failure> {
    let clock = Arc::new(SystemClock);
    let archive_store = open_depot(config)?;
    Ok(Archiver::new(store.clone(), archive_store, &config.audit, clock, serve::node_name()))
}

/// Histories of the database, which go on in the archive if there is one.
pub(crate) fn open_history(config: &Config, store: &Store) -> Result<History, Failure> {
    Ok(History::new(store.clone(), find_depot(config)?))
}

/// The configured archive, if there is one.
fn find_depot(config: &Config) -> Result<Option<ArchiveStore>, Failure> {
    let has_archive = !config.audit.archive_url.is_empty();
    has_archive.then(|| open_depot(config)).transpose()
}

fn open_depot(config: &Config) -> Result<ArchiveStore, Failure> {
    let url = &config.audit.archive_url;
    if url.is_empty() {
        let text = "it is empty: set a directory or s3://bucket/prefix";
        return Err(ArchiveError::Address(text.to_owned()).into());
    }
    Ok(ArchiveStore::open(url, &config.audit.s3)?)
}

async fn open(flags: Flags) -> Result<(Config, Store), Failure> {
    let config = config::load(&flags)?.config;
    let store = connect_existing(&config).await?;
    Ok((config, store))
}

fn database(config: &Config, error: store::StoreError) -> Failure {
    Failure::Database(config::without_password(&config.database.url), error)
}

fn bar_of(doing: &str, month: Month) -> ProgressBar {
    progress_bar(&format!("{doing} {month}: {{pos}} entries, {{per_sec}}"), 0)
}

fn tell(done: &[Done], json: bool, dry_run: bool, what: &str) {
    if json {
        term::say(&as_json(&done));
        return;
    }
    for Done { month, entries, .. } in done {
        let text = match entries {
            Some(entries) => format!("{month}: {entries} entries {what}\n"),
            None if dry_run => format!("{month}: would be {what}\n"),
            None => format!("{month}: {what}\n"),
        };
        term::say(&text);
    }
    if done.is_empty() {
        term::say("nothing to do\n");
    }
}
