//! `openbell rules show`: prints a version as a file of rules or as its canonical JSON.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use store::StoredRules;

use crate::boot::config::DatabaseArgs;
use crate::boot::database::database_error;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct ShowRulesArgs {
    /// The version; the one in force without it.
    #[arg(long, value_name = "N")]
    version: Option<i64>,
    #[arg(long, value_enum, default_value_t = RulesFormat::Toml)]
    format: RulesFormat,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RulesFormat {
    /// A file that `rules apply` reads.
    Toml,
    /// The stored text, whose SHA-256 the database has.
    Json,
}

pub(super) async fn run(args: ShowRulesArgs) -> Result<ExitCode, CommandError> {
    let (config, store, rules) = super::open(args.database).await?;
    let stored = store.rules_after(rules.game_id(), 0).await;
    let stored = stored.map_err(database_error(&config.database))?;
    store.close().await;
    let wanted = args.version.unwrap_or_else(|| rules.current().version);
    let found = stored.into_iter().find(|row| row.version == wanted).zip(rules.find(wanted));
    let (row, version) = found.ok_or(CommandError::NoRulesVersion(wanted))?;
    let text = match args.format {
        RulesFormat::Json => row.text + "\n",
        RulesFormat::Toml => {
            head(&row) + &toml::to_string_pretty(&version.rules).unwrap_or_default()
        }
    };
    term::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// Comments above the rules.
fn head(row: &StoredRules) -> String {
    let StoredRules { version, author, reason, effective_from, sha256, .. } = row;
    let reason = reason.replace('\n', " ");
    format!(
        "# Version {version}, from {effective_from}, by {author}: {reason}\n# SHA-256 {sha256}\n\n"
    )
}
