//! The binary `openbell`: parses the command line and runs the command. It contains no rule of the
//! game, no SQL and no route.

mod boot;
mod clock;
mod commands;
mod error;
mod jobs;
mod term;

use std::process::ExitCode;
use std::time::Duration;

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

/// How long threads may still be busy after the command has ended. One that waits for a file of an
/// unreachable disk never returns.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn run(command: Command) -> Result<ExitCode, CommandError> {
    run_to_end(command.run()).map_err(|error| CommandError::Process("no threads", error))?
}

/// Runs a future on threads of its own, and leaves those behind that are still busy.
fn run_to_end<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    runtime.shutdown_timeout(LAST_THREADS);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_for_ever_does_not_keep_the_process() {
        let (started, is_started) = std::sync::mpsc::channel();
        let (_held, never) = std::sync::mpsc::channel::<()>();
        let wait = async move {
            tokio::spawn(async move {
                tokio::task::block_in_place(|| {
                    started.send(()).expect("awaited");
                    never.recv()
                })
            });
            is_started.recv().expect("it starts");
        };
        run_to_end(wait).expect("threads");
    }
}
