//! A user's own tokens: listed, made and ended. Another's are not there. The secret of a token is
//! told once, when it is made.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use store::TokenRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Done;
use super::read::TokenBody;
use crate::auth::accounts::{self, Created};
use crate::auth::sessions::Player;
use crate::http::body::Json;
use crate::http::query::Query;
use crate::openapi::Page;
use crate::problem::Problem;
use crate::state::AppState;

/// Rows a page when the caller does not say.
const PER_PAGE: i64 = 50;
/// The most rows a page.
const PER_PAGE_MAX: i64 = 100;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(end_token))
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
struct TokenView {
    #[schema(example = 7)]
    id: i64,
    /// What it is for; `login` for those of a login.
    #[schema(example = "My trading bot")]
    name: String,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    created_at: String,
    /// To the hour or so.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    last_used_at: String,
    /// When it ends at the latest; it ends earlier when it is not used.
    #[schema(example = "2027-11-23T00:45:41.000000Z")]
    expires_at: String,
    /// Whether it is the one this was asked with.
    #[schema(example = true)]
    current: bool,
}

impl TokenView {
    fn new(row: TokenRow, player: &Player) -> Self {
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

/// A token that was just made.
#[derive(Serialize, ToSchema)]
struct NewTokenView {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    data: TokenView,
    /// The secret, never shown again.
    #[schema(example = "ob_7Jv2Xq…")]
    token: String,
}

/// The user's living tokens, newest first.
#[utoipa::path(get, path = "/api/auth/tokens", tag = "auth", security(("bearer" = [])),
    params(
        ("page" = Option<i64>, Query, description = "From 1."),
        ("per_page" = Option<i64>, Query, description = "1 to 100, 50 by default."),
    ),
    responses((status = 200, body = Page<TokenView>)))]
async fn list_tokens(
    State(state): State<AppState>,
    player: Player,
    query: Query,
) -> Result<Answer<Page<TokenView>>, Problem> {
    let page = query.lenient_page(PER_PAGE, PER_PAGE_MAX);
    let now = state.clock.now();
    let (rows, total) = state.store.tokens_page(player.user_id, None, now, page).await?;
    let tokens = rows.into_iter().map(|row| TokenView::new(row, &player)).collect();
    Ok(Answer(Page::new(tokens, page.meta(total))))
}

/// Makes another token, for a program that plays.
#[utoipa::path(post, path = "/api/auth/tokens", tag = "auth", security(("bearer" = [])),
    request_body = TokenBody,
    responses(
        (status = 201, body = NewTokenView),
        (status = 422, body = Problem, description = "The name breaks a rule, or there are as \
            many tokens as a user may have."),
    ))]
async fn create_token(
    State(state): State<AppState>,
    player: Player,
    Json(body): Json<TokenBody>,
) -> Result<(StatusCode, Answer<NewTokenView>), Problem> {
    let name = body.read()?;
    match accounts::create_token(&state, player.user_id, name).await? {
        Created::Made(row, token) => {
            let data = TokenView::new(row, &player);
            Ok((StatusCode::CREATED, Answer(NewTokenView { success: true, data, token })))
        }
        Created::TooMany(max) => {
            let text = format!("You may have {max} tokens and have {max}. End one first.");
            Err(Problem::field("name", text))
        }
    }
}

/// Ends one of the user's tokens.
#[utoipa::path(delete, path = "/api/auth/tokens/{token_id}", tag = "auth",
    security(("bearer" = [])),
    params(("token_id" = i64, Path, description = "Its `id` in the list.")),
    responses(
        (status = 200, body = Done),
        (status = 404, body = Problem, description = "The user has no such token."),
    ))]
async fn end_token(
    State(state): State<AppState>,
    player: Player,
    Path(token_id): Path<String>,
) -> Result<Answer<Done>, Problem> {
    let token_id = token_id.parse::<i64>().map_err(|_| Problem::not_found())?;
    if !state.store.revoke_token(player.user_id, token_id).await? {
        return Err(Problem::not_found());
    }
    Ok(Answer(Done { success: true, message: "Token ended successfully" }))
}
