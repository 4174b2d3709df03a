//! Liveness, readiness and metrics. The metrics are served to this machine and to the networks of
//! `http.metrics_from`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use domain::Rejection;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::client_address;
use crate::problem::{Problem, codes};
use crate::state::AppState;

const PING_TIMEOUT: Duration = Duration::from_secs(2);
const RETRY_AFTER_S: u64 = 1;
/// The largest difference between the clocks of a node that is ready and of its database.
pub const CLOCK_SKEW_MAX_S: i64 = 30;
/// Until the next measurement.
const CLOCK_RETRY_AFTER_S: u64 = 60;

/// The state of the server.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether the process runs, without any further check.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn show_life() -> axum::Json<Health> {
    axum::Json(Health { status: "alive" })
}

/// Whether the server can serve requests: the database responds, its disk is not full, its clock
/// agrees with the server's, the clock of the game is known, orders are accepted and no shutdown
/// has begun.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn show_readiness(
    State(state): State<AppState>,
) -> Result<axum::Json<Health>, Problem> {
    check(&state).await?;
    Ok(axum::Json(Health { status: "ready" }))
}

/// The same as an HTML page, at the path of the original API.
#[utoipa::path(get, path = "/up", tag = "health",
    responses((status = 200, body = String, content_type = "text/html")))]
pub(super) async fn show_up(State(state): State<AppState>) -> Result<Html<&'static str>, Problem> {
    check(&state).await?;
    Ok(Html(UP))
}

const UP: &str = "<!doctype html><html lang=\"en\"><title>Openbell</title><h1>Application up</h1>";

async fn check(state: &AppState) -> Result<(), Problem> {
    if state.shutdown.is_announced() || !state.desk.is_open() {
        return Err(Problem::from(&codes::CLOSING).retry_after(RETRY_AFTER_S));
    }
    if store::is_disk_full() {
        return Err(Problem::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S));
    }
    if state.store.last_clock_skew().saturating_abs() > CLOCK_SKEW_MAX_S * 1_000_000 {
        return Err(Problem::from(&codes::CLOCK_SKEW).retry_after(CLOCK_RETRY_AFTER_S));
    }
    // Orders are rejected until it is read again.
    if !state.market.clock().is_known(state.clock.now()) {
        return Err(Problem::from(Rejection::ClockUnknown).retry_after(RETRY_AFTER_S));
    }
    match tokio::time::timeout(PING_TIMEOUT, state.store.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S)),
    }
}

/// The metrics in the text format of Prometheus. Other clients receive 404, and
/// all of them if no metrics are recorded.
pub(super) async fn show_metrics(State(state): State<AppState>, request: Request) -> Response {
    let may_read = may_read_metrics(&state, &request);
    let render = state.render_metrics.clone().filter(|_| may_read);
    let Some(render) = render else {
        return Problem::route_not_found(request.uri().path()).into_response();
    };
    // It takes milliseconds, in which this thread serves other requests.
    let Ok(text) = tokio::task::spawn_blocking(move || render()).await else {
        return Problem::internal().into_response();
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn may_read_metrics(state: &AppState, request: &Request) -> bool {
    let Some(peer) = client_address::peer_of(request.extensions()) else {
        return false;
    };
    // Behind a local proxy that is not in `trusted_proxies`, every client would seem local.
    if client_address::is_forwarded(request.headers())
        && !state.config.http.trusted_proxies.contains(peer)
    {
        return false;
    }
    let client = client_address::client_of(request.extensions());
    client.is_loopback() || state.config.http.metrics_from.contains(client)
}
