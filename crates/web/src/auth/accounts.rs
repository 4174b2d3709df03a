//! Creates accounts, sessions and tokens. The input has been validated by `names` and `passwords`.

use std::collections::HashSet;

use domain::UnixMicros;
use domain::text::{TextError, TextKind, tidy};
use store::{NameConflict, NewToken, NewUser, TokenKind, TokenRow};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::auth::names::{self, Email};
use crate::auth::passwords::{self, HashError, PasswordMatch};
use crate::auth::security_events::{SecurityEvent, SecurityEventKind, account_of};
use crate::auth::sessions::PlayerSession;
use crate::auth::tokens;
use crate::http::limits::{self, Network};
use crate::problem::{Problem, codes};
use crate::state::AppState;

const SECONDS_PER_DAY: i64 = 86_400;
/// `Retry-After` while too many passwords wait to be hashed.
const BUSY_RETRY_AFTER_S: u64 = 2;
/// The longest name of a token, in characters.
pub(crate) const TOKEN_NAME_LENGTH_MAX: usize = 60;
/// Candidates that are looked up for a taken name, and free ones that are returned.
const SUGGESTIONS_TRIED: usize = 6;
const SUGGESTIONS_MAX: usize = 3;
/// The name of tokens of a login or a registration.
const LOGIN_TOKEN_NAME: &str = "login";

/// A validated registration.
pub(crate) struct RegistrationRequest {
    pub(crate) name: String,
    pub(crate) email: Email,
    pub(crate) password: String,
}

/// A validated login.
pub(crate) struct LoginRequest {
    pub(crate) email: Email,
    pub(crate) password: String,
}

pub(crate) struct OpenedSession {
    pub(crate) user_id: i64,
    /// The secret of the session.
    pub(crate) token: String,
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::from(&codes::BUSY).retry_after(BUSY_RETRY_AFTER_S),
            HashError::Failed => {
                tracing::error!(%error, "hashing or verifying a password failed");
                Self::internal()
            }
        }
    }
}

/// Creates an account with the game's starting cash, and a session, unless the address or the name
/// is taken.
pub(crate) async fn register(
    state: &AppState,
    network: &Network,
    request: &RegistrationRequest,
    kind: TokenKind,
    now: UnixMicros,
) -> Result<Result<OpenedSession, NameConflict>, Problem> {
    if !state.rules().is_open_to_join(now) {
        return Err((&codes::JOIN_CLOSED).into());
    }
    limits::count_registration(state, network).await?;
    let password_hash = state.hasher.hash(&request.password, &*state.entropy).await?;
    let (token, hash) = tokens::new(&*state.entropy);
    let user = NewUser {
        name: &request.name,
        email: &request.email.shown,
        email_key: &request.email.key,
        password_hash: &password_hash,
    };
    let token_row = new_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    let rules = state.rules();
    let registered = state.store.register(&user, &token_row, &*rules, now).await?;
    Ok(registered.map(|registered| {
        let (cash, ranking) = (rules.opening_cash(now), &rules.ranking);
        state.boards.add_player(registered.player_id, cash, ranking);
        let event = SecurityEvent::of_user(SecurityEventKind::Registered, registered.user_id);
        event.via(kind).with_network(network.prefix()).log();
        OpenedSession { user_id: registered.user_id, token }
    }))
}

/// At most three free names that resemble a taken one.
pub(crate) async fn suggest_names(state: &AppState, name: &str) -> Result<Vec<String>, Problem> {
    let mut drawn = [0; SUGGESTIONS_TRIED];
    state.entropy.fill(&mut drawn);
    let numbers = drawn.map(|number| 2 + u32::from(number) % 98);
    // A long name is shortened to make room for the number.
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

/// An account whose password was verified.
struct Verified {
    user_id: i64,
    /// The stored hash that the password was compared with.
    password_hash: String,
    /// Whether that hash has weaker parameters than the current ones.
    is_weak: bool,
}

/// Creates a session if the password is correct. A wrong password and an address without an account
/// both return `None` after the same time.
pub(crate) async fn log_in(
    state: &AppState,
    network: &Network,
    request: &LoginRequest,
    kind: TokenKind,
) -> Result<Option<OpenedSession>, Problem> {
    let opened = try_log_in(state, network, request, kind).await?;
    let event = match &opened {
        Some(opened) => SecurityEvent::of_user(SecurityEventKind::SignedIn, opened.user_id),
        None => SecurityEvent::of_client(SecurityEventKind::SignInFailed, network.prefix())
            .with_account(Some(account_of(&request.email.key))),
    };
    event.via(kind).with_network(network.prefix()).log();
    Ok(opened)
}

async fn try_log_in(
    state: &AppState,
    network: &Network,
    request: &LoginRequest,
    kind: TokenKind,
) -> Result<Option<OpenedSession>, Problem> {
    let known = check_password(state, network, &request.email.key, &request.password).await?;
    let Some(Verified { user_id, mut password_hash, is_weak }) = known else { return Ok(None) };
    if is_weak {
        let stronger = state.hasher.hash(&request.password, &*state.entropy).await?;
        state.store.save_password_hash(user_id, &password_hash, &stronger).await?;
        password_hash = stronger;
    }
    open_session(state, user_id, &password_hash, kind).await
}

/// Creates a session of a user whose stored password hash is this one, and revokes the oldest
/// tokens above the limit of the user. `None` if the password was changed concurrently.
pub(crate) async fn open_session(
    state: &AppState,
    user_id: i64,
    password_hash: &str,
    kind: TokenKind,
) -> Result<Option<OpenedSession>, Problem> {
    let (now, max) = (state.clock.now(), state.config.auth.tokens_per_user_max);
    let (token, hash) = tokens::new(&*state.entropy);
    let token_row = new_token(state, hash, LOGIN_TOKEN_NAME, kind, now);
    let opened = state.store.open_session(user_id, password_hash, &token_row, max, now).await?;
    Ok(opened.map(|_| OpenedSession { user_id, token }))
}

/// Verifies the password of a signed-in user, who confirms a change with it; the stored hash if it
/// is correct. Counts as a login attempt.
pub(crate) async fn confirm_password(
    state: &AppState,
    network: &Network,
    user_id: i64,
    email_key: &str,
    password: &str,
) -> Result<Option<String>, Problem> {
    let account = check_password(state, network, email_key, password).await?;
    let account = account.filter(|account| account.user_id == user_id);
    if account.is_none() {
        let event = SecurityEvent::of_user(SecurityEventKind::PasswordCheckFailed, user_id);
        event.with_network(network.prefix()).log();
    }
    Ok(account.map(|account| account.password_hash))
}

/// The account of this address if the password is correct. Counts as a login attempt.
async fn check_password(
    state: &AppState,
    network: &Network,
    email_key: &str,
    password: &str,
) -> Result<Option<Verified>, Problem> {
    limits::count_login(state, network, email_key).await?;
    // No account has a longer password: it need not be hashed.
    if passwords::length(password) > state.config.auth.password_length_max {
        return Ok(None);
    }
    let known = state.store.find_credentials(email_key).await?;
    let stored = known.as_ref().map(|credentials| credentials.password_hash.as_str());
    let matched = state.hasher.verify(password, stored).await?;
    let known = known.filter(|_| matched != PasswordMatch::Mismatch);
    let is_weak = matched == PasswordMatch::WeakHash;
    Ok(known.map(|known| Verified {
        user_id: known.user_id,
        password_hash: known.password_hash,
        is_weak,
    }))
}

pub(crate) enum TokenNameError {
    TooLong(usize),
    Unfit(TextError),
}

/// Normalizes and validates the name of an API token.
pub(crate) fn check_token_name(name: &str) -> Result<String, TokenNameError> {
    let name = tidy(name, TextKind::Line).map_err(TokenNameError::Unfit)?;
    if name.chars().count() > TOKEN_NAME_LENGTH_MAX {
        return Err(TokenNameError::TooLong(TOKEN_NAME_LENGTH_MAX));
    }
    Ok(name)
}

pub(crate) enum TokenCreation {
    /// The token and its secret.
    Created(TokenRow, String),
    /// The user has the maximum number of tokens.
    TooMany(u32),
}

pub(crate) async fn create_token(
    state: &AppState,
    user_id: i64,
    name: String,
) -> Result<TokenCreation, Problem> {
    let now = state.clock.now();
    let max = state.config.auth.tokens_per_user_max;
    let (token, hash) = tokens::new(&*state.entropy);
    let token_row = new_token(state, hash, &name, TokenKind::Api, now);
    let expires_at = token_row.expires_at;
    let created = state.store.create_token(user_id, &token_row, max, now).await?;
    let Some(token_id) = created else { return Ok(TokenCreation::TooMany(max)) };
    let event = SecurityEvent::of_user(SecurityEventKind::TokenCreated, user_id);
    event.with_token(token_id).log();
    let (kind, created_at, last_used_at) = (TokenKind::Api, now, now);
    let row = TokenRow { token_id, name, kind, created_at, last_used_at, expires_at };
    Ok(TokenCreation::Created(row, token))
}

/// Revokes a token or a session of a user; whether there was one.
pub(crate) async fn revoke_token(
    state: &AppState,
    user_id: i64,
    token_id: i64,
) -> Result<bool, Problem> {
    let is_revoked = state.store.revoke_token(user_id, token_id).await?;
    if is_revoked {
        let event = SecurityEvent::of_user(SecurityEventKind::TokenRevoked, user_id);
        event.with_token(token_id).log();
    }
    Ok(is_revoked)
}

/// Ends the session of a request, which another request may have ended already.
pub(crate) async fn log_out(state: &AppState, player: &PlayerSession) -> Result<(), Problem> {
    if state.store.revoke_token(player.user_id, player.token_id).await? {
        let event = SecurityEvent::of_user(SecurityEventKind::SignedOut, player.user_id);
        event.with_token(player.token_id).log();
    }
    Ok(())
}

/// Erases a user for good. The ledger stays without a name.
pub(crate) async fn erase(state: &AppState, user_id: i64) -> Result<(), Problem> {
    state.store.erase_user(user_id, state.clock.now()).await?;
    SecurityEvent::of_user(SecurityEventKind::Erased, user_id).log();
    Ok(())
}

/// A token with the lifetimes of the configuration.
fn new_token<'a>(
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
