//! The router of the API and the pages, with the layers that every request passes.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use crate::http::{access_log, cors, headers, limits, request_context};
use crate::problem::Problem;
use crate::state::AppState;
use crate::{api, openapi, pages};

/// The service for [`serve`](crate::serve).
pub fn router(state: AppState) -> Router {
    let routes = api::router().merge(OpenApiRouter::from(pages::router(state.clone())));
    let router = openapi::mount(routes)
        .fallback(route_not_found)
        .layer(from_fn(request_context::record_route))
        .with_state(state.clone());
    // The last layer is the first that a request passes.
    Router::new()
        .fallback_service(router)
        .layer(from_fn_with_state(state.clone(), limits::general))
        .layer(from_fn_with_state(state.clone(), cors::add_cors))
        .layer(from_fn(headers::protect))
        .layer(from_fn_with_state(state.clone(), request_context::recover))
        .layer(from_fn_with_state(state.clone(), pages::errors::render))
        .layer(from_fn_with_state(state, request_context::add_context))
        .layer(pages::compression())
        .layer(from_fn(access_log::log))
}

async fn route_not_found(request: Request) -> Response {
    Problem::route_not_found(request.uri().path()).into_response()
}
