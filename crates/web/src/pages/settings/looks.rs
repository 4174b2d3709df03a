//! The looks of the pages: mode, theme, text size, language, data saver, time zone, hidden amounts.
//! They are stored for players, and kept in a cookie for other visitors.

use axum::extract::State;
use axum::response::Response;

use super::{Section, page_with_errors};
use crate::pages::form::{Form, Post};
use crate::pages::preferences::{self, DisplayPreferences, Lang, Mode, Saver, TextSize, Theme};
use crate::pages::visitor::Visitor;
use crate::problem::Problem;
use crate::state::AppState;

const FIELDS: [&str; 7] = ["mode", "theme", "text", "language", "saver", "zone", "amounts"];
/// Common time zones. All others are on the page of zones.
const ZONES: [&str; 16] = [
    "Africa/Harare",
    "Africa/Johannesburg",
    "Africa/Lusaka",
    "Africa/Maputo",
    "Africa/Nairobi",
    "Africa/Lagos",
    "Africa/Cairo",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Sydney",
    "UTC",
];

/// The common zones, and the present one.
pub(super) fn zones(preferences: &DisplayPreferences) -> Vec<String> {
    let mut zones: Vec<String> = ZONES.iter().map(|zone| (*zone).to_owned()).collect();
    if let Some(own) = preferences.zone.iana_name()
        && !ZONES.contains(&own)
    {
        zones.insert(0, own.to_owned());
    }
    zones
}

pub(super) fn fill(form: Form, visitor: &Visitor) -> Form {
    let chosen = &visitor.preferences;
    let stored = visitor.player.as_ref().and_then(|player| player.viewer.preferences.as_ref());
    let hides = stored.is_some_and(|stored| stored.hide_amounts);
    form.with("mode", chosen.mode.as_str())
        .with("theme", chosen.theme.as_str())
        .with("text", chosen.text_size.as_str())
        .with("language", chosen.lang.as_str())
        .with("saver", chosen.saver.as_str())
        .with("zone", chosen.zone.iana_name().unwrap_or(preferences::ZONE))
        .with("amounts", if hides { "on" } else { "" })
}

pub(super) async fn save(
    State(state): State<AppState>,
    Post(visitor, sent): Post<Visitor>,
) -> Result<Response, Problem> {
    let mut form = sent.into_form(&FIELDS)?;
    let view = super::View::new(&state, &visitor, super::Tab::None, "settings-title");
    let parsed = parse(&form, visitor.preferences.browser_saves);
    let Some(chosen) = parsed else {
        form.add_error("mode", view.t("settings-choice-unknown"));
        return page_with_errors(&state, &visitor, Section::Looks, &form).await;
    };
    let hide_amounts = form.is("amounts", "on");
    let stored = store::Preferences { hide_amounts, ..chosen.to_stored() };
    visitor.store_preferences(&state, &stored).await?;
    Ok(visitor.with_cookie_of(&chosen, Section::Looks.done()))
}

/// The choices, if all are valid.
fn parse(form: &Form, browser_saves: bool) -> Option<DisplayPreferences> {
    Some(DisplayPreferences {
        mode: Mode::parse(form.value("mode"))?,
        lang: Lang::parse(form.value("language"))?,
        theme: Theme::parse(form.value("theme"))?,
        text_size: TextSize::parse(form.value("text"))?,
        saver: Saver::parse(form.value("saver"))?,
        browser_saves,
        zone: preferences::zone(form.value("zone"))?,
    })
}
