//! `openbell audit verify`: verifies the ledger, its archive or its seals. A server may be writing,
//! so no lock is taken; a missing database is not created.

use std::fmt::Display;
use std::process::ExitCode;

use archive::{ArchiveError, Report, VerifyError};
use clap::Args;
use domain::Month;
use serde::Serialize;
use store::Store;

use super::months::progress_bar;
use super::parse_month;
use crate::boot::archives::{find_archive, find_seals_file, open_archive};
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::configure_and_open;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Include the entries in the archive, and verify all its files.
    #[arg(long)]
    archives: bool,
    /// Verify the seals only: that they form a chain, that the file has the same ones, and that the
    /// ledger still yields the newest COUNT of them.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1",
        conflicts_with_all = ["archives", "month", "player"])]
    seals: Option<u64>,
    /// Verify only the chain of this player and its sums.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["archives", "month"])]
    player: Option<i64>,
    /// Verify only the entries of this month, like 2026-01, and its files, if it is archived.
    #[arg(long, value_name = "MONTH", value_parser = parse_month, conflicts_with = "archives")]
    month: Option<Month>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// The exit code is 1 if the verification fails.
pub(super) async fn run(args: VerifyArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database.clone()).await?;
    if let Some(count) = args.seals {
        let file = find_seals_file(&config);
        let report = archive::verify_seals(&store, file.as_ref(), count).await?;
        store.close().await;
        return Ok(print_report(&report, report.holds(), args.json));
    }
    let report = verify(&args, &config, &store).await;
    store.close().await;
    match report {
        Ok(Some(report)) => Ok(print_report(&report, report.holds(), args.json)),
        Ok(None) => {
            let player_id = args.player.unwrap_or_default();
            term::print_error(&format!("there is no player {player_id}"));
            Ok(ExitCode::FAILURE)
        }
        Err(CommandError::Verify(VerifyError::Archive(error))) if is_about_a_file(&error) => {
            term::print_error(&error.chain());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}

/// `None` if the player does not exist.
async fn verify(
    args: &VerifyArgs,
    config: &Config,
    store: &Store,
) -> Result<Option<Report>, CommandError> {
    if let Some(player_id) = args.player {
        return Ok(archive::verify_player(store, player_id).await?);
    }
    if let Some(month) = args.month {
        let archive = find_archive(config)?;
        let bar = progress_bar("verifying", month);
        let report =
            archive::verify_month(store, archive.as_ref(), month, |more| bar.inc(more)).await;
        bar.finish_and_clear();
        return Ok(Some(report?));
    }
    let bar = term::progress_bar("verifying {wide_bar} {pos}/{len} players", 0);
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let report = if args.archives {
        archive::verify_archived(store, &open_archive(config)?, progress).await
    } else {
        archive::verify(store, progress).await
    };
    bar.finish_and_clear();
    Ok(Some(report?))
}

fn is_about_a_file(error: &ArchiveError) -> bool {
    matches!(error, ArchiveError::Damaged { .. } | ArchiveError::Missing(_))
}

fn print_report(report: &(impl Display + Serialize), holds: bool, json: bool) -> ExitCode {
    if json {
        term::print_json(report);
    } else {
        term::print(&format!("{report}\n"));
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
