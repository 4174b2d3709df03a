//! Opening an account and opening a session, for the API and the pages alike. What was typed is
//! checked before (`names`, `password`); how the outcome is told is the routes' to say.

use std::collections::HashSet;

use domain::UnixMicros;
use domain::text::{TextError, TextKind, tidy};
use store::{NameConflict, NewToken, NewUser, TokenKind, TokenRow};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::auth::names::{self, Email};
use crate::auth::passwords::{self, HashError, Verdict};
use crate::auth::tokens;
use crate::http::limits::{self, Network};
use crate::problem::{Problem, codes};
use crate::state::AppState;

const SECONDS_PER_DAY: i64 = 86_400;
/// When to come back while too many passwords wait, in seconds.
const BUSY_RETRY_AFTER_S: u64 = 2;
/// The longest name of a token, in characters.
pub(crate) const TOKEN_NAME_LENGTH_MAX: usize = 60;
/// How many names like a taken one are tried, and how many of the free ones are shown.
const SUGGESTIONS_TRIED: usize = 6;
const SUGGESTIONS_MAX: usize = 3;
/// What tokens of a login or a registration are called.
const LOGIN_TOKEN_NAME: &str = "login";

/// A registration that can be made.
pub(crate) struct Registering {
    pub(crate) name: String,
    pub(crate) email: Email,
    pub(crate) password: String,
}

/// A login that can be tried.
pub(crate) struct LoggingIn {
    pub(crate) email: Email,
    pub(crate) password: String,
}

/// Somebody who has just registered or logged in.
pub(crate) struct Opened {
    pub(crate) user_id: i64,
    /// The secret of the session; it is told to nobody else.
    pub(crate) token: String,
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::from(&codes::BUSY).retry_after(BUSY_RETRY_AFTER_S),
            HashError::Fault => {
                tracing::error!(%error, "a password could not be handled");
                Self::internal()
            }
        }
    }
}

/// Opens an account with the game's starting cash and a session, unless the address or the name is
/// taken.
pub(crate) async fn register(
    state: &AppState,
    network: &Network,
    asked: &Registering,
    kind: TokenKind,
    now: UnixMicros,
) -> Result<Result<Opened, NameConflict>, Problem> {
    limits::count_registration(state, network).await?;
    let password_hash = state.hasher.hash(&asked.password, &*state.entropy).await?;
    let (token, hash) = tokens::new(&*state.entropy);
    let user = NewUser {
        name: &asked.name,
        email: &asked.email.shown,
        email_key: &asked.email.key,
        password_hash: &password_hash,
    };
    let new_token = lived_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    let registered = state.store.register(&user, &new_token, &state.rules, now).await?;
    Ok(registered.map(|registered| {
        state.boards.add_player(registered.player_id, state.rules.starting_cash.0);
        Opened { user_id: registered.user_id, token }
    }))
}

/// Names that are like one that is taken, and free; at most three.
pub(crate) async fn suggest_names(state: &AppState, name: &str) -> Result<Vec<String>, Problem> {
    let mut drawn = [0; SUGGESTIONS_TRIED];
    state.entropy.fill(&mut drawn);
    let numbers = drawn.map(|number| 2 + u32::from(number) % 98);
    // Without room for a number the end of the name makes room.
    let room = state.config.names.length_max.saturating_sub(3);
    let stem: String = name.graphemes(true).take(room).collect();
    let wanted = numbers.map(|number| format!("{} {number}", stem.trim_end()));
    let mut free = state.store.free_names(wanted.to_vec()).await?;
    let mut seen = HashSet::new();
    free.retain(|name| seen.insert(name.clone()));
    free.retain(|name| names::check_name(name, &state.config.names).is_ok());
    free.truncate(SUGGESTIONS_MAX);
    Ok(free)
}

/// An account whose password was given.
pub(crate) struct Verified {
    pub(crate) user_id: i64,
    /// The stored hash that the password was compared with.
    pub(crate) password_hash: String,
    /// Whether that hash is weaker than those of today.
    is_weak: bool,
}

/// Opens a session for the right password; `None` for a wrong one and for an address without an
/// account, which take equally long.
pub(crate) async fn log_in(
    state: &AppState,
    network: &Network,
    asked: &LoggingIn,
    kind: TokenKind,
) -> Result<Option<Opened>, Problem> {
    let known = check_password(state, network, &asked.email.key, &asked.password).await?;
    let Some(Verified { user_id, mut password_hash, is_weak }) = known else { return Ok(None) };
    if is_weak {
        let stronger = state.hasher.hash(&asked.password, &*state.entropy).await?;
        state.store.save_password_hash(user_id, &password_hash, &stronger).await?;
        password_hash = stronger;
    }
    open_session(state, user_id, &password_hash, kind).await
}

/// Opens a session of a user whose stored password is this hash, and ends the oldest tokens beyond
/// what a user may have; a token for a program counts, too. `None` when the password was changed
/// meanwhile.
pub(crate) async fn open_session(
    state: &AppState,
    user_id: i64,
    password_hash: &str,
    kind: TokenKind,
) -> Result<Option<Opened>, Problem> {
    let (now, max) = (state.clock.now(), state.config.auth.tokens_per_user_max);
    let (token, hash) = tokens::new(&*state.entropy);
    let new_token = lived_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    let opened = state.store.open_session(user_id, password_hash, &new_token, max, now).await?;
    Ok(opened.map(|_| Opened { user_id, token }))
}

/// The account of this address if this is its password; `None` otherwise. Counted like an attempt
/// to log in.
pub(crate) async fn check_password(
    state: &AppState,
    network: &Network,
    email_key: &str,
    password: &str,
) -> Result<Option<Verified>, Problem> {
    limits::count_login(state, network, email_key).await?;
    // No account has a longer one, and what is too long is not worth hashing.
    if passwords::length(password) > state.config.auth.password_length_max {
        return Ok(None);
    }
    let known = state.store.find_credentials(email_key).await?;
    let stored = known.as_ref().map(|credentials| credentials.password_hash.as_str());
    let verdict = state.hasher.verify(password, stored).await?;
    let known = known.filter(|_| verdict != Verdict::Wrong);
    let is_weak = verdict == Verdict::RightButWeak;
    Ok(known.map(|known| Verified {
        user_id: known.user_id,
        password_hash: known.password_hash,
        is_weak,
    }))
}

/// Why a text cannot name a token.
pub(crate) enum TokenNameFault {
    TooLong(usize),
    Unfit(TextError),
}

/// Tidies the name of a token for a program.
pub(crate) fn check_token_name(name: &str) -> Result<String, TokenNameFault> {
    let name = tidy(name, TextKind::Line).map_err(TokenNameFault::Unfit)?;
    if name.chars().count() > TOKEN_NAME_LENGTH_MAX {
        return Err(TokenNameFault::TooLong(TOKEN_NAME_LENGTH_MAX));
    }
    Ok(name)
}

/// What came of asking for a token.
pub(crate) enum Created {
    /// It and its secret.
    Made(TokenRow, String),
    /// The user has as many as a user may have.
    TooMany(u32),
}

/// Makes a token for a program that plays.
pub(crate) async fn create_token(
    state: &AppState,
    user_id: i64,
    name: String,
) -> Result<Created, Problem> {
    let now = state.clock.now();
    let max = state.config.auth.tokens_per_user_max;
    let (token, hash) = tokens::new(&*state.entropy);
    let new_token = lived_token(state, hash, &name, TokenKind::Api, now);
    let expires_at = new_token.expires_at;
    let created = state.store.create_token(user_id, &new_token, max, now).await?;
    let Some(token_id) = created else { return Ok(Created::TooMany(max)) };
    let (kind, created_at, last_used_at) = (TokenKind::Api, now, now);
    let row = TokenRow { token_id, name, kind, created_at, last_used_at, expires_at };
    Ok(Created::Made(row, token))
}

/// A token that lives as long as the configuration says.
fn lived_token<'a>(
    state: &AppState,
    hash: [u8; 32],
    name: &'a str,
    kind: TokenKind,
    now: UnixMicros,
) -> NewToken<'a> {
    let auth = &state.config.auth;
    let after = |days: u32| now.plus_seconds(i64::from(days) * SECONDS_PER_DAY);
    let expires_at = after(auth.token_absolute_days);
    let idle_expires_at = after(auth.token_idle_days).min(expires_at);
    NewToken { hash, name, kind, idle_expires_at, expires_at }
}
