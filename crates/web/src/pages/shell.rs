//! The installable app: the manifest, the service worker and the offline page, which contain no
//! data of a player; and the two URLs of the original game that switch the mode.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::preferences::{DisplayPreferences, Mode};
use super::view::View;
use super::visitor::{RequestedPage, Visitor};
use super::{redirect, response};
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::pages::assets;
use crate::problem::Problem;
use crate::state::AppState;

const OFFLINE: &str = "/offline";
const WORKER: &str = include_str!("../../static/sw.js");
const BRAND: &str = "#4338CA";
const BACKGROUND: &str = "#FBFAF8";

#[derive(Template)]
#[template(path = "offline.html")]
struct OfflinePage<'a> {
    view: &'a View,
}

/// The same page for all players, because the device caches it.
pub(super) async fn show_offline(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let preferences = DisplayPreferences::of(&headers, &query);
    let requested = RequestedPage { here: OFFLINE.to_owned(), ..RequestedPage::default() };
    let rules = state.rules();
    let currency = (rules.currency, rules.minor_unit);
    let view = View::bare(&preferences, &requested, currency, "about-offline-title");
    response::public_page(&headers, &view, &OfflinePage { view: &view })
}

/// The web app manifest (W3C).
#[derive(Serialize)]
struct Manifest<'a> {
    id: &'a str,
    name: &'a str,
    short_name: &'a str,
    description: String,
    lang: &'a str,
    start_url: &'a str,
    scope: &'a str,
    display: &'a str,
    theme_color: &'a str,
    background_color: &'a str,
    icons: [Icon<'a>; 2],
}

#[derive(Serialize)]
struct Icon<'a> {
    src: &'a str,
    sizes: &'a str,
    r#type: &'a str,
    purpose: &'a str,
}

pub(super) async fn manifest(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let preferences = DisplayPreferences::of(&headers, &query);
    let rules = state.rules();
    let currency = (rules.currency, rules.minor_unit);
    let view = View::bare(&preferences, &RequestedPage::default(), currency, "common-description");
    let icon =
        |name, sizes, kind| Icon { src: assets::path(name), sizes, r#type: kind, purpose: "any" };
    let manifest = Manifest {
        id: "/",
        name: "Openbell",
        short_name: "Openbell",
        description: view.title.clone(),
        lang: view.lang.as_str(),
        start_url: "/",
        scope: "/",
        display: "standalone",
        theme_color: BRAND,
        background_color: BACKGROUND,
        icons: [
            icon("icon.svg", "any", "image/svg+xml"),
            icon("icon-192.png", "192x192", "image/png"),
        ],
    };
    match serde_json::to_string(&manifest) {
        Ok(text) => revalidated("application/manifest+json", text),
        Err(error) => {
            tracing::error!(%error, "cannot serialize the app manifest");
            Problem::internal().into_response()
        }
    }
}

/// The service worker with the list of files to cache, and a version that changes with them.
pub(super) async fn worker() -> Response {
    let files: Vec<&str> = assets::cached_offline().chain([OFFLINE]).collect();
    let files = serde_json::to_string(&files).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(&files).into();
    let version = hex::encode(&digest[..4]);
    let text = format!("const FILES = {files}, VERSION = '{version}'\n{WORKER}");
    revalidated("text/javascript; charset=utf-8", text)
}

fn revalidated(kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "Cookie, Accept-Language"),
        // The policy of the response also applies to the worker.
        (header::CONTENT_SECURITY_POLICY, response::POLICY),
    ];
    (headers, text).into_response()
}

pub(super) async fn toggle_mode(
    State(state): State<AppState>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let mode = if visitor.preferences.mode == Mode::Easy { Mode::Kid } else { Mode::Easy };
    choose_mode(&state, &visitor, Some(mode)).await
}

pub(super) async fn set_mode(
    State(state): State<AppState>,
    visitor: Visitor,
    PathSegment(word): PathSegment,
) -> Result<Response, Problem> {
    choose_mode(&state, &visitor, Mode::parse_any(&word)).await
}

/// Saves the mode, if it is valid, and redirects to the landing page.
async fn choose_mode(
    state: &AppState,
    visitor: &Visitor,
    mode: Option<Mode>,
) -> Result<Response, Problem> {
    let response = redirect::found("/");
    let Some(mode) = mode else { return Ok(response) };
    let chosen = DisplayPreferences { mode, ..visitor.preferences.clone() };
    let mode = Some(mode.as_str().to_owned());
    let stored = store::Preferences { mode, ..visitor.stored_preferences() };
    visitor.store_preferences(state, &stored).await?;
    Ok(visitor.with_cookie_of(&chosen, response))
}
