//! The pages that say what this is: the landing for who is not signed in, and where the prices and
//! the parts of the program come from.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use domain::QuoteSource;

use super::redirect;
use super::response;
use super::view::{Tab, View};
use super::visitor::Visitor;
use crate::api::market::{MarketChance, load_chance};
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/", get(show_landing)).route("/about", get(show_about))
}

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
    /// What is to be known of the prices, where they are not real.
    caution: Option<&'static str>,
    /// Whether what comes next can be looked up.
    is_known: bool,
    market_day: String,
    /// The commitment to the seed of the prices, and the seed when it is published.
    chance: Option<MarketChance>,
    /// Whether the seed of the prices is in the configuration, and so no secret.
    is_seed_configured: bool,
}

async fn show_landing(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if visitor.player.is_some() {
        return redirect::see_other("/home");
    }
    let view = View::new(&state, &visitor, Tab::None, "about-landing-title");
    let starting_cash = view.fmt.money(state.rules.starting_cash);
    response::public_page(&headers, &view, &LandingPage { view: &view, starting_cash })
}

async fn show_about(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let view = View::new(&state, &visitor, Tab::None, "about-title");
    let chance = load_chance(&state);
    let has_seed = matches!(state.market.source(), QuoteSource::Replay | QuoteSource::Simulated);
    let page = AboutPage {
        view: &view,
        starting_cash: view.fmt.money(state.rules.starting_cash),
        caution: state.market.caution(),
        is_known: state.market.has_known_history(),
        market_day: view.fmt.day(state.prices.snapshot().market_day),
        is_seed_configured: has_seed && chance.is_none(),
        chance,
    };
    response::public_page(&headers, &view, &page)
}
