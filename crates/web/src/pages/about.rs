//! The landing page, and the page about the game, the source of its prices and its licenses.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::QuoteSource;

use super::view::{Tab, View};
use super::visitor::Visitor;
use super::{redirect, response};
use crate::game::market::{SeedCommitment, load_seed_commitment};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingPage<'a> {
    view: &'a View,
    starting_cash: String,
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage<'a> {
    view: &'a View,
    starting_cash: String,
    /// A warning about the prices, in English.
    caution: Option<&'static str>,
    /// Whether the prices are of a known history.
    is_known: bool,
    market_day: String,
    /// The commitment to the seed of the prices, and the seed once it is published.
    chance: Option<SeedCommitment>,
    /// Whether the seed of the prices is in the configuration and therefore not secret.
    is_seed_configured: bool,
}

pub(super) async fn show_landing(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if visitor.player.is_some() {
        return redirect::see_other("/home");
    }
    let view = View::new(&state, &visitor, Tab::None, "about-landing-title");
    let starting_cash = view.fmt.money(state.rules().starting_cash);
    response::public_page(&headers, &view, &LandingPage { view: &view, starting_cash })
}

pub(super) async fn show_about(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let view = View::new(&state, &visitor, Tab::None, "about-title");
    let chance = load_seed_commitment(&state);
    let has_seed = matches!(state.market.source(), QuoteSource::Replay | QuoteSource::Simulated);
    let page = AboutPage {
        view: &view,
        starting_cash: view.fmt.money(state.rules().starting_cash),
        caution: state.market.caution(),
        is_known: state.market.has_known_history(),
        market_day: view.fmt.day(state.prices.snapshot().market_day),
        is_seed_configured: has_seed && chance.is_none(),
        chance,
    };
    response::public_page(&headers, &view, &page)
}
