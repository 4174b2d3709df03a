//! `openbell user password`: prints a one-time link by which a user sets a new password, or sets
//! one from the terminal.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use clap::Args;
use domain::Clock as _;
use store::Store;
use web::SecurityEvent;

use super::{find_user_id, report_unknown};
use crate::boot::addresses;
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::{SystemClock, SystemEntropy, check_entropy};
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct SetPasswordArgs {
    /// The address that the user registered with.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Read a password from the terminal, or from the first line of another standard input, instead
    /// of printing a link.
    #[arg(long, conflicts_with = "url")]
    set: bool,
    /// The URL of the server for players, like https://play.example; by default that of
    /// http.listen.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The exit code is 1 if the user does not exist or the password is rejected.
pub(super) async fn run(args: SetPasswordArgs) -> Result<ExitCode, CommandError> {
    check_entropy().map_err(|error| CommandError::Process("no randomness", error.into()))?;
    let (config, store) = configure_and_open(args.database).await?;
    let Some(user_id) = find_user_id(&store, &config, &args.email).await? else {
        return Ok(report_unknown(&args.email));
    };
    let code = if args.set {
        set_password(&store, &config, user_id, &args.email).await?
    } else {
        print_link(&store, &config, user_id, &args.email, args.url).await?
    };
    store.close().await;
    Ok(code)
}

async fn print_link(
    store: &Store,
    config: &Config,
    user_id: i64,
    email: &str,
    url: Option<String>,
) -> Result<ExitCode, CommandError> {
    let made = web::make_link(store, user_id, &SystemClock, &SystemEntropy).await;
    let Some(secret) = made.map_err(database_error(&config.database))? else {
        return Ok(report_unknown(email));
    };
    log_action(config, SecurityEvent::of_command(Some(user_id), "one_time_link"))?;
    let base = url.unwrap_or_else(|| addresses::base_url(&config.http.listen));
    let (base, hours) = (base.trim_end_matches('/'), web::LINK_LIFE_HOURS);
    term::print(&format!(
        "{base}{}{secret}\nIt sets a new password for {} once, within {hours} hours. All \
         sessions, tokens and recovery codes end with that.\n",
        web::LINK_PATH,
        domain::text::email_key(email),
    ));
    Ok(ExitCode::SUCCESS)
}

async fn set_password(
    store: &Store,
    config: &Config,
    user_id: i64,
    email: &str,
) -> Result<ExitCode, CommandError> {
    let password = read_password().map_err(|error| CommandError::Process("no password", error))?;
    if let Some(reason) = web::refuse_password(&password, &config.auth) {
        term::print_error(&reason);
        return Ok(ExitCode::FAILURE);
    }
    let hash = web::Hasher::new(&config.auth, None).hash(&password, &SystemEntropy).await;
    let hash =
        hash.map_err(|error| CommandError::Process("no password", io::Error::other(error)))?;
    let is_set = store.set_password(user_id, &hash, SystemClock.now()).await;
    if !is_set.map_err(database_error(&config.database))? {
        return Ok(report_unknown(email));
    }
    log_action(config, SecurityEvent::of_command(Some(user_id), "password"))?;
    let email = domain::text::email_key(email);
    term::print(&format!(
        "{email} has the new password; all sessions, tokens and recovery codes have ended\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Reads twice and without echo from a terminal.
fn read_password() -> io::Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first = rpassword::prompt_password("New password: ")?;
    let second = rpassword::prompt_password("The same again: ")?;
    if first == second { Ok(first) } else { Err(io::Error::other("the two are not the same")) }
}
