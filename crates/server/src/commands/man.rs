//! `openbell man`: writes the manual pages of all commands.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use super::Cli;
use crate::error::CommandError;

#[derive(Clone, Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory, such as /usr/local/share/man/man1; created if it does not exist.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn run(args: &ManArgs) -> Result<ExitCode, CommandError> {
    let dir = &args.directory;
    let made = std::fs::create_dir_all(dir);
    let written = made.and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    written.map_err(|error| CommandError::ManPages(dir.clone(), error))?;
    Ok(ExitCode::SUCCESS)
}
