//! `cargo xtask economy`: runs the test of the economy, which is one of the crate `web`. It is only
//! a short name for a long command; what is played is decided there.

use std::process::{Command, ExitCode};

use crate::tidy::say;

/// How it is called.
pub(crate) const USAGE: &str = "       cargo xtask economy [--seed N] [--sessions M] \
     [--market replay|simulated|imported|fixed|live]";

/// Runs the test with these arguments and ends as it does.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let test = ["test", "--profile", "ci", "-p", "web", "--test", "economy", "--"];
    let status = Command::new("cargo").args(test).args(arguments).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("starting cargo failed: {error}"));
            ExitCode::FAILURE
        }
    }
}
