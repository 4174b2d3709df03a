//! `openbell check-config`: prints the configuration in effect.

use std::process::ExitCode;

use crate::boot::config::{self, Flags, ServeArgs};
use crate::error::CommandError;
use crate::term;

pub(super) fn run(args: ServeArgs) -> Result<ExitCode, CommandError> {
    let settings = config::load(&Flags::from(args))?;
    let rules = config::load_rules(&settings.config.game.rules)?;
    for warning in config::rule_warnings(&rules) {
        term::print_error(&format!("warning: {warning}"));
    }
    term::print(&settings.tree.to_toml());
    Ok(ExitCode::SUCCESS)
}
