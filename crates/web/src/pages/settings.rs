//! The settings page: looks, appearance on leaderboards, name, password, recovery codes, tokens,
//! sessions, export and deletion. Each form is processed by a file below this one. Visitors who are
//! not signed in choose their looks, too.

mod board;
mod codes;
mod looks;
mod person;
mod tokens;
mod zone;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use domain::PageRequest;
use domain::text::email_key;
use store::{NameVisibility, TokenKind, TokenRow, Viewer};

use super::choices::choices;
use super::form::Form;
use super::view::{Tab, View};
use super::visitor::{SignedIn, Visitor};
use super::{redirect, response};
use crate::auth::accounts;
use crate::auth::sessions::PlayerSession;
use crate::game::export;
use crate::http::attachment;
use crate::http::limits::Network;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// The maximum of tokens and sessions of a user.
const LISTED_MAX: i64 = 100;
/// The fields of all forms: the page shows the errors of one form among all others.
const FIELDS: [&str; 17] = [
    "mode",
    "theme",
    "text",
    "language",
    "saver",
    "zone",
    "amounts",
    "shows",
    "pseudonym",
    "name",
    "current",
    "password",
    "codes",
    "token",
    "token_id",
    "farewell",
    "others",
];

/// Routes apart from the table of `pages`, so that the handlers of the forms stay private to this
/// module.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/settings", get(show))
        .route("/settings/looks", post(looks::save))
        .route("/settings/zone", get(zone::show))
        .route("/settings/zone/choose", post(zone::save))
        .route("/settings/board", post(board::save))
        .route("/settings/name", post(person::save_name))
        .route("/settings/password", post(person::save_password))
        .route("/settings/codes", post(codes::make))
        .route("/settings/tokens", post(tokens::create))
        .route("/settings/tokens/end", post(tokens::end))
        .route("/settings/sessions/end-others", post(tokens::end_others))
        .route("/settings/export", get(send_export))
        .route("/settings/delete", post(person::delete))
        .route("/settings/gone", get(person::show_gone))
}

async fn send_export(State(state): State<AppState>, me: SignedIn) -> Result<Response, Problem> {
    let (length, zip) = export::write(&state, &me.player()).await?;
    Ok(attachment::export(length, Body::from_stream(zip)))
}

choices! {
    Section {
        Looks = "looks",
        Board = "board",
        Name = "name",
        Password = "password",
        Codes = "codes",
        Tokens = "tokens",
        Sessions = "sessions",
        Delete = "delete",
    }
}

impl Section {
    /// Redirects to this section, which confirms the change.
    fn done(self) -> Response {
        let word = self.as_str();
        redirect::see_other(&format!("/settings?done={word}#{word}"))
    }
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    view: &'a View,
    form: &'a Form,
    /// The section that was saved or has errors.
    section: Option<Section>,
    zones: Vec<String>,
    account: Option<AccountSettings>,
    password_length_min: usize,
    name_length_max: usize,
}

struct AccountSettings {
    tokens: Vec<TokenListRow>,
    sessions: Vec<TokenListRow>,
    secrets: NewSecrets,
    /// The text on the remaining recovery codes.
    codes: String,
    email: String,
}

/// New secrets, which only one response shows.
#[derive(Default)]
struct NewSecrets {
    token: Option<String>,
    codes: Vec<String>,
}

struct TokenListRow {
    token_id: i64,
    name: String,
    made: String,
    used: String,
    is_this: bool,
}

impl SettingsPage<'_> {
    fn is_done(&self, word: &str) -> bool {
        self.form.is_valid() && self.is_section(word)
    }

    fn is_wrong(&self, word: &str) -> bool {
        !self.form.is_valid() && self.is_section(word)
    }

    fn is_section(&self, word: &str) -> bool {
        self.section.is_some_and(|section| section.as_str() == word)
    }
}

async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let mut form = filled(&visitor);
    let mut section = query.find("done").and_then(Section::parse);
    if query.find("propose").is_some() && visitor.player.is_some() {
        let proposed = board::propose(&*state.entropy);
        form = form.with("shows", NameVisibility::Pseudonym.as_str()).with("pseudonym", proposed);
        section = None;
    }
    page(&state, &visitor, StatusCode::OK, &form, section, NewSecrets::default()).await
}

/// All forms with the present settings.
fn filled(visitor: &Visitor) -> Form {
    let mut form = looks::fill(Form::new(&FIELDS), visitor);
    if let Some(signed_in) = &visitor.player {
        form = board::fill(form, &signed_in.viewer.appearance);
        form = form.with("name", signed_in.viewer.name.clone());
    }
    form
}

/// The page with the errors of one form.
async fn page_with_errors(
    state: &AppState,
    visitor: &Visitor,
    section: Section,
    sent: &Form,
) -> Result<Response, Problem> {
    let form = filled(visitor).joined(sent);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    page(state, visitor, status, &form, Some(section), NewSecrets::default()).await
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    status: StatusCode,
    form: &Form,
    section: Option<Section>,
    secrets: NewSecrets,
) -> Result<Response, Problem> {
    let view = View::new(state, visitor, Tab::None, "settings-title");
    let account = match &visitor.player {
        Some(signed_in) => {
            Some(load_account(state, &view, signed_in.player, &signed_in.viewer, secrets).await?)
        }
        None => None,
    };
    let page = SettingsPage {
        view: &view,
        form,
        section,
        zones: looks::zones(&visitor.preferences),
        account,
        password_length_min: state.config.auth.password_length_min,
        name_length_max: state.config.names.length_max,
    };
    Ok(response::page_with(status, &view, &page))
}

async fn load_account(
    state: &AppState,
    view: &View,
    player: PlayerSession,
    viewer: &Viewer,
    secrets: NewSecrets,
) -> Result<AccountSettings, Problem> {
    let all = PageRequest::clamped(1, LISTED_MAX, LISTED_MAX);
    let (rows, _) = state.store.tokens_page(player.user_id, None, state.clock.now(), all).await?;
    let row = |row: TokenRow| TokenListRow {
        token_id: row.token_id,
        made: view.fmt.moment(row.created_at),
        used: view.fmt.moment(row.last_used_at),
        is_this: row.token_id == player.token_id,
        name: row.name,
    };
    let (sessions, tokens): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.kind == TokenKind::Web);
    let [tokens, sessions] = [tokens, sessions].map(|rows| rows.into_iter().map(row).collect());
    let left = state.store.count_recovery_codes(player.user_id).await?;
    let codes = match left.made_at {
        Some(at) => view.t2("settings-codes-left", "n", left.count, "made", view.fmt.moment(at)),
        None => view.t("settings-codes-none"),
    };
    Ok(AccountSettings { tokens, sessions, secrets, codes, email: viewer.email.clone() })
}

/// The stored hash of the account's password, if `password` is correct. Rate limited like a login.
async fn verified_hash(
    state: &AppState,
    network: &Network,
    me: &SignedIn,
    password: &str,
) -> Result<Option<String>, Problem> {
    let email_key = email_key(&me.viewer().email);
    let user_id = me.player().user_id;
    accounts::confirm_password(state, network, user_id, &email_key, password).await
}
