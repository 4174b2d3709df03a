//! `cargo xtask sim`: runs the seeded simulation of the trade path, which is a test of the crate
//! `trading`. It is only a short name for a long command; what is simulated is not its affair.

use std::process::{Command, ExitCode};

use crate::tidy::say;

/// How it is called.
pub(crate) const USAGE: &str = "       cargo xtask sim [--seed N] [--steps M] [--trace] \
     [--engine sqlite|postgres] [--break lost-update|double|skip-hash]";

/// Runs the simulation with these arguments and ends as it does.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let test = ["test", "--profile", "ci", "-p", "trading", "--test", "sim", "--"];
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
