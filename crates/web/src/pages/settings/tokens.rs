//! Creates and revokes tokens of programs and sessions of browsers.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{NewSecrets, Section, filled, page, page_with_errors};
use crate::auth::accounts::{self, TokenCreation, TokenNameError};
use crate::auth::security_events::{SecurityEvent, SecurityEventKind};
use crate::pages::auth::character_error;
use crate::pages::form::Post;
use crate::pages::view::{Tab, View};
use crate::pages::visitor::SignedIn;
use crate::problem::Problem;
use crate::state::AppState;

/// Creates a token. Only this response shows its secret.
pub(super) async fn create(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["token"])?;
    let view = View::new(&state, &me, Tab::None, "settings-title");
    let too_long = TokenNameError::TooLong(accounts::TOKEN_NAME_LENGTH_MAX);
    let name = accounts::check_token_name(form.value("token"));
    let name = match name.and_then(|name| if name.is_empty() { Err(too_long) } else { Ok(name) }) {
        Ok(name) => name,
        Err(error) => {
            let text = match error {
                TokenNameError::Unfit(error) => character_error(&view, error),
                TokenNameError::TooLong(max) => view.tn("settings-token-wrong", "max", max),
            };
            form.add_error("token", text);
            return page_with_errors(&state, &me, Section::Tokens, &form).await;
        }
    };
    match accounts::create_token(&state, me.player().user_id, name).await? {
        TokenCreation::Created(_, secret) => {
            let form = filled(&me);
            let secrets = NewSecrets { token: Some(secret), ..NewSecrets::default() };
            page(&state, &me, StatusCode::OK, &form, Some(Section::Tokens), secrets).await
        }
        TokenCreation::TooMany(max) => {
            form.add_error("token", view.tn("settings-token-many", "max", i64::from(max)));
            page_with_errors(&state, &me, Section::Tokens, &form).await
        }
    }
}

/// Revokes a token or a session of the player.
pub(super) async fn end(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let form = sent.into_form(&["token_id"])?;
    let token_id = form.value("token_id").parse::<i64>().map_err(|_| Problem::not_found())?;
    if !accounts::revoke_token(&state, me.player().user_id, token_id).await? {
        return Err(Problem::not_found());
    }
    Ok(Section::Sessions.done())
}

/// Revokes all tokens and sessions except this one.
pub(super) async fn end_others(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    sent.into_form(&[])?;
    let player = me.player();
    state.store.revoke_other_tokens(player.user_id, player.token_id).await?;
    SecurityEvent::of_user(SecurityEventKind::SessionsRevoked, player.user_id).log();
    Ok(Section::Sessions.done())
}
