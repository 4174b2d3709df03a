//! `cargo xtask sim` and `cargo xtask economy`: short names for the commands that run a test
//! program with its own arguments.

use std::process::{Command, ExitCode};

use crate::tidy::say;

/// The usage of both.
pub(crate) const USAGE: &str = "       cargo xtask sim [--seed N] [--steps M] [--trace] \
     [--engine sqlite|postgres] [--break lost-update|double|skip-hash]
       cargo xtask economy [--seed N] [--sessions M] \
     [--market replay|simulated|imported|fixed|live]";

/// Runs the test program `name` with these arguments and exits with its success or failure.
pub(crate) fn run(name: &str, arguments: impl Iterator<Item = String>) -> ExitCode {
    // With all members, so that the dependencies have the features of the other builds.
    let test = ["test", "--profile", "ci", "--workspace", "--test", name, "--"];
    match Command::new("cargo").args(test).args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("starting cargo failed: {error}"));
            ExitCode::FAILURE
        }
    }
}
