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

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(auth::router())
        .merge(stocks::router())
        .merge(market::router())
        .merge(portfolio::router())
        .merge(orders::router())
        .merge(transactions::router())
        .merge(achievements::router())
        .merge(leaderboard::router())
        .merge(events::router())
        .merge(external::router())
        .merge(ops::router())
        .merge(health::router())
}
