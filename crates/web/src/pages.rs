//! The HTML pages. They are rendered on the server and work without scripts; each group of pages
//! has a file. They read the same modules as the API, never the API itself.

mod about;
mod achievements;
pub(crate) mod assets;
mod auth;
mod chart;
mod choices;
mod csrf;
pub(crate) mod errors;
mod form;
mod format;
mod history;
mod home;
mod limits;
mod live;
mod market;
mod market_state;
mod ops;
mod order;
mod pending;
mod people;
mod portfolio;
mod portfolio_value;
mod preferences;
mod ranks;
mod receipt;
mod recover;
mod redirect;
mod rejection;
mod response;
mod rules;
mod settings;
mod shell;
mod stock;
mod url;
mod value_part;
mod view;
mod visitor;
mod words;
mod xp;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;

use crate::state::AppState;

/// A low level: each page is compressed once and sent once.
const BROTLI_QUALITY: i32 = 4;

pub(crate) fn router(state: AppState) -> Router<AppState> {
    let pages = Router::new()
        .route("/", get(about::show_landing))
        .route("/about", get(about::show_about))
        .route("/register", get(auth::show_registration).post(auth::register))
        .route("/login", get(auth::show_login).post(auth::log_in))
        .route("/logout", post(auth::log_out))
        .route("/join", get(auth::show_join))
        .route("/join/{code}", get(auth::join))
        .route("/achievements", get(achievements::show))
        .route("/history", get(history::show))
        .route("/history.csv", get(history::send))
        .route("/home", get(home::show))
        .route("/live", get(live::stream))
        .route("/market", get(market::show))
        .route("/market/watch", post(market::watch))
        .route("/ops", get(ops::show))
        .route("/orders/review", post(order::review))
        .route("/orders", post(order::confirm))
        .route("/orders/{trade_id}", get(receipt::show))
        .route("/orders/{trade_id}/cancel", post(pending::cancel))
        .route("/orders/{trade_id}/note", post(receipt::save_note_form))
        .route("/ops/rules", get(rules::show))
        .route("/ops/people", get(people::list))
        .route("/ops/people/{user_id}", get(people::show))
        .route("/ops/people/{user_id}/name", post(people::rename))
        .route("/ops/people/{user_id}/link", post(people::make_link))
        .route("/ops/people/{user_id}/sessions", post(people::end_sessions))
        .route("/stocks/{symbol}", get(stock::show))
        .route("/stocks/{symbol}/buy", get(stock::show_buying))
        .route("/stocks/{symbol}/sell", get(stock::show_selling))
        .route("/portfolio", get(portfolio::show))
        .route("/ranks", get(ranks::show))
        .route("/recover", get(recover::show_code).post(recover::use_code))
        .route("/recover/{secret}", get(recover::show_link).post(recover::use_link))
        .route("/offline", get(shell::show_offline))
        .route("/manifest.webmanifest", get(shell::manifest))
        .route("/sw.js", get(shell::worker))
        .route("/toggle-ui", get(shell::toggle_mode))
        .route("/set-ui/{mode}", get(shell::set_mode))
        .merge(settings::router())
        .layer(from_fn_with_state(state, response::mark_rewards_seen));
    Router::new().route("/static/{file}", get(assets::serve)).merge(pages)
}

/// The layer that compresses generated responses. Event streams are not compressed, and static
/// files have compressed siblings.
pub(crate) fn compression() -> CompressionLayer<impl Predicate> {
    let is_generated = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        matches!(kind, "text/html" | "text/javascript" | "application/manifest+json")
    };
    CompressionLayer::new()
        .quality(CompressionLevel::Precise(BROTLI_QUALITY))
        .compress_when(is_generated)
}
