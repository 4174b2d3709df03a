//! `openbell audit status`, `archive`, `clean`, `restore` and `hold`: the months of the ledger and
//! their archive.

use std::process::ExitCode;

use clap::{Args, value_parser};
use domain::{Clock as _, Month};
use indicatif::ProgressBar;
use serde::Serialize;
use store::ArchiveRow;
use web::SecurityEvent;

use super::parse_month;
use crate::boot::archives::open_archiver;
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

/// The reason in the log of deleted months.
const REASON: &str = "openbell audit clean";

/// Flags of commands on months of the ledger.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Print what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Flags of `audit clean`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CleanArgs {
    /// Days that a month stays after its end, instead of audit.retention_days.
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=36_525))]
    days: Option<u32>,
    #[command(flatten)]
    run: RunArgs,
}

/// Arguments of `audit restore`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreMonthArgs {
    /// The month, like 2026-01.
    #[arg(value_name = "MONTH", value_parser = parse_month)]
    month: Month,
    #[command(flatten)]
    run: RunArgs,
}

/// Arguments of `audit hold`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HoldArgs {
    /// The month, like 2026-01.
    #[arg(value_name = "MONTH", value_parser = parse_month)]
    month: Month,
    /// Release the hold.
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The output of `audit status` for a month.
#[derive(Debug, Serialize)]
struct MonthStatus {
    month: String,
    state: &'static str,
    entries: i64,
    held: bool,
    location: String,
    updated_at: String,
    error: Option<String>,
}

impl From<&ArchiveRow> for MonthStatus {
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

/// The output of the other commands for a month; only the month in a dry run.
#[derive(Debug, Serialize)]
struct MonthResult {
    month: String,
    /// Entries written, deleted or restored.
    entries: Option<u64>,
    /// Bytes of the files.
    bytes: Option<u64>,
    /// How long other writers may have waited for the ledger.
    locked_micros: Option<u128>,
}

impl MonthResult {
    fn of(month: Month) -> Self {
        Self { month: month.to_string(), entries: None, bytes: None, locked_micros: None }
    }
}

pub(super) async fn status(args: RunArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let rows = store.archives().await.map_err(database_error(&config.database))?;
    store.close().await;
    let months: Vec<MonthStatus> = rows.iter().map(MonthStatus::from).collect();
    if args.json {
        term::print_json(&months);
        return Ok(ExitCode::SUCCESS);
    }
    for MonthStatus { month, state, entries, held, error, .. } in &months {
        let held = if *held { ", on hold" } else { "" };
        let error = error.as_ref().map(|error| format!(", last failure: {error}"));
        let error = error.unwrap_or_default();
        term::print(&format!("{month} {state}{held}: {entries} entries{error}\n"));
    }
    if months.is_empty() {
        term::print("no month is archived or due\n");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn archive(args: RunArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let archiver = open_archiver(&config, &store)?;
    let mut results = Vec::new();
    for month in archiver.due().await? {
        let mut result = MonthResult::of(month);
        if !args.dry_run {
            let bar = progress_bar("archiving", month);
            let manifest = archiver.archive(month, |rows| bar.inc(rows)).await?;
            bar.finish_and_clear();
            (result.entries, result.bytes) = (Some(manifest.entries), Some(manifest.bytes()));
            log_month(&config, "audit_archive", month)?;
        }
        results.push(result);
    }
    store.close().await;
    print_results(&results, args.json, args.dry_run, "archived and verified");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn clean(args: CleanArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.run.database).await?;
    let archiver = open_archiver(&config, &store)?;
    let days = args.days.unwrap_or(config.audit.retention_days);
    let months = if days == 0 { Vec::new() } else { archiver.expired(days).await? };
    let mut results = Vec::new();
    for month in months {
        let mut result = MonthResult::of(month);
        if !args.run.dry_run {
            let dropped = archiver.drop_month(month, REASON).await?;
            result.entries = u64::try_from(dropped.entries).ok();
            result.locked_micros = dropped.locked_micros;
            log_month(&config, "audit_clean", month)?;
        }
        results.push(result);
    }
    store.close().await;
    print_results(&results, args.run.json, args.run.dry_run, "deleted from the ledger");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(args: RestoreMonthArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.run.database).await?;
    let archiver = open_archiver(&config, &store)?;
    let mut result = MonthResult::of(args.month);
    if !args.run.dry_run {
        let bar = progress_bar("restoring", args.month);
        let manifest = archiver.restore(args.month, |rows| bar.inc(rows)).await?;
        bar.finish_and_clear();
        (result.entries, result.bytes) = (Some(manifest.entries), Some(manifest.bytes()));
        log_month(&config, "audit_restore", args.month)?;
    }
    store.close().await;
    print_results(&[result], args.run.json, args.run.dry_run, "restored, and on hold");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn hold(args: HoldArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let held = store.hold_archive(args.month, !args.release, SystemClock.now()).await;
    let held = held.map_err(database_error(&config.database))?;
    store.close().await;
    let month = args.month;
    if !held {
        term::print_error(&format!("{month} is being deleted already"));
        return Ok(ExitCode::FAILURE);
    }
    log_month(&config, if args.release { "audit_release" } else { "audit_hold" }, month)?;
    let state = if args.release { "not on hold any more" } else { "on hold" };
    term::print(&format!("{month} is {state}\n"));
    Ok(ExitCode::SUCCESS)
}

fn log_month(config: &Config, action: &'static str, month: Month) -> Result<(), CommandError> {
    log_action(config, SecurityEvent::of_command(None, action).with_subject(month))
}

pub(super) fn progress_bar(action: &str, month: Month) -> ProgressBar {
    term::progress_bar(&format!("{action} {month}: {{pos}} entries, {{per_sec}}"), 0)
}

fn print_results(results: &[MonthResult], json: bool, dry_run: bool, action: &str) {
    if json {
        term::print_json(&results);
        return;
    }
    for MonthResult { month, entries, .. } in results {
        let text = match entries {
            Some(entries) => format!("{month}: {entries} entries {action}\n"),
            None if dry_run => format!("{month}: would be {action}\n"),
            None => format!("{month}: {action}\n"),
        };
        term::print(&text);
    }
    if results.is_empty() {
        term::print("nothing to do\n");
    }
}
