//! Registration, login and logout, in the response format of the original API.

mod read;
pub(super) mod tokens;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::text::email_key;
use serde::Serialize;
use store::{Account, NameConflict, TokenKind};
use utoipa::ToSchema;

use self::read::{DeletionBody, LoginBody, RegisterBody};
use crate::auth::accounts::{self, OpenedSession};
use crate::auth::sessions::PlayerSession;
use crate::game::export;
use crate::http::attachment;
use crate::http::body::Json;
use crate::http::limits::Network;
use crate::problem::Problem;
use crate::state::AppState;

const INCORRECT: &str = "The provided credentials are incorrect.";
const PASSWORD_WRONG: &str = "The provided password is incorrect.";
const TAKEN: &str = "The email has already been taken.";

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

/// The response to a registration.
#[derive(Serialize, ToSchema)]
pub(super) struct Registration {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    user: NewcomerBody,
    /// Sent as `Authorization: Bearer …` from now on, and never shown again.
    #[schema(example = "ob_7Jv2Xq…")]
    token: String,
}

/// A user, visible to that user only.
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
    /// Increases with every change of the balance.
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
        let progress = state.rules().levels.progress(account.total_xp);
        Self {
            id: account.user_id,
            name: account.name,
            email: account.email,
            email_verified_at: None,
            balance: account.cash.to_text(state.rules().minor_unit),
            balance_version: account.balance_version,
            level: progress.level,
            experience_points: progress.xp_in_level,
            created_at: account.created_at.to_string(),
            updated_at: account.updated_at.to_string(),
        }
    }
}

/// The response to a login.
#[derive(Serialize, ToSchema)]
pub(super) struct Login {
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
pub(super) struct OwnUser {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    user: UserBody,
}

/// Confirms a change.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Logged out successfully")]
    message: &'static str,
}

/// Opens an account with the game's starting cash. Other members of the body are ignored.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = RegisterBody,
    responses(
        (status = 201, body = Registration),
        (status = 403, body = Problem, description = "The game takes no new players any more \
            (`join_closed`)."),
        (status = 422, body = Problem, description = "A rule is broken, or the address or the \
            name (`name_taken`) is taken."),
        (status = 429, body = Problem, description = "Too many registrations from one network."),
    ))]
pub(super) async fn register(
    State(state): State<AppState>,
    network: Network,
    Json(body): Json<RegisterBody>,
) -> Result<(StatusCode, axum::Json<Registration>), Problem> {
    let registration = body.read(&state.config)?;
    let now = state.clock.now();
    let opened = accounts::register(&state, &network, &registration, TokenKind::Api, now).await?;
    let OpenedSession { user_id, token } = match opened {
        Ok(opened) => opened,
        Err(NameConflict::Email) => return Err(Problem::field("email", TAKEN)),
        Err(NameConflict::Name) => {
            let free = accounts::suggest_names(&state, &registration.name).await?;
            return Err(Problem::name_taken(&free));
        }
    };
    let progress = state.rules().levels.progress(0);
    let user = NewcomerBody {
        name: registration.name,
        email: registration.email.shown,
        balance: state.rules().opening_cash(now).to_text(state.rules().minor_unit),
        level: progress.level,
        experience_points: progress.xp_in_level,
        updated_at: now.to_string(),
        created_at: now.to_string(),
        id: user_id,
    };
    Ok((StatusCode::CREATED, axum::Json(Registration { success: true, user, token })))
}

/// Exchanges an e-mail address and a password for a token.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginBody,
    responses(
        (status = 200, body = Login),
        (status = 422, body = Problem, description = "The same for a wrong password and for an \
            address without an account."),
        (status = 429, body = Problem, description = "Too many attempts."),
    ))]
pub(super) async fn login(
    State(state): State<AppState>,
    network: Network,
    Json(body): Json<LoginBody>,
) -> Result<axum::Json<Login>, Problem> {
    let login = body.read()?;
    let opened = accounts::log_in(&state, &network, &login, TokenKind::Api).await?;
    let OpenedSession { user_id, token } =
        opened.ok_or_else(|| Problem::field("email", INCORRECT))?;
    let account = state.store.load_account(user_id).await?;
    Ok(axum::Json(Login { success: true, user: UserBody::new(account, &state), token }))
}

/// The user whose token was sent.
#[utoipa::path(get, path = "/api/auth/user", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = OwnUser)))]
pub(super) async fn show_user(
    State(state): State<AppState>,
    player: PlayerSession,
) -> Result<axum::Json<OwnUser>, Problem> {
    let account = state.store.load_account(player.user_id).await?;
    Ok(axum::Json(OwnUser { success: true, user: UserBody::new(account, &state) }))
}

/// All data stored about the user, as a zip of JSON and CSV: account and settings, holdings, the
/// complete history including the archive, and the portfolio value at the end of each day.
#[utoipa::path(get, path = "/api/auth/user/export", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/zip"),
        (status = 503, body = Problem, content_type = "application/problem+json",
            description = "Other exports are being written (`busy`), or a part of the history is in \
                the archive, which cannot be read (`history_unavailable`)."),
    ))]
pub(super) async fn export_user(
    State(state): State<AppState>,
    player: PlayerSession,
) -> Result<Response, Problem> {
    let (length, zip) = export::write(&state, &player).await?;
    Ok(attachment::export(length, Body::from_stream(zip)))
}

/// Deletes the user permanently: the name, the address, the password, all tokens, settings, notes
/// and the watched stocks. The ledger entries, which contain no personal data, remain.
#[utoipa::path(delete, path = "/api/auth/user", tag = "auth", security(("bearer" = [])),
    request_body = DeletionBody,
    responses(
        (status = 200, body = Done),
        (status = 422, body = Problem, description = "The password is missing or wrong."),
        (status = 429, body = Problem, description = "Too many attempts."),
    ))]
pub(super) async fn delete_user(
    State(state): State<AppState>,
    network: Network,
    player: PlayerSession,
    Json(body): Json<DeletionBody>,
) -> Result<axum::Json<Done>, Problem> {
    let password = body.read()?;
    let account = state.store.load_account(player.user_id).await?;
    let email_key = email_key(&account.email);
    let user_id = player.user_id;
    let confirmed =
        accounts::confirm_password(&state, &network, user_id, &email_key, &password).await?;
    if confirmed.is_none() {
        return Err(Problem::field("password", PASSWORD_WRONG));
    }
    accounts::erase(&state, user_id).await?;
    state.player_erased(player.player_id);
    Ok(axum::Json(Done { success: true, message: "Account deleted successfully" }))
}

/// Revokes the token of this request.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = Done)))]
pub(super) async fn logout(
    State(state): State<AppState>,
    player: PlayerSession,
) -> Result<axum::Json<Done>, Problem> {
    accounts::log_out(&state, &player).await?;
    Ok(axum::Json(Done { success: true, message: "Logged out successfully" }))
}
