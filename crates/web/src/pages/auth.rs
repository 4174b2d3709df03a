//! Registration, login, logout, and joining a game by its code.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::text::TextError;
use store::{NameConflict, TokenKind};

use super::form::{Form, Post};
use super::preferences::{DisplayPreferences, Mode};
use super::view::{Tab, View};
use super::visitor::Visitor;
use super::{redirect, response, url};
use crate::auth::accounts::{self, LoginRequest, OpenedSession, RegistrationRequest};
use crate::auth::names::{self, EmailError, NameError};
use crate::auth::passwords::{self, PasswordError};
use crate::http::limits::Network;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// The target after a login without `next`.
const HOME: &str = "/home";
/// The code of the only game.
const GAME: &str = "main";
const CODE_LENGTH_MAX: usize = 32;
const REGISTER_FIELDS: [&str; 6] = ["name", "email", "password", "mode", "stay", "next"];
const LOGIN_FIELDS: [&str; 4] = ["email", "password", "stay", "next"];
const JOIN_FIELDS: [&str; 1] = ["code"];

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage<'a> {
    view: &'a View,
    form: &'a Form,
    password_length_min: usize,
    name_length_max: usize,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    view: &'a View,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage<'a> {
    view: &'a View,
    form: &'a Form,
}

pub(super) async fn show_registration(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    if visitor.player.is_some() {
        return Ok(redirect::see_other(HOME));
    }
    if !state.rules().is_open_to_join(state.clock.now()) {
        return Err((&codes::JOIN_CLOSED).into());
    }
    let form = Form::new(&REGISTER_FIELDS)
        .with("mode", visitor.preferences.mode.as_str())
        .with("next", query.find("next").unwrap_or_default());
    Ok(registration_page(&state, &visitor, &form, StatusCode::OK))
}

pub(super) async fn register(
    State(state): State<AppState>,
    network: Network,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&REGISTER_FIELDS)?;
    let view = view_of(&state, &visitor, "auth-register-title");
    let request = parse_registration(&state, &view, &mut form);
    let mode = Mode::parse(form.value("mode")).unwrap_or(visitor.preferences.mode);
    if let Some(request) = request {
        let now = state.clock.now();
        let opened = accounts::register(&state, &network, &request, TokenKind::Web, now).await?;
        if let Ok(opened) = opened {
            let chosen = DisplayPreferences { mode, ..visitor.preferences.clone() };
            let stored = chosen.to_stored();
            state.store.save_preferences(opened.user_id, &stored, now).await?;
            let response = start_session(&state, &visitor, &form, &opened);
            return Ok(visitor.with_cookie_of(&chosen, response));
        }
        match opened {
            Err(NameConflict::Name) => {
                form.add_error("name", name_taken(&state, &view, &request.name).await?)
            }
            _ => form.add_error("email", view.t("auth-email-taken")),
        }
    }
    Ok(registration_page(&state, &visitor, &form, StatusCode::UNPROCESSABLE_ENTITY))
}

/// The registration, if it is valid; errors are added to the form.
fn parse_registration(
    state: &AppState,
    view: &View,
    form: &mut Form,
) -> Option<RegistrationRequest> {
    let name = names::check_name(form.value("name"), &state.config.names);
    let email = names::check_email(form.value("email"));
    let password = form.value("password").to_owned();
    let checked = passwords::check(&password, &state.config.auth);
    if let Err(error) = name {
        form.add_error("name", name_error(view, error));
    }
    if let Err(error) = email {
        form.add_error("email", email_error(view, error));
    }
    if let Err(error) = checked {
        form.add_error("password", password_error(view, error));
    }
    Some(RegistrationRequest { name: name.ok()?, email: email.ok()?, password })
        .filter(|_| form.is_valid())
}

fn registration_page(
    state: &AppState,
    visitor: &Visitor,
    form: &Form,
    status: StatusCode,
) -> Response {
    let view = view_of(state, visitor, "auth-register-title");
    let page = RegisterPage {
        view: &view,
        form,
        password_length_min: state.config.auth.password_length_min,
        name_length_max: state.config.names.length_max,
    };
    response::page_with(status, &view, &page)
}

pub(super) async fn show_login(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Response {
    if visitor.player.is_some() {
        return redirect::see_other(HOME);
    }
    let form = Form::new(&LOGIN_FIELDS).with("next", query.find("next").unwrap_or_default());
    login_page(&state, &visitor, &form, StatusCode::OK)
}

pub(super) async fn log_in(
    State(state): State<AppState>,
    network: Network,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&LOGIN_FIELDS)?;
    let view = view_of(&state, &visitor, "auth-login-title");
    let email = names::check_email(form.value("email"));
    if let Err(error) = email {
        form.add_error("email", email_error(&view, error));
    }
    let password = form.value("password").to_owned();
    if password.is_empty() {
        form.add_error("password", view.t("auth-password-missing"));
    }
    if let (Ok(email), true) = (email, form.is_valid()) {
        let request = LoginRequest { email, password };
        let opened = accounts::log_in(&state, &network, &request, TokenKind::Web).await?;
        if let Some(opened) = opened {
            return Ok(start_session(&state, &visitor, &form, &opened));
        }
        form.add_error("email", view.t("auth-incorrect"));
    }
    Ok(login_page(&state, &visitor, &form, StatusCode::UNPROCESSABLE_ENTITY))
}

fn login_page(state: &AppState, visitor: &Visitor, form: &Form, status: StatusCode) -> Response {
    let view = view_of(state, visitor, "auth-login-title");
    response::page_with(status, &view, &LoginPage { view: &view, form })
}

/// Sets the session cookie and redirects to `next`, or home.
fn start_session(
    state: &AppState,
    visitor: &Visitor,
    form: &Form,
    opened: &OpenedSession,
) -> Response {
    let target = url::safe_next(form.value("next")).unwrap_or(HOME);
    // Phones are shared: the session outlives the browser only if the player ticks the box.
    let days = form.is("stay", "on").then_some(state.config.auth.token_idle_days);
    redirect::with_cookie(redirect::see_other(target), visitor.jar.set_session(&opened.token, days))
}

pub(super) async fn log_out(
    State(state): State<AppState>,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    sent.into_form(&[])?;
    if let Some(signed_in) = &visitor.player {
        accounts::log_out(&state, &signed_in.player).await?;
    }
    let mut response = redirect::with_cookie(redirect::see_other("/"), visitor.jar.end_session());
    // The next user of a shared device must not see cached pages.
    let cleared = axum::http::HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert("clear-site-data", cleared);
    Ok(response)
}

pub(super) async fn show_join(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Response {
    let view = view_of(&state, &visitor, "auth-join-title");
    let mut form = Form::new(&JOIN_FIELDS);
    let Some(code) = query.find("code") else {
        return response::page(&view, &JoinPage { view: &view, form: &form });
    };
    let code = code.trim();
    let is_code = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if (1..=CODE_LENGTH_MAX).contains(&code.len()) && code.bytes().all(is_code) {
        return redirect::see_other(&format!("/join/{}", code.to_ascii_lowercase()));
    }
    form = form.with("code", code);
    form.add_error("code", view.t("auth-code-unknown"));
    let page = JoinPage { view: &view, form: &form };
    response::page_with(StatusCode::UNPROCESSABLE_ENTITY, &view, &page)
}

pub(super) async fn join(
    State(state): State<AppState>,
    visitor: Visitor,
    PathSegment(code): PathSegment,
) -> Response {
    if code.eq_ignore_ascii_case(GAME) {
        // Every registered player is in this game.
        let target = if visitor.player.is_some() { HOME } else { "/register" };
        return redirect::see_other(target);
    }
    if code.len() > CODE_LENGTH_MAX {
        return Problem::not_found().into_response();
    }
    let view = view_of(&state, &visitor, "auth-join-title");
    let mut form = Form::new(&JOIN_FIELDS).with("code", code);
    form.add_error("code", view.t("auth-code-unknown"));
    response::page_with(StatusCode::NOT_FOUND, &view, &JoinPage { view: &view, form: &form })
}

fn view_of(state: &AppState, visitor: &Visitor, title: &str) -> View {
    View::new(state, visitor, Tab::None, title)
}

pub(super) fn name_error(view: &View, error: NameError) -> String {
    match error {
        NameError::Missing => view.t("auth-name-missing"),
        NameError::Unfit(error) => character_error(view, error),
        NameError::Marks => view.t("auth-name-marks"),
        NameError::AtSign => view.t("auth-name-at"),
        NameError::Staff => view.t("auth-name-staff"),
        NameError::Rude => view.t("auth-name-rude"),
        NameError::TooLong(max) => view.tn("auth-name-long", "max", max),
        NameError::TooManyBytes => view.t("auth-name-bytes"),
    }
}

/// The error of a name that another player has, with free names.
pub(super) async fn name_taken(
    state: &AppState,
    view: &View,
    name: &str,
) -> Result<String, Problem> {
    let free = accounts::suggest_names(state, name).await?;
    Ok(match free.as_slice() {
        [] => view.t("auth-name-taken-all"),
        free => view.tn("auth-name-taken", "names", free.join(", ").as_str()),
    })
}

/// The error of a text with a character that its field does not accept.
pub(super) fn character_error(view: &View, error: TextError) -> String {
    let character = error.code_point().to_string();
    view.tn("common-character-unfit", "character", character.as_str())
}

pub(super) fn email_error(view: &View, error: EmailError) -> String {
    match error {
        EmailError::Missing => view.t("auth-email-missing"),
        EmailError::Invalid => view.t("auth-email-invalid"),
    }
}

pub(super) fn password_error(view: &View, error: PasswordError) -> String {
    match error {
        PasswordError::TooShort(min) => view.tn("auth-password-short", "min", min),
        PasswordError::TooLong(max) => view.tn("auth-password-long", "max", max),
        PasswordError::Unfit(error) => character_error(view, error),
    }
}
