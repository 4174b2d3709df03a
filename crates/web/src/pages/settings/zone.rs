//! The page of all time zones, with a search on the server: it works without scripts and keeps the
//! names out of other pages. The zones are those of jiff's tz database.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz;

use super::Section;
use crate::http::query::Query;
use crate::pages::form::{Form, Post};
use crate::pages::preferences::{self, DisplayPreferences};
use crate::pages::response;
use crate::pages::view::{Tab, View};
use crate::pages::visitor::Visitor;
use crate::problem::Problem;
use crate::state::AppState;

/// The maximum of results. The largest region has some 170 zones.
const SHOWN_MAX: usize = 200;
/// In characters.
const SEARCH_LENGTH_MAX: usize = 64;

/// The valid names of the tz database, sorted.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = tz::db().available().map(|name| name.as_str().to_owned());
    let mut names: Vec<String> = names.filter(|name| preferences::zone(name).is_some()).collect();
    names.sort_unstable();
    names.dedup();
    names
});

#[derive(Template)]
#[template(path = "zone.html")]
struct ZonePage<'a> {
    view: &'a View,
    form: &'a Form,
    search: &'a str,
    /// The parts of names before the first slash.
    regions: Vec<&'static str>,
    found: Vec<&'static str>,
    /// Whether results were cut off.
    is_cut: bool,
    chosen: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    query: Query,
) -> Response {
    let search = query.find("q").unwrap_or_default();
    page(&state, &visitor, search, &Form::new(&["zone"]), StatusCode::OK)
}

pub(super) async fn save(
    State(state): State<AppState>,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&["zone"])?;
    let Some(zone) = preferences::zone(form.value("zone")) else {
        let view = View::new(&state, &visitor, Tab::None, "settings-zone-title");
        form.add_error("zone", view.t("settings-choice-unknown"));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(page(&state, &visitor, "", &form, status));
    };
    let time_zone = zone.iana_name().map(str::to_owned);
    let stored = store::Preferences { time_zone, ..visitor.stored_preferences() };
    visitor.store_preferences(&state, &stored).await?;
    let chosen = DisplayPreferences { zone, ..visitor.preferences.clone() };
    Ok(visitor.with_cookie_of(&chosen, Section::Looks.done()))
}

fn page(
    state: &AppState,
    visitor: &Visitor,
    search: &str,
    form: &Form,
    status: StatusCode,
) -> Response {
    let view = View::new(state, visitor, Tab::None, "settings-zone-title");
    let search: String = search.trim().chars().take(SEARCH_LENGTH_MAX).collect();
    let mut found = find(&search);
    let is_cut = found.len() > SHOWN_MAX;
    found.truncate(SHOWN_MAX);
    let page = ZonePage {
        view: &view,
        form,
        search: &search,
        regions: regions(),
        found,
        is_cut,
        chosen: visitor.preferences.zone.iana_name().unwrap_or(preferences::ZONE).to_owned(),
    };
    response::page_with(status, &view, &page)
}

/// The zones whose name contains a text, ignoring case and with spaces for underscores. Empty for
/// an empty text.
fn find(search: &str) -> Vec<&'static str> {
    let pattern = search.to_lowercase().replace(' ', "_");
    if pattern.is_empty() {
        return Vec::new();
    }
    let is_found = |name: &&String| name.to_lowercase().contains(&pattern);
    NAMES.iter().filter(is_found).map(String::as_str).collect()
}

fn regions() -> Vec<&'static str> {
    let begin = |name: &'static String| name.split_once('/').map(|(region, _)| region);
    let mut regions: Vec<&str> = NAMES.iter().filter_map(begin).collect();
    regions.dedup();
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_database_is_found_by_its_name() {
        assert!(NAMES.len() > 500, "{}", NAMES.len());
        for name in NAMES.iter() {
            assert!(find(name).contains(&name.as_str()), "{name}");
        }
        assert_eq!(find("new york"), ["America/New_York"]);
        assert!(find("kath").contains(&"Asia/Kathmandu") && find("zzz").is_empty());
        assert!(regions().contains(&"Africa") && find("").is_empty());
        for region in regions() {
            assert!(find(&format!("{region}/")).len() <= SHOWN_MAX, "{region}");
        }
    }
}
