//! `openbell user`: manages users. A server may be running: it looks up every session and every
//! name anew.

mod erase;
mod list;
mod password;
mod rename;
mod role;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use store::Store;
use web::SecurityEvent;

use self::erase::{EraseAgainArgs, EraseUserArgs};
use self::list::ListUsersArgs;
use self::password::SetPasswordArgs;
use self::rename::RenameUserArgs;
use self::role::SetRoleArgs;
use self::show::ShowUserArgs;
use crate::boot::config::Config;
use crate::boot::database::database_error;
use crate::boot::telemetry;
use crate::error::CommandError;
use crate::term;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user an operator, who sees the state of the server, or a player again; exit code 1 if
    /// no user has the address. The server may be running.
    Role(SetRoleArgs),
    /// List users, newest first.
    List(ListUsersArgs),
    /// Print one user: name, role, sessions, tokens, recovery codes left; exit code 1 if the user
    /// does not exist.
    Show(ShowUserArgs),
    /// Rename a user, by the rules for players. The server may be running.
    Rename(RenameUserArgs),
    /// Print a one-time link by which a user sets a new password, or set one (--set). All sessions
    /// and tokens of the user end with the new password. The server may be running.
    Password(SetPasswordArgs),
    /// Erase a user for good, as deleting the account does: the ledger stays, without a name. The
    /// server may be running; exit code 1 if no user has the address, or without --yes.
    Erase(EraseUserArgs),
    /// Repeat the erasures in a file, after an older backup was restored.
    EraseAgain(EraseAgainArgs),
}

impl UserCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Role(args) => role::run(args).await,
            Self::List(args) => list::run(args).await,
            Self::Show(args) => show::run(args).await,
            Self::Rename(args) => rename::run(args).await,
            Self::Password(args) => password::run(args).await,
            Self::Erase(args) => erase::run(args).await,
            Self::EraseAgain(args) => erase::run_again(args).await,
        }
    }
}

async fn find_user_id(
    store: &Store,
    config: &Config,
    email: &str,
) -> Result<Option<i64>, CommandError> {
    let found = store.find_user_id(&domain::text::email_key(email)).await;
    found.map_err(database_error(&config.database))
}

/// Logs that the operator changed an account. The command's log goes to stderr, like the server's.
fn log_action(config: &Config, event: SecurityEvent) -> Result<(), CommandError> {
    telemetry::install_logs(&config.log, None)?;
    event.log();
    Ok(())
}

fn report_unknown(email: &str) -> ExitCode {
    term::print_error(&format!("no user has the address {}", domain::text::email_key(email)));
    ExitCode::FAILURE
}
