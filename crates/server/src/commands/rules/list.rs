//! `openbell rules list`: the versions with author and reason.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use store::StoredRules;

use crate::boot::config::DatabaseArgs;
use crate::boot::database::database_error;
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct ListRulesArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ListRulesArgs) -> Result<ExitCode, CommandError> {
    let (config, store, rules) = super::open(args.database).await?;
    let stored = store.rules_after(rules.game_id(), 0).await;
    let stored = stored.map_err(database_error(&config.database))?;
    store.close().await;
    if args.json {
        let versions: Vec<_> = stored.iter().rev().map(to_json).collect();
        term::print_json(&versions);
        return Ok(ExitCode::SUCCESS);
    }
    let in_force = rules.current().version;
    for StoredRules { version, author, reason, effective_from, .. } in stored.iter().rev() {
        let state = match version.cmp(&in_force) {
            std::cmp::Ordering::Less => "",
            std::cmp::Ordering::Equal => " (in force)",
            std::cmp::Ordering::Greater => " (not in force yet)",
        };
        term::print(&format!("{version}{state} from {effective_from} by {author}: {reason}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(stored: &StoredRules) -> serde_json::Value {
    json!({
        "version": stored.version,
        "sha256": stored.sha256.to_string(),
        "author": stored.author,
        "reason": stored.reason,
        "effective_from": stored.effective_from.to_string(),
        "created_at": stored.created_at.to_string(),
    })
}
