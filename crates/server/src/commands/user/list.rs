//! `openbell user list`.

use std::process::ExitCode;

use clap::{Args, value_parser};
use serde::Serialize;
use store::UserSummary;

use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::error::CommandError;
use crate::term;

/// Users of one statement.
const PAGE_ROWS: usize = 500;

#[derive(Clone, Debug, Args)]
pub(crate) struct ListUsersArgs {
    /// List only users whose name or address contains this, ignoring case.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// The maximum number of users.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Serialize)]
struct ListedUser<'a> {
    user_id: i64,
    name: &'a str,
    email: &'a str,
    role: &'static str,
    registered_at: String,
}

impl<'a> From<&'a UserSummary> for ListedUser<'a> {
    fn from(user: &'a UserSummary) -> Self {
        Self {
            user_id: user.user_id,
            name: &user.name,
            email: &user.email,
            role: user.role.as_str(),
            registered_at: user.created_at.to_string(),
        }
    }
}

pub(super) async fn run(args: ListUsersArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let search = args.search.unwrap_or_default();
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (mut users, mut below) = (Vec::new(), None);
    loop {
        let rows = PAGE_ROWS.min(limit - users.len());
        let page = store.users_page(search.trim(), below, rows).await;
        let page = page.map_err(database_error(&config.database))?;
        users.extend(page.rows);
        below = page.next;
        if below.is_none() || users.len() >= limit {
            break;
        }
    }
    store.close().await;
    if args.json {
        let users: Vec<ListedUser<'_>> = users.iter().map(ListedUser::from).collect();
        term::print_json(&users);
        return Ok(ExitCode::SUCCESS);
    }
    for UserSummary { user_id, name, email, role, created_at } in &users {
        let (role, day) = (role.as_str(), created_at.day());
        term::print(&format!("{user_id}  {email}  {name:?}  {role}  since {day}\n"));
    }
    if users.is_empty() {
        term::print("no user is found\n");
    } else if below.is_some() {
        term::print(&format!("there are more: --limit prints more than {limit}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
