//! The commands about users: who there are, a user's name, and a way to a new password. A server
//! may run meanwhile: it looks up every session and every name anew.

pub(crate) mod erase;

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use domain::{Clock as _, UnixMicros};
use serde::Serialize;
use store::{Store, StoreError, UserDetails, UserSummary};

use crate::boot::addresses;
use crate::boot::config::{self, Config, Flags, without_password};
use crate::cli::{UserListArgs, UserPasswordArgs, UserRenameArgs, UserShowArgs};
use crate::clock::{SystemClock, SystemEntropy, check_entropy};
use crate::commands::{as_json, connect_existing};
use crate::error::Failure;
use crate::term;

/// Users of one statement.
const ROWS: usize = 500;

/// A user as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    user_id: i64,
    name: &'a str,
    email: &'a str,
    role: &'static str,
    registered_at: String,
}

impl<'a> From<&'a UserSummary> for Shown<'a> {
    fn from(person: &'a UserSummary) -> Self {
        Self {
            user_id: person.user_id,
            name: &person.name,
            email: &person.email,
            role: person.role.as_str(),
            registered_at: person.created_at.to_string(),
        }
    }
}

/// Lists users, newest first.
pub(crate) async fn list(args: UserListArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let store = connect_existing(&config).await?;
    let search = args.search.unwrap_or_default();
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (mut people, mut below) = (Vec::new(), None);
    loop {
        let wanted = ROWS.min(limit - people.len());
        let page = store.users_page(search.trim(), below, wanted).await;
        let page = page.map_err(|error| failed(&config, error))?;
        people.extend(page.rows);
        below = page.next;
        if below.is_none() || people.len() >= limit {
            break;
        }
    }
    store.close().await;
    if args.json {
        let shown: Vec<Shown<'_>> = people.iter().map(Shown::from).collect();
        term::say(&as_json(&shown));
        return Ok(ExitCode::SUCCESS);
    }
    for person in &people {
        term::say(&line(person));
    }
    if people.is_empty() {
        term::say("no user is found\n");
    } else if below.is_some() {
        term::say(&format!("there are more: --limit prints more than {limit}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(person: &UserSummary) -> String {
    let UserSummary { user_id, name, email, role, created_at } = person;
    format!("{user_id}  {email}  {name:?}  {}  since {}\n", role.as_str(), created_at.day())
}

/// Prints a user with what belongs to the account; 1 when there is no such user.
pub(crate) async fn show(args: UserShowArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let store = connect_existing(&config).await?;
    let now = SystemClock.now();
    let found = match find(&store, &config, &args.email).await? {
        Some(user_id) => store.find_user_details(user_id, now).await,
        None => Ok(None),
    };
    let found = found.map_err(|error| failed(&config, error))?;
    store.close().await;
    let Some(details) = found else { return Ok(unknown(&args.email)) };
    term::say(&account(&details));
    Ok(ExitCode::SUCCESS)
}

fn account(details: &UserDetails) -> String {
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
        ("cash", details.cash.to_string()),
    ];
    lines.map(|(what, value)| format!("{what:<11} {value}\n")).concat()
}

/// Renames a user, by the rules that hold for players; 1 when there is no such user.
pub(crate) async fn rename(args: UserRenameArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&Flags::from(args.database))?.config;
    let name = match web::tidy_name(&args.name, &config.names) {
        Ok(name) => name,
        Err(reason) => {
            term::complain(&reason);
            return Ok(ExitCode::FAILURE);
        }
    };
    let store = connect_existing(&config).await?;
    let Some(user_id) = find(&store, &config, &args.email).await? else {
        return Ok(unknown(&args.email));
    };
    let renamed = store.change_name(user_id, &name, SystemClock.now()).await;
    let is_free = renamed.map_err(|error| failed(&config, error))?;
    store.close().await;
    if !is_free {
        term::complain(&format!("another player has the name {name:?}, or one that looks like it"));
        return Ok(ExitCode::FAILURE);
    }
    term::say(&format!("{} is now called {name:?}\n", key(&args.email)));
    Ok(ExitCode::SUCCESS)
}

/// Prints a one-time link by which the user sets a new password, or sets one that is typed; 1 when
/// there is no such user or the password cannot be used.
pub(crate) async fn password(args: UserPasswordArgs) -> Result<ExitCode, Failure> {
    check_entropy().map_err(|error| Failure::Process("no randomness", error.into()))?;
    let config = config::load(&Flags::from(args.database))?.config;
    let store = connect_existing(&config).await?;
    let Some(user_id) = find(&store, &config, &args.email).await? else {
        return Ok(unknown(&args.email));
    };
    let code = if args.set {
        set_password(&store, &config, user_id, &args.email).await?
    } else {
        let made = web::make_link(&store, user_id, &SystemClock, &SystemEntropy).await;
        let Some(secret) = made.map_err(|error| failed(&config, error))? else {
            return Ok(unknown(&args.email));
        };
        let base = args.url.unwrap_or_else(|| addresses::base_url(&config.http.listen));
        let (base, hours) = (base.trim_end_matches('/'), web::LINK_LIFE_HOURS);
        term::say(&format!(
            "{base}{}{secret}\nIt sets a new password for {} once, within {hours} hours. All \
             sessions, tokens and recovery codes end with that.\n",
            web::LINK_PATH,
            key(&args.email),
        ));
        ExitCode::SUCCESS
    };
    store.close().await;
    Ok(code)
}

async fn set_password(
    store: &Store,
    config: &Config,
    user_id: i64,
    email: &str,
) -> Result<ExitCode, Failure> {
    let typed = read_password().map_err(|error| Failure::Process("no password", error))?;
    if let Some(reason) = web::refuse_password(&typed, &config.auth) {
        term::complain(&reason);
        return Ok(ExitCode::FAILURE);
    }
    let hash = web::Hasher::new(&config.auth).hash(&typed, &SystemEntropy).await;
    let hash = hash.map_err(|error| Failure::Process("no password", io::Error::other(error)))?;
    let is_set = store.set_password(user_id, &hash, SystemClock.now()).await;
    if !is_set.map_err(|error| failed(config, error))? {
        return Ok(unknown(email));
    }
    let email = key(email);
    term::say(&format!(
        "{email} has the new password; all sessions, tokens and recovery codes have ended\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// A password from the terminal, twice and without echo, or the first line of another input.
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

async fn find(store: &Store, config: &Config, email: &str) -> Result<Option<i64>, Failure> {
    let found = store.find_user_id(&key(email)).await;
    found.map_err(|error| failed(config, error))
}

/// The address as it is looked up.
fn key(email: &str) -> String {
    domain::text::email_key(email)
}

fn unknown(email: &str) -> ExitCode {
    term::complain(&format!("no user has the address {}", key(email)));
    ExitCode::FAILURE
}

fn failed(config: &Config, error: StoreError) -> Failure {
    Failure::Database(without_password(&config.database.url), error)
}
