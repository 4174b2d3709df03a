//! `openbell user rename`: renames a user, by the rules for players.

use std::process::ExitCode;

use clap::Args;
use domain::Clock as _;
use web::SecurityEvent;

use super::{find_user_id, report_unknown};
use crate::boot::config::{self, DatabaseArgs, Flags};
use crate::boot::database::{database_error, open_existing};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct RenameUserArgs {
    /// The address that the user registered with.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// The new name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: RenameUserArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database))?.config;
    let name = match web::tidy_name(&args.name, &config.names) {
        Ok(name) => name,
        Err(reason) => {
            term::print_error(&reason);
            return Ok(ExitCode::FAILURE);
        }
    };
    let store = open_existing(&config).await?;
    let Some(user_id) = find_user_id(&store, &config, &args.email).await? else {
        return Ok(report_unknown(&args.email));
    };
    let renamed = store.change_name(user_id, &name, SystemClock.now()).await;
    let is_renamed = renamed.map_err(database_error(&config.database))?;
    store.close().await;
    if !is_renamed {
        term::print_error(&format!(
            "another player has the name {name:?}, or one that looks like it"
        ));
        return Ok(ExitCode::FAILURE);
    }
    log_action(&config, SecurityEvent::of_command(Some(user_id), "rename"))?;
    term::print(&format!("{} is now called {name:?}\n", domain::text::email_key(&args.email)));
    Ok(ExitCode::SUCCESS)
}
