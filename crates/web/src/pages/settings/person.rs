//! Changes of name and password, and the deletion of the account (`store::erase`).

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Section, page_with_errors, verified_hash};
use crate::auth::security_events::{SecurityEvent, SecurityEventKind};
use crate::auth::{accounts, names, passwords};
use crate::http::limits::Network;
use crate::pages::auth::{name_error, name_taken, password_error};
use crate::pages::form::Post;
use crate::pages::view::{Tab, View};
use crate::pages::visitor::{SignedIn, Visitor};
use crate::pages::{redirect, response};
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "gone.html")]
struct GonePage<'a> {
    view: &'a View,
}

pub(super) async fn save_name(
    State(state): State<AppState>,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["name"])?;
    let view = View::new(&state, &me, Tab::None, "settings-title");
    match names::check_name(form.value("name"), &state.config.names) {
        Ok(name) => {
            let changed = state.store.change_name(me.player().user_id, &name, state.clock.now());
            if changed.await? {
                state.player_changed(me.player().player_id);
                return Ok(Section::Name.done());
            }
            form.add_error("name", name_taken(&state, &view, &name).await?);
        }
        Err(error) => form.add_error("name", name_error(&view, error)),
    }
    page_with_errors(&state, &me, Section::Name, &form).await
}

/// Changes the password and revokes all other sessions and tokens.
pub(super) async fn save_password(
    State(state): State<AppState>,
    network: Network,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["current", "password"])?;
    let view = View::new(&state, &me, Tab::None, "settings-title");
    let new_password = form.value("password").to_owned();
    if let Err(error) = passwords::check(&new_password, &state.config.auth) {
        form.add_error("password", password_error(&view, error));
        return page_with_errors(&state, &me, Section::Password, &form).await;
    }
    let player = me.player();
    let is_changed = match verified_hash(&state, &network, &me, form.value("current")).await? {
        Some(old) => {
            let new = state.hasher.hash(&new_password, &*state.entropy).await?;
            let (hashes, now) = ((old.as_str(), new.as_str()), state.clock.now());
            state.store.change_password(player.user_id, hashes, player.token_id, now).await?
        }
        None => false,
    };
    if !is_changed {
        form.add_error("current", view.t("settings-password-wrong"));
        return page_with_errors(&state, &me, Section::Password, &form).await;
    }
    let event = SecurityEvent::of_user(SecurityEventKind::PasswordChanged, player.user_id);
    event.with_network(network.prefix()).log();
    Ok(Section::Password.done())
}

/// Erases the user. The ledger stays without a name.
pub(super) async fn delete(
    State(state): State<AppState>,
    network: Network,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["farewell"])?;
    let view = View::new(&state, &me, Tab::None, "settings-title");
    if verified_hash(&state, &network, &me, form.value("farewell")).await?.is_none() {
        form.add_error("farewell", view.t("settings-password-wrong"));
        return page_with_errors(&state, &me, Section::Delete, &form).await;
    }
    accounts::erase(&state, me.player().user_id).await?;
    state.player_erased(me.player().player_id);
    Ok(redirect::with_cookie(redirect::see_other("/settings/gone"), me.jar.end_session()))
}

pub(super) async fn show_gone(State(state): State<AppState>, visitor: Visitor) -> Response {
    let view = View::new(&state, &visitor, Tab::None, "settings-gone-title");
    response::page(&view, &GonePage { view: &view })
}
