//! `openbell migrate`: migrates the database to this version's schema.

use std::process::ExitCode;

use crate::boot::config::{self, DatabaseArgs, Flags, without_password};
use crate::boot::database;
use crate::error::CommandError;
use crate::term;

pub(super) async fn run(args: DatabaseArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args))?.config;
    let _lock = database::lock_database(&config)?;
    database::open_and_migrate(&config.database).await?.close().await;
    term::print(&format!(
        "the database {} is up to date\n",
        without_password(&config.database.url)
    ));
    Ok(ExitCode::SUCCESS)
}
