//! `openbell rules check`: checks a file without a database.

use std::process::ExitCode;

use clap::Args;

use crate::boot::config::{load_rules, rule_warnings};
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckRulesArgs {
    /// A file like config/game.toml.
    #[arg(value_name = "FILE")]
    file: String,
}

pub(super) fn run(args: &CheckRulesArgs) -> Result<ExitCode, CommandError> {
    let rules = load_rules(&args.file)?;
    for warning in rule_warnings(&rules) {
        term::print_error(&format!("warning: {warning}"));
    }
    term::print(&format!("{} is valid, SHA-256 {}\n", args.file, rules.digest()));
    Ok(ExitCode::SUCCESS)
}
