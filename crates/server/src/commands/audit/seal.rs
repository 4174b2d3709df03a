//! `openbell audit seal`: seals the heads of all chains now.

use std::process::ExitCode;

use clap::Args;
use web::SecurityEvent;

use crate::boot::archives::find_seals_file;
use crate::boot::config::DatabaseArgs;
use crate::boot::database::configure_and_open;
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Print the seal as JSON, as it is in the file.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: SealArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let file = find_seals_file(&config);
    let seal = match archive::seal(&store, file.as_ref(), &SystemClock).await? {
        Some(seal) => {
            log_action(&config, SecurityEvent::of_command(None, "audit_seal"))?;
            Some(seal)
        }
        // Another process was faster.
        None => archive::newest_seal(&store).await?,
    };
    store.close().await;
    match seal {
        seal if args.json => term::print_json(&seal),
        Some(seal) => term::print(&format!("{seal}\nhash {}\n", seal.hash())),
        None => term::print("nothing is sealed\n"),
    }
    Ok(ExitCode::SUCCESS)
}
