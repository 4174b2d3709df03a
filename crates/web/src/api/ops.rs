//! Operations routes: the rules of the game and the state of the price providers. Users without the
//! role of an operator receive 404.

pub(super) mod rules;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use market::ProviderStatus;
use serde::Serialize;
use store::Role;
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::http::etag;
use crate::openapi::Data;
use crate::problem::Problem;
use crate::state::AppState;

/// The state of a price provider.
#[derive(Serialize, ToSchema)]
struct Provider {
    #[schema(example = "finnhub")]
    provider: &'static str,
    breaker: Breaker,
    /// The used quota of each window that has a limit.
    quota: Vec<Used>,
    /// When it last responded.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    last_success: Option<String>,
    /// Why its last request failed.
    #[schema(example = "rate_limited")]
    last_refusal: Option<String>,
}

/// The state of a circuit breaker.
#[derive(Serialize, ToSchema)]
struct Breaker {
    /// `closed`: requests are sent; `open`: none are sent; `half_open`: one trial request is sent.
    #[schema(example = "closed")]
    state: &'static str,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    since: String,
    /// When an open breaker becomes half-open.
    open_until: Option<String>,
    /// Failures within the breaker's window.
    #[schema(example = 0)]
    failures: usize,
}

/// The use of a quota.
#[derive(Serialize, ToSchema)]
struct Used {
    /// `second`, `minute` or `day`.
    #[schema(example = "day")]
    window: &'static str,
    #[schema(example = 3)]
    used: u32,
    #[schema(example = 25)]
    limit: u32,
}

impl From<ProviderStatus> for Provider {
    fn from(status: ProviderStatus) -> Self {
        let used = |(window, used, limit): (market::QuotaWindow, u32, u32)| Used {
            window: window.as_str(),
            used,
            limit,
        };
        Self {
            provider: status.provider.as_str(),
            breaker: Breaker {
                state: status.breaker.as_str(),
                since: status.since.to_string(),
                open_until: status.open_until.map(|at| at.to_string()),
                failures: status.failures,
            },
            quota: status.quota.into_iter().map(used).collect(),
            last_success: status.last_success.map(|at| at.to_string()),
            last_refusal: status.last_refusal,
        }
    }
}

/// Rejects other users as if there were no such route.
async fn require_operator(
    state: &AppState,
    player: &PlayerSession,
    path: &str,
) -> Result<(), Problem> {
    let viewer = state.store.load_viewer(player.user_id, player.player_id).await?;
    if viewer.role != Role::Operator {
        return Err(Problem::route_not_found(path));
    }
    Ok(())
}

/// The state of the price providers, in the order in which they are queried; for operators.
#[utoipa::path(get, path = "/api/ops/providers", tag = "operations", security(("bearer" = [])),
    responses((status = 200, body = Data<Vec<Provider>>),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The caller is not an operator.")))]
pub(super) async fn list_providers(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_operator(&state, &player, "/api/ops/providers").await?;
    let statuses = match &state.lookups {
        Some(lookups) => lookups.providers().statuses().await,
        None => Vec::new(),
    };
    let providers: Vec<Provider> = statuses.into_iter().map(Provider::from).collect();
    Ok(etag::private(&headers, &Data::new(providers)))
}
