//! `openbell user erase` and `erase-again`: erases users, and repeats recorded erasures after a
//! restore. A server may be running: it looks up every token and every name anew.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use archive::ErasuresFile;
use clap::Args;
use domain::Clock as _;
use web::SecurityEvent;

use super::{find_user_id, report_unknown};
use crate::boot::archives::find_erasures_file;
use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::commands::{erased_again, log_action};
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct EraseUserArgs {
    /// The address that the user registered with.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Erase the user; without it, the command only checks the address and exits with 1.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct EraseAgainArgs {
    /// The file of erasures.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: EraseUserArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let email = domain::text::email_key(&args.email);
    let user_id = find_user_id(&store, &config, &email).await?;
    let is_found = match user_id {
        Some(user_id) if args.yes => store.erase_user(user_id, SystemClock.now()).await,
        user_id => Ok(user_id.is_some()),
    };
    let is_found = is_found.map_err(database_error(&config.database))?;
    if let Some(file) = find_erasures_file(&config).filter(|_| args.yes) {
        file.append_missing(&store, i64::MIN).await?;
    }
    store.close().await;
    if !is_found {
        return Ok(report_unknown(&email));
    }
    if args.yes {
        log_action(&config, SecurityEvent::of_command(user_id, "erase"))?;
        term::print(&format!("{email} is erased; the ledger stays, without a name\n"));
        return Ok(ExitCode::SUCCESS);
    }
    // A script must not take the check for an erasure.
    term::print_error(&format!("{email} would be erased for good: confirm with --yes"));
    Ok(ExitCode::FAILURE)
}

pub(super) async fn run_again(args: EraseAgainArgs) -> Result<ExitCode, CommandError> {
    // A missing file counts as empty where erasures are added, and is a mistake here.
    File::open(&args.file).map_err(|error| CommandError::ReadFile(args.file.clone(), error))?;
    let (config, store) = configure_and_open(args.database).await?;
    let erased = ErasuresFile::new(args.file).erase_again(&store).await?;
    store.close().await;
    log_action(&config, SecurityEvent::of_command(None, "erase_again"))?;
    term::print(&erased_again(erased));
    Ok(ExitCode::SUCCESS)
}
