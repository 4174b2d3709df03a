//! The operator's pages of users: a list with a search by name and e-mail address, and a page of
//! one user, to rename, to make a one-time link for a new password and to end sessions. Other
//! players get 404.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use domain::text::{TextKind, email_key};
use store::{Role, UserDetails};

use super::auth::{name_error, name_taken};
use super::form::{Form, Post};
use super::view::{Tab, View};
use super::visitor::SignedIn;
use super::{redirect, response, url};
use crate::auth::security_events::SecurityEvent;
use crate::auth::{names, recovery};
use crate::http::cookies::CameByHttps;
use crate::http::input::text_of;
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

const ROWS: usize = 20;
/// In characters.
const SEARCH_LENGTH_MAX: usize = 100;
const PATH: &str = "/ops/people";

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage<'a> {
    view: &'a View,
    search: &'a str,
    rows: Vec<UserListRow>,
    /// The URL of older users.
    older: Option<String>,
}

struct UserListRow {
    link: String,
    name: String,
    email: String,
    is_operator: bool,
    since: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage<'a> {
    view: &'a View,
    form: &'a Form,
    /// The path of this user's pages.
    path: String,
    person: &'a UserDetails,
    level: i64,
    /// The URL of a new one-time link.
    link: Option<String>,
    hours: i64,
    name_length_max: usize,
    /// Whether the page confirms an action.
    is_done: bool,
}

impl PersonPage<'_> {
    fn is_operator(&self) -> bool {
        self.person.person.role == Role::Operator
    }
}

/// The origin at which the browser reaches this server: `https://play.example`.
pub(super) struct BaseUrl(String);

impl<S: Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let https = parts.extensions.get::<CameByHttps>().is_some_and(|came| came.0);
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let scheme = if https { "https" } else { "http" };
        Ok(Self(format!("{scheme}://{}", host.unwrap_or_default())))
    }
}

/// Other players get 404.
fn require_operator(me: &SignedIn) -> Result<(), Problem> {
    if me.viewer().role == Role::Operator {
        return Ok(());
    }
    Err(Problem::route_not_found(PATH))
}

pub(super) async fn list(
    State(state): State<AppState>,
    me: SignedIn,
    query: Query,
) -> Result<Response, Problem> {
    require_operator(&me)?;
    let typed = text_of(query.find("q").unwrap_or_default(), TextKind::Search, "q");
    let typed = typed.map_err(|error| Problem::field("q", error))?;
    let search: String = typed.chars().take(SEARCH_LENGTH_MAX).collect();
    // An e-mail address is found by its index.
    if search.contains('@')
        && let Some(user_id) = state.store.find_user_id(&email_key(&search)).await?
    {
        return Ok(redirect::see_other(&format!("{PATH}/{user_id}")));
    }
    let below = query.find("below").and_then(|text| text.parse::<i64>().ok());
    let found = state.store.users_page(&search, below, ROWS).await?;
    let view = View::new(&state, &me, Tab::None, "people-title");
    let rows = found.rows.into_iter().map(|person| UserListRow {
        link: format!("{PATH}/{}", person.user_id),
        name: person.name,
        email: person.email,
        is_operator: person.role == Role::Operator,
        since: view.fmt.moment(person.created_at),
    });
    let rows = rows.collect();
    let older = found.next.map(|next| {
        let search = url::encode(&search);
        format!("{PATH}?q={search}&below={next}")
    });
    Ok(response::page(&view, &PeoplePage { view: &view, search: &search, rows, older }))
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: SignedIn,
    PathSegment(user_id): PathSegment,
    query: Query,
) -> Result<Response, Problem> {
    let person = load(&state, &me, &user_id).await?;
    let form = Form::new(&["name"]).with("name", person.person.name.clone());
    let is_done = query.find("done").is_some();
    Ok(page(&state, &me, &person, &form, ActionResult { is_done, ..ActionResult::default() }))
}

pub(super) async fn rename(
    State(state): State<AppState>,
    PathSegment(user_id): PathSegment,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let person = load(&state, &me, &user_id).await?;
    let mut form = sent.into_form(&["name"])?;
    let view = View::new(&state, &me, Tab::None, "people-title");
    match names::check_name(form.value("name"), &state.config.names) {
        Ok(name) => {
            let user_id = person.person.user_id;
            if state.store.change_name(user_id, &name, state.clock.now()).await? {
                state.player_changed(person.player_id);
                log_action(&me, user_id, "rename");
                return Ok(redirect::see_other(&format!("{PATH}/{user_id}?done=1")));
            }
            form.add_error("name", name_taken(&state, &view, &name).await?);
        }
        Err(error) => form.add_error("name", name_error(&view, error)),
    }
    let status = Some(StatusCode::UNPROCESSABLE_ENTITY);
    Ok(page(&state, &me, &person, &form, ActionResult { status, ..ActionResult::default() }))
}

/// Makes a one-time link. Only this response shows its URL.
pub(super) async fn make_link(
    State(state): State<AppState>,
    PathSegment(user_id): PathSegment,
    BaseUrl(base): BaseUrl,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let person = load(&state, &me, &user_id).await?;
    sent.into_form(&[])?;
    let user_id = person.person.user_id;
    let (clock, entropy) = (&*state.clock, &*state.entropy);
    let secret = recovery::make_link(&state.store, user_id, clock, entropy).await?;
    let secret = secret.ok_or_else(Problem::not_found)?;
    log_action(&me, user_id, "one_time_link");
    let form = Form::new(&["name"]).with("name", person.person.name.clone());
    let link = Some(format!("{base}{}{secret}", recovery::LINK_PATH));
    Ok(page(&state, &me, &person, &form, ActionResult { link, ..ActionResult::default() }))
}

pub(super) async fn end_sessions(
    State(state): State<AppState>,
    PathSegment(user_id): PathSegment,
    Post(me, sent): Post<SignedIn>,
) -> Result<Response, Problem> {
    let person = load(&state, &me, &user_id).await?;
    sent.into_form(&[])?;
    let user_id = person.person.user_id;
    state.store.revoke_all_tokens(user_id).await?;
    log_action(&me, user_id, "end_sessions");
    Ok(redirect::see_other(&format!("{PATH}/{user_id}?done=1")))
}

fn log_action(me: &SignedIn, user_id: i64, action: &'static str) {
    SecurityEvent::of_operator(me.player().user_id, user_id, action).log();
}

async fn load(state: &AppState, me: &SignedIn, user_id: &str) -> Result<UserDetails, Problem> {
    require_operator(me)?;
    let user_id = user_id.parse::<i64>().map_err(|_| Problem::not_found())?;
    let found = state.store.find_user_details(user_id, state.clock.now()).await?;
    found.ok_or_else(Problem::not_found)
}

/// The result of an action on the page of a user.
#[derive(Default)]
struct ActionResult {
    status: Option<StatusCode>,
    link: Option<String>,
    is_done: bool,
}

fn page(
    state: &AppState,
    me: &SignedIn,
    person: &UserDetails,
    form: &Form,
    result: ActionResult,
) -> Response {
    let view = View::new(state, me, Tab::None, "people-title");
    let page = PersonPage {
        view: &view,
        form,
        path: format!("{PATH}/{}", person.person.user_id),
        person,
        level: state.rules().levels.progress(person.total_xp).level,
        link: result.link,
        hours: i64::from(recovery::LINK_LIFE_HOURS),
        name_length_max: state.config.names.length_max,
        is_done: result.is_done,
    };
    response::page_with(result.status.unwrap_or(StatusCode::OK), &view, &page)
}
