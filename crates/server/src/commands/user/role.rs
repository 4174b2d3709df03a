//! `openbell user role`: changes the role of a user, which the server reads with every page.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::Clock as _;
use store::Role;
use web::SecurityEvent;

use super::{find_user_id, report_unknown};
use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct SetRoleArgs {
    /// The address that the user registered with.
    #[arg(value_name = "EMAIL")]
    email: String,
    role: RoleArg,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// May operate the server, too.
    Operator,
    /// May play.
    Player,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Operator => Self::Operator,
            RoleArg::Player => Self::Player,
        }
    }
}

pub(super) async fn run(args: SetRoleArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let (email, role) = (domain::text::email_key(&args.email), Role::from(args.role));
    let is_set = store.set_role(&email, role, SystemClock.now()).await;
    let is_set = is_set.map_err(database_error(&config.database))?;
    let user_id = find_user_id(&store, &config, &email).await?;
    store.close().await;
    if !is_set {
        return Ok(report_unknown(&email));
    }
    log_action(&config, SecurityEvent::of_command(user_id, "role").with_role(role))?;
    term::print(&format!("{email} is now: {}\n", role.as_str()));
    Ok(ExitCode::SUCCESS)
}
