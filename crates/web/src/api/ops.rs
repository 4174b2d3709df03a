//! What an operator asks a program about this server, beyond its metrics: how the providers of
//! prices are. To everybody else these routes do not exist.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use market::ProviderStatus;
use serde::Serialize;
use store::Role;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::sessions::Player;
use crate::http::etag;
use crate::openapi::Data;
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_providers))
}

/// How a provider of prices is.
#[derive(Serialize, ToSchema)]
struct Provider {
    #[schema(example = "finnhub")]
    provider: &'static str,
    breaker: Breaker,
    /// What was asked of it, for each window that has a limit.
    quota: Vec<Used>,
    /// When it last answered.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    last_success: Option<String>,
    /// Why it last refused.
    #[schema(example = "rate_limited")]
    last_refusal: Option<String>,
}

/// How a breaker stands.
#[derive(Serialize, ToSchema)]
struct Breaker {
    /// `closed`: the provider is asked; `open`: it is left alone; `half_open`: it is tried once.
    #[schema(example = "closed")]
    state: &'static str,
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    since: String,
    /// While it is open: until when.
    open_until: Option<String>,
    /// Failures within the breaker's window.
    #[schema(example = 0)]
    failures: usize,
}

/// How much of a quota is used.
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

/// How the providers of prices are, in the order in which they are asked; for operators.
#[utoipa::path(get, path = "/api/ops/providers", tag = "operations", security(("bearer" = [])),
    responses((status = 200, body = Data<Vec<Provider>>),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "The caller is no operator.")))]
async fn list_providers(
    State(state): State<AppState>,
    player: Player,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let viewer = state.store.load_viewer(player.user_id, player.player_id).await?;
    if viewer.role != Role::Operator {
        return Err(Problem::route_not_found("/api/ops/providers"));
    }
    let statuses = match &state.lookups {
        Some(lookups) => lookups.providers().statuses().await,
        None => Vec::new(),
    };
    let providers: Vec<Provider> = statuses.into_iter().map(Provider::from).collect();
    Ok(etag::private(&headers, &Data::new(providers)))
}
