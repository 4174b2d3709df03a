//! The command line. Each subcommand has a file with its arguments and its `run`.

mod audit;
mod backup;
mod check_config;
#[cfg(test)]
mod command_lines;
mod completions;
mod doctor;
mod game;
mod health;
mod import_laravel;
mod load;
mod man;
mod metrics;
mod migrate;
mod notify;
mod restore;
mod rules;
mod stocks;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use web::SecurityEvent;

use self::audit::AuditCommand;
use self::backup::BackupArgs;
use self::completions::CompletionsArgs;
use self::doctor::DoctorArgs;
use self::game::GameCommand;
use self::health::HealthArgs;
use self::import_laravel::ImportLaravelArgs;
use self::load::LoadCommand;
use self::man::ManArgs;
use self::notify::NotifyCommand;
use self::restore::RestoreBackupArgs;
use self::rules::RulesCommand;
use self::stocks::StocksCommand;
use self::user::UserCommand;
use crate::boot::config::{Config, DatabaseArgs, Flags, ServeArgs};
use crate::boot::{serve, telemetry};
use crate::error::CommandError;

/// A paper-trading game server: pretend money, real prices of the past, no risk.
#[derive(Debug, Parser)]
#[command(name = "openbell", version, about, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command, openbell serves.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

impl Cli {
    /// The command to run; `serve` by default.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default command).
    Serve(ServeArgs),
    /// Migrate the database to this version's schema.
    Migrate(DatabaseArgs),
    /// Print the configuration in effect, with passwords hidden.
    CheckConfig(ServeArgs),
    /// Check the configuration and everything that a server depends on: database, Redis, disk,
    /// limits, providers, archive; exit code 1 if an error is found.
    Doctor(DoctorArgs),
    /// Check whether the server is ready (/readyz), for health checks of containers; exit code 1
    /// unless it is.
    Health(HealthArgs),
    /// Verify, archive and seal the ledger.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Manage users.
    #[command(subcommand)]
    User(UserCommand),
    /// Show, pause, resume, step, pace or schedule the clock of the game.
    #[command(subcommand)]
    Game(GameCommand),
    /// Manage stocks, their prices and their history.
    #[command(subcommand)]
    Stocks(StocksCommand),
    /// Show and change the rules of the game.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Copy an SQLite database into a directory. The server may be running.
    Backup(BackupArgs),
    /// Restore a backup where no SQLite database exists, and verify its ledger; exit code 1 if the
    /// verification fails.
    Restore(RestoreBackupArgs),
    /// Import the players of the earlier application from its database, all or none of them; exit
    /// code 1 if nothing can be imported. No server may use the database of the game.
    ImportLaravel(ImportLaravelArgs),
    /// Measure a running server, with its limits (limits.enabled) off.
    #[command(subcommand)]
    Load(LoadCommand),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages of all commands into a directory.
    Man(ManArgs),
    /// Print docs/metrics.md, the inventory of all metrics.
    #[command(hide = true)]
    Metrics,
    /// Notify operators, as a test or of an incident that a script found.
    #[command(subcommand)]
    Notify(NotifyCommand),
}

impl Command {
    pub(crate) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Serve(args) => {
                serve::run(Flags::from(args)).await?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Migrate(args) => migrate::run(args).await,
            Self::CheckConfig(args) => check_config::run(args),
            Self::Doctor(args) => doctor::run(args).await,
            Self::Health(args) => health::run(args).await,
            Self::Audit(command) => command.run().await,
            Self::User(command) => command.run().await,
            Self::Game(command) => command.run().await,
            Self::Stocks(command) => command.run().await,
            Self::Rules(command) => command.run().await,
            Self::Backup(args) => backup::run(args).await,
            Self::Restore(args) => restore::run(args).await,
            Self::ImportLaravel(args) => import_laravel::run(args).await,
            Self::Load(command) => command.run().await,
            Self::Completions(args) => Ok(completions::run(&args)),
            Self::Man(args) => man::run(&args),
            Self::Metrics => Ok(metrics::run()),
            Self::Notify(command) => command.run().await,
        }
    }
}

/// Logs what an operator changed, to the command's stderr, in the form of the server's log.
fn log_action(config: &Config, event: SecurityEvent) -> Result<(), CommandError> {
    if !tracing::dispatcher::has_been_set() {
        telemetry::install_logs(&config.log, None)?;
    }
    event.log();
    Ok(())
}

/// How many erasures were repeated, as a line.
fn erased_again(count: u64) -> String {
    match count {
        1 => "1 person was erased again\n".to_owned(),
        count => format!("{count} people were erased again\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve_with_the_same_flags() {
        for line in [
            &["openbell", "--listen", "[::1]:0"][..],
            &["openbell", "serve", "--listen", "[::1]:0"],
        ] {
            let command = Cli::try_parse_from(line).expect("valid").into_command();
            let Command::Serve(args) = command else { panic!("not serve") };
            assert_eq!(args.listen.as_deref(), Some("[::1]:0"));
        }
    }

    #[test]
    fn flags_before_a_command_are_rejected_instead_of_ignored() {
        assert!(Cli::try_parse_from(["openbell", "--listen", "[::1]:0", "migrate"]).is_err());
    }
}
