//! The binary `openbell`: parses the command line and runs the command. It contains no rule of the
//! game, no SQL and no route.

mod boot;
mod clock;
mod commands;
mod error;
mod jobs;
mod term;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::{Cli, Command};
use crate::error::CommandError;

/// The system's allocator retains most of the memory that password hashes and bursts of requests
/// once used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse().into_command()).unwrap_or_else(|error| {
        term::print_error(&term::error_chain(&error));
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> Result<ExitCode, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Process("no threads", error))?;
    runtime.block_on(command.run())
}
