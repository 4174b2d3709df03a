//! `cargo xtask sim` and `cargo xtask economy`: run a test program with its own arguments.

use std::process::{Command, ExitCode};

use crate::tidy::print;

pub(crate) const USAGE: &str = "       cargo xtask sim [--seed N] [--steps M] [--trace] \
     [--engine sqlite|postgres] [--break lost-update|double|skip-hash]
       cargo xtask economy [--seed N] [--sessions M] \
     [--market replay|simulated|imported|fixed|live]";

pub(crate) fn run(name: &str, arguments: impl Iterator<Item = String>) -> ExitCode {
    // With all members, so that dependencies have the same features as in other builds and are not
    // compiled again.
    let test = ["test", "--profile", "ci", "--workspace", "--test", name, "--"];
    let mut cargo = Command::new("cargo");
    cargo.args(test).args(arguments);
    // As in `./test`, whose artifacts are used.
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    cargo.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    match cargo.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            print(&format!("starting cargo failed: {error}"));
            ExitCode::FAILURE
        }
    }
}
