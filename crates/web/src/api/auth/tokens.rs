//! Lists, creates and revokes the user's own tokens. The secret of a token is returned once, when
//! it is created.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use store::TokenRow;
use utoipa::ToSchema;

use super::Done;
use super::read::TokenBody;
use crate::auth::accounts::{self, TokenCreation};
use crate::auth::sessions::PlayerSession;
use crate::http::body::Json;
use crate::http::query::Query;
use crate::openapi::PageResponse;
use crate::problem::Problem;
use crate::state::AppState;

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 100;

/// A token without its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct TokenView {
    #[schema(example = 7)]
    id: i64,
    /// Its purpose; `login` for a token of a login.
    #[schema(example = "My trading bot")]
    name: String,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    created_at: String,
    /// Accurate to about an hour.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    last_used_at: String,
    /// When it expires at the latest; an unused token expires earlier.
    #[schema(example = "2027-11-23T00:45:41.000000Z")]
    expires_at: String,
    /// Whether it is the token of this request.
    #[schema(example = true)]
    current: bool,
}

impl TokenView {
    fn new(row: TokenRow, player: &PlayerSession) -> Self {
        Self {
            id: row.token_id,
            name: row.name,
            created_at: row.created_at.to_string(),
            last_used_at: row.last_used_at.to_string(),
            expires_at: row.expires_at.to_string(),
            current: row.token_id == player.token_id,
        }
    }
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct NewTokenView {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: TokenView,
    /// The secret, never shown again.
    #[schema(example = "ob_7Jv2Xq…")]
    token: String,
}

/// The user's valid tokens, newest first.
#[utoipa::path(get, path = "/api/auth/tokens", tag = "auth", security(("bearer" = [])),
    params(
        ("page" = Option<i64>, Query, description = "From 1."),
        ("per_page" = Option<i64>, Query, description = "1 to 100, 50 by default."),
    ),
    responses((status = 200, body = PageResponse<TokenView>)))]
pub(in crate::api) async fn list_tokens(
    State(state): State<AppState>,
    player: PlayerSession,
    query: Query,
) -> Result<axum::Json<PageResponse<TokenView>>, Problem> {
    let page = query.lenient_page(PER_PAGE, PER_PAGE_MAX);
    let now = state.clock.now();
    let (rows, total) = state.store.tokens_page(player.user_id, None, now, page).await?;
    let tokens = rows.into_iter().map(|row| TokenView::new(row, &player)).collect();
    Ok(axum::Json(PageResponse::new(tokens, page.meta(total))))
}

/// Creates a token for a program that plays.
#[utoipa::path(post, path = "/api/auth/tokens", tag = "auth", security(("bearer" = [])),
    request_body = TokenBody,
    responses(
        (status = 201, body = NewTokenView),
        (status = 422, body = Problem, description = "The name breaks a rule, or there are as \
            many tokens as a user may have."),
    ))]
pub(in crate::api) async fn create_token(
    State(state): State<AppState>,
    player: PlayerSession,
    Json(body): Json<TokenBody>,
) -> Result<(StatusCode, axum::Json<NewTokenView>), Problem> {
    let name = body.read()?;
    match accounts::create_token(&state, player.user_id, name).await? {
        TokenCreation::Created(row, token) => {
            let data = TokenView::new(row, &player);
            Ok((StatusCode::CREATED, axum::Json(NewTokenView { success: true, data, token })))
        }
        TokenCreation::TooMany(max) => {
            let text = format!("You may have {max} tokens and have {max}. End one first.");
            Err(Problem::field("name", text))
        }
    }
}

/// Revokes one of the user's tokens.
#[utoipa::path(delete, path = "/api/auth/tokens/{token_id}", tag = "auth",
    security(("bearer" = [])),
    params(("token_id" = i64, Path, description = "Its `id` in the list.")),
    responses(
        (status = 200, body = Done),
        (status = 404, body = Problem, description = "The user has no such token."),
    ))]
pub(in crate::api) async fn end_token(
    State(state): State<AppState>,
    player: PlayerSession,
    Path(token_id): Path<String>,
) -> Result<axum::Json<Done>, Problem> {
    let token_id = token_id.parse::<i64>().map_err(|_| Problem::not_found())?;
    if !accounts::revoke_token(&state, player.user_id, token_id).await? {
        return Err(Problem::not_found());
    }
    Ok(axum::Json(Done { success: true, message: "Token ended successfully" }))
}
