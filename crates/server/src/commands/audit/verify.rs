//! `openbell audit verify`: the whole ledger, with or without what the archive has of it.

use std::process::ExitCode;

use archive::{ArchiveError, Report, VerifyError};

use super::{bar_of, find_depot, find_file, open, open_depot};
use crate::cli::VerifyArgs;
use crate::commands::{as_json, progress_bar};
use crate::error::Failure;
use crate::term;

/// Checks the whole ledger; 1 when something in it does not hold. A server may go on writing
/// meanwhile, so no lock is taken; but no database is made either.
pub(super) async fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let (config, store) = open(args.database.into()).await?;
    if let Some(again) = args.seals {
        let file = find_file(&config);
        let report = archive::verify_seals(&store, file.as_ref(), again).await?;
        store.close().await;
        term::say(&if args.json { as_json(&report) } else { format!("{report}\n") });
        return Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let bar = progress_bar("verifying {wide_bar} {pos}/{len} players", 0);
    let told = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let report = if let Some(player_id) = args.player {
        match archive::verify_player(&store, player_id).await {
            Ok(None) => {
                store.close().await;
                term::complain(&format!("there is no player {player_id}"));
                return Ok(ExitCode::FAILURE);
            }
            Ok(Some(report)) => Ok(report),
            Err(error) => Err(error),
        }
    } else if let Some(month) = args.month {
        let archive_store = find_depot(&config)?;
        let bar = bar_of("verifying", month);
        archive::verify_month(&store, archive_store.as_ref(), month, |more| bar.inc(more)).await
    } else if args.archives {
        let archive_store = open_depot(&config)?;
        archive::verify_archived(&store, &archive_store, told).await
    } else {
        archive::verify(&store, told).await
    };
    bar.finish_and_clear();
    store.close().await;
    let report = match report {
        Ok(report) => report,
        Err(VerifyError::Archive(error)) if names_a_file(&error) => {
            term::complain(&error.chain());
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    term::say(&if args.json { as_json(&report) } else { as_text(&report) });
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names_a_file(error: &ArchiveError) -> bool {
    matches!(error, ArchiveError::Damaged { .. } | ArchiveError::Missing(_))
}

fn as_text(report: &Report) -> String {
    format!("{report}\n")
}
