//! A new password without the old one, by a recovery code or a one-time link of an operator.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::auth::{email_error, password_error};
use super::form::{Form, Post};
use super::view::{Tab, View};
use super::visitor::Visitor;
use super::{redirect, response};
use crate::auth::accounts::OpenedSession;
use crate::auth::{names, passwords, recovery, tokens};
use crate::http::limits::Network;
use crate::http::path_segment::PathSegment;
use crate::problem::Problem;
use crate::state::AppState;

/// The target after a new password was set.
const HOME: &str = "/home";
const CODE_FIELDS: [&str; 3] = ["email", "code", "password"];
const LINK_FIELDS: [&str; 1] = ["password"];

#[derive(Template)]
#[template(path = "recover.html")]
struct CodePage<'a> {
    view: &'a View,
    form: &'a Form,
    password_length_min: usize,
}

#[derive(Template)]
#[template(path = "recover_link.html")]
struct LinkPage<'a> {
    view: &'a View,
    form: &'a Form,
    /// The name of the account; `None` for an unusable link.
    name: Option<String>,
    action: String,
    password_length_min: usize,
}

pub(super) async fn show_code(State(state): State<AppState>, visitor: Visitor) -> Response {
    code_page(&state, &visitor, &Form::new(&CODE_FIELDS), StatusCode::OK)
}

pub(super) async fn use_code(
    State(state): State<AppState>,
    network: Network,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&CODE_FIELDS)?;
    let view = view_of(&state, &visitor);
    let email = names::check_email(form.value("email"));
    if let Err(error) = email {
        form.add_error("email", email_error(&view, error));
    }
    if form.value("code").trim().is_empty() {
        form.add_error("code", view.t("recover-code-missing"));
    }
    let password = new_password(&state, &view, &mut form);
    if let (Ok(email), Some(password), true) = (email, password, form.is_valid()) {
        let code = form.value("code");
        let opened = recovery::use_code(&state, &network, &email.key, code, &password).await?;
        if let Some(opened) = opened {
            return Ok(start_session(&visitor, &opened));
        }
        form.add_error("code", view.t("recover-code-wrong"));
    }
    Ok(code_page(&state, &visitor, &form, StatusCode::UNPROCESSABLE_ENTITY))
}

fn code_page(state: &AppState, visitor: &Visitor, form: &Form, status: StatusCode) -> Response {
    let view = view_of(state, visitor);
    let password_length_min = state.config.auth.password_length_min;
    response::page_with(status, &view, &CodePage { view: &view, form, password_length_min })
}

/// Shows the form of a link without using it up: programs that preview links fetch them.
pub(super) async fn show_link(
    State(state): State<AppState>,
    visitor: Visitor,
    PathSegment(secret): PathSegment,
) -> Result<Response, Problem> {
    let form = Form::new(&LINK_FIELDS);
    link_page(&state, &visitor, &secret, &form, StatusCode::OK).await
}

pub(super) async fn use_link(
    State(state): State<AppState>,
    network: Network,
    PathSegment(secret): PathSegment,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&LINK_FIELDS)?;
    let view = view_of(&state, &visitor);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let Some(password) = new_password(&state, &view, &mut form) else {
        return link_page(&state, &visitor, &secret, &form, status).await;
    };
    let used = match tokens::hash(&secret) {
        Some(hash) => recovery::use_link(&state, &network, hash, &password).await?,
        None => None,
    };
    match used {
        Some(opened) => Ok(start_session(&visitor, &opened)),
        None => link_page(&state, &visitor, &secret, &form, status).await,
    }
}

/// The page of a link; 404 for an unusable one.
async fn link_page(
    state: &AppState,
    visitor: &Visitor,
    secret: &str,
    form: &Form,
    status: StatusCode,
) -> Result<Response, Problem> {
    let found = match tokens::hash(secret) {
        Some(hash) => state.store.find_password_link(hash, state.clock.now()).await?,
        None => None,
    };
    let status = if found.is_some() { status } else { StatusCode::NOT_FOUND };
    let view = view_of(state, visitor);
    let page = LinkPage {
        view: &view,
        form,
        name: found.map(|link| link.name),
        action: format!("{}{secret}", recovery::LINK_PATH),
        password_length_min: state.config.auth.password_length_min,
    };
    let mut response = response::page_with(status, &view, &page);
    // The URL is a secret and must not reach other sites.
    let silent = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, silent);
    Ok(response)
}

/// The new password, if it is valid.
fn new_password(state: &AppState, view: &View, form: &mut Form) -> Option<String> {
    let password = form.value("password").to_owned();
    match passwords::check(&password, &state.config.auth) {
        Ok(()) => Some(password),
        Err(error) => {
            form.add_error("password", password_error(view, error));
            None
        }
    }
}

/// Sets a session cookie that ends with the browser: the device may be shared.
fn start_session(visitor: &Visitor, opened: &OpenedSession) -> Response {
    redirect::with_cookie(redirect::see_other(HOME), visitor.jar.set_session(&opened.token, None))
}

fn view_of(state: &AppState, visitor: &Visitor) -> View {
    View::new(state, visitor, Tab::None, "recover-title")
}
