//! `openbell rules diff`: compares a file with the newest version.

use std::process::ExitCode;

use clap::Args;
use domain::{Rules, RulesDifference};

use crate::boot::config::{DatabaseArgs, load_rules};
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct DiffRulesArgs {
    /// A file like config/game.toml.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: DiffRulesArgs) -> Result<ExitCode, CommandError> {
    let rules = load_rules(&args.file)?;
    let (_, store, game_rules) = super::open(args.database).await?;
    store.close().await;
    let newest = game_rules.newest();
    let found = newest.differences(&rules);
    if found.is_empty() {
        term::print(&format!("{} has the rules of version {}\n", args.file, newest.version));
    } else {
        term::print(&lines(&found, &newest, &rules));
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each difference; it states if a game cannot change the key.
pub(super) fn lines(found: &[RulesDifference], old: &Rules, new: &Rules) -> String {
    let fixed = old.fixed_differences(new);
    let line = |difference: &RulesDifference| {
        let is_fixed = fixed.contains(&difference.field.as_str());
        let remark = if is_fixed { " (cannot change in a game that has begun)" } else { "" };
        format!("{difference}{remark}\n")
    };
    found.iter().map(line).collect()
}
