//! Registration, login and logout, in the original's shapes and words. What a name or an address
//! may be is `names`', how passwords are kept is `password`'s, and further tokens are `tokens`'.

mod read;
mod tokens;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::UnixMicros;
use serde::Serialize;
use store::{Account, NewToken, NewUser, TokenKind};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::read::{LoginBody, RegisterBody};
use crate::body::Json;
use crate::limits::{self, Network};
use crate::password::{self, HashError, Verdict};
use crate::problem::{Problem, codes};
use crate::session::Player;
use crate::state::AppState;
use crate::token;

const SECONDS_PER_DAY: i64 = 86_400;
/// When to come back while too many passwords wait, in seconds.
const BUSY_RETRY_AFTER_S: u64 = 2;
/// What tokens of a login or a registration are called.
const LOGIN_TOKEN_NAME: &str = "login";
const INCORRECT: &str = "The provided credentials are incorrect.";
const TAKEN: &str = "The email has already been taken.";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(show_user))
        .routes(routes!(logout))
        .merge(tokens::router())
}

/// A user who has just registered.
#[derive(Serialize, ToSchema)]
struct NewcomerBody {
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// Cash.
    #[schema(example = "10000.00")]
    balance: String,
    #[schema(example = 1)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 0)]
    experience_points: i64,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    updated_at: String,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    created_at: String,
    #[schema(example = 1)]
    id: i64,
}

/// The answer to a registration.
#[derive(Serialize, ToSchema)]
struct Registration {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    user: NewcomerBody,
    /// Sent as `Authorization: Bearer …` from now on, and never shown again.
    #[schema(example = "ob_7Jv2Xq…")]
    token: String,
}

/// A user, as told to the user alone.
#[derive(Serialize, ToSchema)]
struct UserBody {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// Always `null`: addresses are not verified.
    email_verified_at: Option<String>,
    /// Cash.
    #[schema(example = "9430.15")]
    balance: String,
    /// Grows with every change of the balance.
    #[schema(example = 1)]
    balance_version: i64,
    #[schema(example = 1)]
    level: i64,
    /// Experience within the level.
    #[schema(example = 40)]
    experience_points: i64,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    created_at: String,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    updated_at: String,
}

impl UserBody {
    fn new(account: Account, state: &AppState) -> Self {
        let progress = state.rules.levels.progress(account.total_xp);
        Self {
            id: account.user_id,
            name: account.name,
            email: account.email,
            email_verified_at: None,
            balance: account.cash.to_string(),
            balance_version: account.balance_version,
            level: progress.level,
            experience_points: progress.xp_in_level,
            created_at: account.created_at.to_string(),
            updated_at: account.updated_at.to_string(),
        }
    }
}

/// The answer to a login.
#[derive(Serialize, ToSchema)]
struct Login {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    user: UserBody,
    /// Sent as `Authorization: Bearer …` from now on, and never shown again.
    #[schema(example = "ob_7Jv2Xq…")]
    token: String,
}

/// The user whose token was sent.
#[derive(Serialize, ToSchema)]
struct OwnUser {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    user: UserBody,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct Done {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Logged out successfully")]
    message: &'static str,
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

/// Opens an account with the game's starting cash. Other members of the body are ignored.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = RegisterBody,
    responses(
        (status = 201, body = Registration),
        (status = 422, body = Problem, description = "A rule is broken, or the address taken."),
        (status = 429, body = Problem, description = "Too many registrations from one network."),
    ))]
async fn register(
    State(state): State<AppState>,
    network: Network,
    Json(body): Json<RegisterBody>,
) -> Result<(StatusCode, Answer<Registration>), Problem> {
    let asked = body.read(&state.config)?;
    limits::count_registration(&state, &network).await?;
    let password_hash = state.hasher.hash(&asked.password, &*state.entropy).await?;
    let now = state.clock.now();
    let (token, hash) = token::new(&*state.entropy);
    let user = NewUser {
        name: &asked.name,
        email: &asked.email.shown,
        email_key: &asked.email.key,
        password_hash: &password_hash,
    };
    let new_token = lived_token(&state, hash, LOGIN_TOKEN_NAME, now);
    let registered = state.store.register(&user, &new_token, &state.rules, now).await?;
    let registered = registered.ok_or_else(|| Problem::field("email", TAKEN))?;
    state.ranks.apply(registered.player_id, 0);
    let progress = state.rules.levels.progress(0);
    let user = NewcomerBody {
        name: asked.name,
        email: asked.email.shown,
        balance: state.rules.starting_cash.to_string(),
        level: progress.level,
        experience_points: progress.xp_in_level,
        updated_at: now.to_string(),
        created_at: now.to_string(),
        id: registered.user_id,
    };
    Ok((StatusCode::CREATED, Answer(Registration { success: true, user, token })))
}

/// Exchanges an e-mail address and a password for a token.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginBody,
    responses(
        (status = 200, body = Login),
        (status = 422, body = Problem, description = "The same for a wrong password and for an \
            address without an account."),
        (status = 429, body = Problem, description = "Too many attempts."),
    ))]
async fn login(
    State(state): State<AppState>,
    network: Network,
    Json(body): Json<LoginBody>,
) -> Result<Answer<Login>, Problem> {
    let asked = body.read()?;
    limits::count_login(&state, &network, &asked.email.key).await?;
    // No account has a longer one, and what is too long is not worth hashing.
    if password::length(&asked.password) > state.config.auth.password_length_max {
        return Err(Problem::field("email", INCORRECT));
    }
    let known = state.store.find_credentials(&asked.email.key).await?;
    let stored = known.as_ref().map(|credentials| credentials.password_hash.as_str());
    let verdict = state.hasher.verify(&asked.password, stored).await?;
    let user_id = match (verdict, known) {
        (Verdict::Right | Verdict::RightButWeak, Some(known)) => known.user_id,
        _ => return Err(Problem::field("email", INCORRECT)),
    };
    if verdict == Verdict::RightButWeak {
        let hash = state.hasher.hash(&asked.password, &*state.entropy).await?;
        state.store.save_password_hash(user_id, &hash).await?;
    }
    let now = state.clock.now();
    let (token, hash) = token::new(&*state.entropy);
    let new_token = lived_token(&state, hash, LOGIN_TOKEN_NAME, now);
    state.store.create_token(user_id, &new_token, now).await?;
    tokens::end_oldest(&state, user_id, now).await?;
    let account = state.store.load_account(user_id).await?;
    Ok(Answer(Login { success: true, user: UserBody::new(account, &state), token }))
}

/// The user whose token was sent.
#[utoipa::path(get, path = "/api/auth/user", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = OwnUser)))]
async fn show_user(
    State(state): State<AppState>,
    player: Player,
) -> Result<Answer<OwnUser>, Problem> {
    let account = state.store.load_account(player.user_id).await?;
    Ok(Answer(OwnUser { success: true, user: UserBody::new(account, &state) }))
}

/// Ends the token that was sent, and no other.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = Done)))]
async fn logout(State(state): State<AppState>, player: Player) -> Result<Answer<Done>, Problem> {
    // That another request has ended it meanwhile is as good.
    state.store.revoke_token(player.user_id, player.token_id).await?;
    Ok(Answer(Done { success: true, message: "Logged out successfully" }))
}

/// A token that lives as long as the configuration says.
fn lived_token<'a>(
    state: &AppState,
    hash: [u8; 32],
    name: &'a str,
    now: UnixMicros,
) -> NewToken<'a> {
    let auth = &state.config.auth;
    let after = |days: u32| now.plus_seconds(i64::from(days) * SECONDS_PER_DAY);
    let expires_at = after(auth.token_absolute_days);
    let idle_expires_at = after(auth.token_idle_days).min(expires_at);
    NewToken { hash, name, kind: TokenKind::Api, idle_expires_at, expires_at }
}
