//! `openbell rules`: the rules of the game, as versions in the database. The servers may be
//! running: they read a new version before it comes into force.

mod apply;
mod check;
mod diff;
mod list;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use store::{Game, MAIN, Store};
use trading::GameRules;

use self::apply::ApplyRulesArgs;
use self::check::CheckRulesArgs;
use self::diff::DiffRulesArgs;
use self::list::ListRulesArgs;
use self::show::ShowRulesArgs;
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::error::CommandError;

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check a file of rules; an error names the file, the line, the key and what was expected.
    Check(CheckRulesArgs),
    /// Print the rules in force, or those of a version.
    Show(ShowRulesArgs),
    /// List the versions of the rules, newest first.
    List(ListRulesArgs),
    /// Print the keys of a file that differ from the newest version, with both values.
    Diff(DiffRulesArgs),
    /// Make a file the newest version. Every server plays by it two seconds later, or from --at on.
    Apply(ApplyRulesArgs),
}

impl RulesCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Check(args) => check::run(&args),
            Self::Show(args) => show::run(args).await,
            Self::List(args) => list::run(args).await,
            Self::Diff(args) => diff::run(args).await,
            Self::Apply(args) => apply::run(args).await,
        }
    }
}

/// The rules of the game in the database.
async fn open(args: DatabaseArgs) -> Result<(Config, Store, Arc<GameRules>), CommandError> {
    let (config, store, _, rules) = open_game(args).await?;
    Ok((config, store, rules))
}

/// The game in the database and its rules.
async fn open_game(
    args: DatabaseArgs,
) -> Result<(Config, Store, Game, Arc<GameRules>), CommandError> {
    let (config, store) = configure_and_open(args).await?;
    let failed = database_error(&config.database);
    if store.schema_version().await.map_err(&failed)? < store.newest_schema() {
        return Err(CommandError::OlderSchema);
    }
    let game = store.find_game(MAIN).await.map_err(&failed)?.ok_or(CommandError::NoGame)?;
    let rules = GameRules::load(&store, &game, Arc::new(SystemClock)).await.map_err(failed)?;
    let rules = rules.ok_or(CommandError::NoGame)?;
    Ok((config, store, game, rules))
}
