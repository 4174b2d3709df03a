//! `openbell user show`.

use std::process::ExitCode;

use clap::Args;
use domain::{Clock as _, MinorUnit, UnixMicros};
use store::UserDetails;

use super::{find_user_id, report_unknown};
use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::boot::game_rules::rules_in_force;
use crate::clock::SystemClock;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct ShowUserArgs {
    /// The address that the user registered with.
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ShowUserArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let found = match find_user_id(&store, &config, &args.email).await? {
        Some(user_id) => store.find_user_details(user_id, SystemClock.now()).await,
        None => Ok(None),
    };
    let found = found.map_err(database_error(&config.database))?;
    let unit = rules_in_force(&config, &store).await?.minor_unit;
    store.close().await;
    let Some(details) = found else { return Ok(report_unknown(&args.email)) };
    term::print(&as_text(&details, unit));
    Ok(ExitCode::SUCCESS)
}

fn as_text(details: &UserDetails, unit: MinorUnit) -> String {
    let instant = |at: UnixMicros| at.to_string();
    let used = details.last_used_at.map_or_else(|| "never".to_owned(), instant);
    let lines = [
        ("user", details.person.user_id.to_string()),
        ("player", details.player_id.to_string()),
        ("name", format!("{:?}", details.person.name)),
        ("email", details.person.email.clone()),
        ("role", details.person.role.as_str().to_owned()),
        ("registered", instant(details.person.created_at)),
        ("last used", used),
        ("sessions", details.sessions.to_string()),
        ("tokens", details.tokens.to_string()),
        ("codes left", details.codes.to_string()),
        ("trades", details.trades.to_string()),
        ("cash", details.cash.to_text(unit)),
    ];
    lines.map(|(label, value)| format!("{label:<11} {value}\n")).concat()
}
