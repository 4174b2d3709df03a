//! Opening an account and opening a session, for the API and the pages alike. What was typed is
//! checked before (`names`, `password`); how the outcome is told is the routes' to say.

use domain::{PageRequest, UnixMicros};
use store::{NewToken, NewUser, TokenKind, TokenRow};
use unicode_normalization::UnicodeNormalization as _;

use crate::limits::{self, Network};
use crate::names::Email;
use crate::password::{self, HashError, Verdict};
use crate::problem::{Problem, codes};
use crate::state::AppState;
use crate::token;

const SECONDS_PER_DAY: i64 = 86_400;
/// When to come back while too many passwords wait, in seconds.
const BUSY_RETRY_AFTER_S: u64 = 2;
/// The longest name of a token, in characters.
pub(crate) const TOKEN_NAME_LENGTH_MAX: usize = 60;
/// What tokens of a login or a registration are called.
const LOGIN_TOKEN_NAME: &str = "login";
/// The most tokens that one login ends.
const ENDED_AT_ONCE_MAX: i64 = 10;

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

/// Opens an account with the game's starting cash and a session; `None` when the address is taken.
pub(crate) async fn register(
    state: &AppState,
    network: &Network,
    asked: &Registering,
    kind: TokenKind,
    now: UnixMicros,
) -> Result<Option<Opened>, Problem> {
    limits::count_registration(state, network).await?;
    let password_hash = state.hasher.hash(&asked.password, &*state.entropy).await?;
    let (token, hash) = token::new(&*state.entropy);
    let user = NewUser {
        name: &asked.name,
        email: &asked.email.shown,
        email_key: &asked.email.key,
        password_hash: &password_hash,
    };
    let new_token = lived_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    let registered = state.store.register(&user, &new_token, &state.rules, now).await?;
    Ok(registered.map(|registered| {
        state.boards.welcome(registered.player_id, state.rules.starting_cash.0);
        Opened { user_id: registered.user_id, token }
    }))
}

/// Opens a session for whoever knows the password; `None` for a wrong one and for an address
/// without an account, which take equally long.
pub(crate) async fn log_in(
    state: &AppState,
    network: &Network,
    asked: &LoggingIn,
    kind: TokenKind,
) -> Result<Option<Opened>, Problem> {
    let known = check_password(state, network, &asked.email.key, &asked.password).await?;
    let Some((user_id, is_weak)) = known else { return Ok(None) };
    if is_weak {
        let hash = state.hasher.hash(&asked.password, &*state.entropy).await?;
        state.store.save_password_hash(user_id, &hash).await?;
    }
    let now = state.clock.now();
    let (token, hash) = token::new(&*state.entropy);
    let new_token = lived_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    state.store.create_token(user_id, &new_token, now).await?;
    end_oldest(state, user_id, now).await?;
    Ok(Some(Opened { user_id, token }))
}

/// Whose account this address and password are, and whether the password is hashed too weakly;
/// `None` for a wrong one. Counted like an attempt to log in.
pub(crate) async fn check_password(
    state: &AppState,
    network: &Network,
    email_key: &str,
    password: &str,
) -> Result<Option<(i64, bool)>, Problem> {
    limits::count_login(state, network, email_key).await?;
    // No account has a longer one, and what is too long is not worth hashing.
    if password::length(password) > state.config.auth.password_length_max {
        return Ok(None);
    }
    let known = state.store.find_credentials(email_key).await?;
    let stored = known.as_ref().map(|credentials| credentials.password_hash.as_str());
    let verdict = state.hasher.verify(password, stored).await?;
    let known = known.filter(|_| verdict != Verdict::Wrong);
    Ok(known.map(|known| (known.user_id, verdict == Verdict::RightButWeak)))
}

/// Tidies the name of a token for a program; the texts are the API's.
pub(crate) fn check_token_name(name: &str) -> Result<String, String> {
    let name = name.trim().nfc().collect::<String>();
    if name.chars().count() > TOKEN_NAME_LENGTH_MAX {
        let max = TOKEN_NAME_LENGTH_MAX;
        return Err(format!("The name field must not be greater than {max} characters."));
    }
    if name.chars().any(char::is_control) {
        return Err("The name field must not contain control characters.".to_owned());
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
    let first = PageRequest::clamped(1, 1, 1);
    let (_, total) = state.store.tokens_page(user_id, None, now, first).await?;
    if total >= i64::from(max) {
        return Ok(Created::TooMany(max));
    }
    let (token, hash) = token::new(&*state.entropy);
    let new_token = lived_token(state, hash, &name, TokenKind::Api, now);
    let expires_at = new_token.expires_at;
    let token_id = state.store.create_token(user_id, &new_token, now).await?;
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

/// Ends the oldest tokens beyond what a user may have, so that logins do not pile them up. A token
/// for a program counts, too: it is the first to go when it is the oldest.
async fn end_oldest(state: &AppState, user_id: i64, now: UnixMicros) -> Result<(), Problem> {
    let max = i64::from(state.config.auth.tokens_per_user_max.max(1));
    // One token a page: page `max + 1` is the first of those that are too many, and it moves up.
    let first_too_many = PageRequest::clamped(max + 1, 1, 1);
    for _ in 0..ENDED_AT_ONCE_MAX {
        let (rows, _) = state.store.tokens_page(user_id, None, now, first_too_many).await?;
        let Some(row) = rows.first() else { break };
        state.store.revoke_token(user_id, row.token_id).await?;
    }
    Ok(())
}
