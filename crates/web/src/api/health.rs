//! What the operators' programs ask: whether the process lives, whether it can serve, and its
//! numbers. The numbers are for this machine and for whom the configuration names.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::client_address;
use crate::problem::{Problem, codes};
use crate::state::AppState;

/// The longest that readiness waits for the database.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// When to ask a server again that is not ready, in seconds.
const RETRY_AFTER_S: u64 = 1;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    // The numbers are no operation of the API: the OpenAPI document does not list them.
    let numbers = Router::new().route("/metrics", get(show_metrics));
    OpenApiRouter::from(numbers)
        .routes(routes!(show_life))
        .routes(routes!(show_readiness))
        .routes(routes!(show_up))
}

/// That the server works.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether the process lives; asks nothing else.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = Health)))]
async fn show_life() -> axum::Json<Health> {
    axum::Json(Health { status: "alive" })
}

/// Whether the server can serve: the database answers, its disk has room and orders are accepted.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = Health)))]
async fn show_readiness(State(state): State<AppState>) -> Result<axum::Json<Health>, Problem> {
    check(&state).await?;
    Ok(axum::Json(Health { status: "ready" }))
}

/// The same as a page, where the original has it.
#[utoipa::path(get, path = "/up", tag = "health",
    responses((status = 200, body = String, content_type = "text/html")))]
async fn show_up(State(state): State<AppState>) -> Result<Html<&'static str>, Problem> {
    check(&state).await?;
    Ok(Html(UP))
}

const UP: &str = "<!doctype html><html lang=\"en\"><title>Openbell</title><h1>Application up</h1>";

async fn check(state: &AppState) -> Result<(), Problem> {
    if !state.desk.is_open() {
        return Err(Problem::from(&codes::CLOSING).retry_after(RETRY_AFTER_S));
    }
    if store::is_disk_full() {
        return Err(Problem::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S));
    }
    match tokio::time::timeout(PING_TIMEOUT, state.store.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S)),
    }
}

/// The metrics in the text format of Prometheus. To others the route does not exist.
async fn show_metrics(State(state): State<AppState>, request: Request) -> Response {
    if !may_read_metrics(&state, &request) {
        return Problem::route_not_found(request.uri().path()).into_response();
    }
    let text = (state.render_metrics)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn may_read_metrics(state: &AppState, request: &Request) -> bool {
    let Some(peer) = client_address::peer_of(request.extensions()) else {
        return false;
    };
    // A proxy on this machine that is not known as one would make everybody local.
    if client_address::is_forwarded(request.headers())
        && !state.config.http.trusted_proxies.contains(peer)
    {
        return false;
    }
    let client = client_address::client_of(request.extensions());
    client.is_loopback() || state.config.http.metrics_from.contains(client)
}
