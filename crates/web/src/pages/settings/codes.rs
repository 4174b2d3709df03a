//! New recovery codes, for the correct password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{NewSecrets, Section, filled, page, page_with_errors, verified_hash};
use crate::auth::recovery;
use crate::http::limits::Network;
use crate::pages::form::Post;
use crate::pages::view::{Tab, View};
use crate::pages::visitor::SignedIn;
use crate::problem::Problem;
use crate::state::AppState;

/// Replaces all recovery codes. Only this response shows the new ones.
pub(super) async fn make(
    State(state): State<AppState>,
    network: Network,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["codes"])?;
    let made = match verified_hash(&state, &network, &me, form.value("codes")).await? {
        Some(hash) => recovery::make_codes(&state, me.player().user_id, &hash).await?,
        None => None,
    };
    let Some(codes) = made else {
        let view = View::new(&state, &me, Tab::None, "settings-title");
        form.add_error("codes", view.t("settings-password-wrong"));
        return page_with_errors(&state, &me, Section::Codes, &form).await;
    };
    let (form, secrets) = (filled(&me), NewSecrets { codes, ..NewSecrets::default() });
    page(&state, &me, StatusCode::OK, &form, Some(Section::Codes), secrets).await
}
