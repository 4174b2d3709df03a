//! The HTML pages. They are rendered on the server and work without scripts; each group of pages
//! has a file. They read the same modules as the API, never the API itself.

mod about;
mod achievements;
pub(crate) mod assets;
mod auth;
mod chart;
mod csrf;
pub(crate) mod errors;
mod form;
mod format;
mod history;
mod home;
mod live;
mod market;
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
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;

use crate::state::AppState;

/// A low level: each page is compressed once and sent once.
const BROTLI_QUALITY: i32 = 4;

pub(crate) fn router(state: AppState) -> Router<AppState> {
    let pages = Router::new()
        .merge(about::router())
        .merge(auth::router())
        .merge(achievements::router())
        .merge(history::router())
        .merge(home::router())
        .merge(live::router())
        .merge(market::router())
        .merge(ops::router())
        .merge(order::router())
        .merge(people::router())
        .merge(stock::router())
        .merge(portfolio::router())
        .merge(ranks::router())
        .merge(recover::router())
        .merge(settings::router())
        .merge(shell::router())
        .layer(from_fn_with_state(state, response::mark_rewards_seen));
    Router::new().merge(assets::router()).merge(pages)
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
