//! The commands that do one thing and end: `migrate` and `user role`, and what
//! they share. Those of `audit` and `load` stand in `audit`, `prepare` and `load`.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod load;
pub(crate) mod stocks;
pub(crate) mod user;

use std::fs::File;
use std::process::ExitCode;

use domain::Clock as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use store::{Role, Store};

use crate::boot::config::{Config, without_password};
use crate::boot::data_dir::DataDirError;
use crate::boot::start;
use crate::clock::SystemClock;
use crate::error::Failure;
use crate::term;

/// How long a command at least waits for the database's lock, in milliseconds.
const LOCK_PATIENCE_MS: u64 = 60_000;

/// Brings the database to this version's schema.
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    let _lock = start::take_database(config)?;
    let store = start::open_store(&config.database).await?;
    store.close().await;
    term::say(&format!("the database {} is up to date\n", without_password(&config.database.url)));
    Ok(())
}

/// Gives the user of this address a role; 1 when there is none. A server may run meanwhile: it is
/// one row, which the server reads with every page.
pub(crate) async fn set_role(
    config: &Config,
    email: &str,
    role: Role,
) -> Result<ExitCode, Failure> {
    let store = connect_existing(config).await?;
    let key = domain::text::email_key(email);
    let is_set = store.set_role(&key, role, SystemClock.now()).await;
    let database = || without_password(&config.database.url);
    let is_set = is_set.map_err(|error| Failure::Database(database(), error))?;
    store.close().await;
    if !is_set {
        term::complain(&format!("no user has the address {key}"));
        return Ok(ExitCode::FAILURE);
    }
    term::say(&format!("{key} is now: {}\n", role.as_str()));
    Ok(ExitCode::SUCCESS)
}

/// Opens the database, which must be there already, without its lock. A command has the patience
/// that a request of a player must not have: a server may be writing without a pause. An SQLite
/// file that cannot be written (a read-only mount, another user's file) is opened for reading only.
pub(crate) async fn connect_existing(config: &Config) -> Result<Store, Failure> {
    let file = config.sqlite_file();
    if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
        return Err(DataDirError::NoDatabase(file.clone()).into());
    }
    let mut database = config.database.clone();
    database.lock_timeout_ms = database.lock_timeout_ms.max(LOCK_PATIENCE_MS);
    if file.is_none_or(|file| File::options().write(true).open(file).is_ok()) {
        return start::connect_store(&database).await;
    }
    let opened = Store::open_read_only(&database).await;
    opened.map_err(|error| Failure::Database(without_password(&database.url), error))
}

/// How far a command is; hidden when nobody watches.
pub(crate) fn progress_bar(template: &str, total: u64) -> ProgressBar {
    if !term::is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

pub(crate) fn as_json(report: &impl Serialize) -> String {
    // A report is numbers and texts, which always have a JSON text.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}
