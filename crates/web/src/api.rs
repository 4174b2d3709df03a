//! The JSON API: one file a subject, named like its URL. Rules of the game are in `domain`, SQL
//! statements in `store`.

mod achievements;
mod auth;
mod events;
mod external;
mod health;
mod leaderboard;
mod market;
mod ops;
mod orders;
mod portfolio;
mod stocks;
mod transactions;

pub use self::health::CLOCK_SKEW_MAX_S;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    // Not an operation of the API: the OpenAPI document does not list it.
    let metrics = Router::new().route("/metrics", get(health::show_metrics));
    OpenApiRouter::from(metrics)
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::show_user, auth::delete_user))
        .routes(routes!(auth::export_user))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::tokens::list_tokens, auth::tokens::create_token))
        .routes(routes!(auth::tokens::end_token))
        .routes(routes!(stocks::list_stocks))
        .routes(routes!(stocks::show_stock))
        .routes(routes!(stocks::stock_history))
        .routes(routes!(market::show_market))
        .routes(routes!(portfolio::list_holdings))
        .routes(routes!(portfolio::show_summary))
        .routes(routes!(orders::buy))
        .routes(routes!(orders::sell))
        .routes(routes!(orders::pending::list_orders))
        .routes(routes!(orders::pending::show_order, orders::pending::cancel_order))
        .routes(routes!(transactions::list_transactions))
        .routes(routes!(transactions::show_receipt))
        .routes(routes!(transactions::write_note))
        .routes(routes!(achievements::list_achievements))
        .routes(routes!(leaderboard::show_leaderboard))
        .routes(routes!(events::stream_events))
        .routes(routes!(external::external_quote))
        .routes(routes!(external::external_history))
        .routes(routes!(external::external_search))
        .routes(routes!(external::external_profile))
        .routes(routes!(ops::list_providers))
        .routes(routes!(ops::rules::show_rules, ops::rules::apply_rules))
        .routes(routes!(health::show_life))
        .routes(routes!(health::show_readiness))
        .routes(routes!(health::show_up))
}
