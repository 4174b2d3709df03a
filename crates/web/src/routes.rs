//! All routes, and the layers every request passes. Each file here holds the routes of one subject;
//! none of them holds a rule of the game or a statement of SQL.

mod achievements;
mod auth;
mod events;
mod external;
mod health;
mod leaderboard;
pub(crate) mod market;
mod ops;
pub(crate) mod orders;
mod portfolio;
pub(crate) mod stocks;
pub(crate) mod transactions;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::Problem;
use crate::state::AppState;
use crate::{context, limits, openapi, pages};

/// Everything that is served, ready for [`serve`](crate::serve).
pub fn router(state: AppState) -> Router {
    let routes = OpenApiRouter::new()
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
        .merge(OpenApiRouter::from(pages::router(state.clone())));
    let router = openapi::mount(routes)
        .fallback(answer_nowhere)
        .layer(from_fn(context::note_route))
        .with_state(state.clone());
    // The last layer is the first that a request meets.
    Router::new()
        .fallback_service(router)
        .layer(from_fn_with_state(state.clone(), limits::general))
        .layer(from_fn_with_state(state.clone(), context::cors::answer))
        .layer(from_fn(context::headers::protect))
        .layer(from_fn_with_state(state, context::surround))
        .layer(pages::compression())
}

/// What an address answers that leads nowhere.
async fn answer_nowhere(request: Request) -> Response {
    Problem::route_not_found(request.uri().path()).into_response()
}
