//! All routes, and the layers every request passes. Each file here holds the routes of one subject;
//! none of them holds a rule of the game or a statement of SQL.

mod achievements;
mod auth;
mod health;
mod leaderboard;
mod orders;
mod pages;
mod portfolio;
pub(crate) mod stocks;
mod transactions;

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::Problem;
use crate::session::RequestId;
use crate::state::AppState;
use crate::{context, limits, openapi};

/// Everything that is served, ready for [`serve`](crate::serve).
pub fn router(state: AppState) -> Router {
    let routes = OpenApiRouter::new()
        .merge(auth::router())
        .merge(stocks::router())
        .merge(portfolio::router())
        .merge(orders::router())
        .merge(transactions::router())
        .merge(achievements::router())
        .merge(leaderboard::router())
        .merge(health::router())
        .merge(pages::router());
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
}

/// What an address answers that leads nowhere: a page for people, a problem for programs.
async fn answer_nowhere(request_id: RequestId, request: Request) -> Response {
    let path = request.uri().path();
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_page = accept.is_some_and(|accept| accept.contains("text/html"));
    let is_api = path == "/api" || path.starts_with("/api/");
    if wants_page && !is_api {
        return pages::not_found(request.headers(), &request_id.to_string());
    }
    Problem::route_not_found(path).into_response()
}
