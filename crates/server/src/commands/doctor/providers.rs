//! Checks the price providers of a live market: their keys and addresses and, if it is requested,
//! their response to one request each.

use std::sync::Arc;

use domain::{Clock, Symbol};
use market::{ProviderError, ProviderKind, ProvidersConfig, SourceKind};
use store::Store;

use super::finding::DoctorFinding;
use crate::boot::config::Config;
use crate::boot::game_rules::rules_in_force;
use crate::boot::live_market::open_providers;
use crate::clock::SystemClock;
use crate::error::CommandError;
use crate::term;

const AREA: &str = "providers";
/// The stock that is requested if none is listed yet.
const USUAL_STOCK: &str = "AAPL";

/// Requests are sent only with a store, in which their quota is counted.
pub(super) async fn check(config: &Config, online: Option<&Store>) -> Vec<DoctorFinding> {
    if config.market.source != SourceKind::Live {
        return vec![DoctorFinding::ok(AREA, "this market needs no price provider")];
    }
    let settings = &config.market.live.providers;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Err(error) = market::connect(settings, &clock, || None) {
        let remedy = "correct the provider's url";
        return vec![DoctorFinding::error(AREA, term::error_chain(&error), remedy)];
    }
    let has_key = |kind: &&ProviderKind| !settings.of(**kind).key.is_empty();
    let (with_key, without): (Vec<&ProviderKind>, Vec<_>) =
        settings.order.iter().partition(has_key);
    if with_key.is_empty() {
        let what = "no provider has a key: prices do not change";
        let remedy = "set one, such as OPENBELL__MARKET__LIVE__PROVIDERS__FINNHUB__KEY";
        return vec![DoctorFinding::error(AREA, what, remedy)];
    }
    let names = |kinds: &[&ProviderKind]| {
        kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut what = format!("with a key: {}", names(&with_key));
    if !without.is_empty() {
        what.push_str(&format!("; skipped without a key: {}", names(&without)));
    }
    let mut findings = vec![DoctorFinding::ok(AREA, what)];
    if let Some(store) = online {
        for kind in with_key {
            findings.push(request(config, store, *kind, &clock).await);
        }
    }
    findings
}

/// Requests the price of one stock from one provider.
async fn request(
    config: &Config,
    store: &Store,
    kind: ProviderKind,
    clock: &Arc<dyn Clock>,
) -> DoctorFinding {
    match quote(config, store, kind, clock).await {
        Ok(Ok(())) => DoctorFinding::ok(AREA, format!("{kind} responds")),
        Ok(Err(error)) => describe(kind, &error),
        Err(error) => {
            let what = format!("{kind} was not called: {}", term::error_chain(&error));
            DoctorFinding::error(AREA, what, "mend the database and repeat")
        }
    }
}

async fn quote(
    config: &Config,
    store: &Store,
    kind: ProviderKind,
    clock: &Arc<dyn Clock>,
) -> Result<Result<(), ProviderError>, CommandError> {
    let settings = ProvidersConfig { order: vec![kind], ..config.market.live.providers.clone() };
    let rules = rules_in_force(config, store).await?;
    let providers = open_providers(config, &settings, store, rules.currency, clock).await?;
    let failed = crate::boot::database::database_error(&config.database);
    let listed = store.all_stocks().await.map_err(failed)?;
    let listed = listed.into_iter().next().map(|stock| stock.symbol);
    let Some(symbol) = listed.or_else(|| Symbol::parse(USUAL_STOCK).ok()) else {
        return Ok(Err(ProviderError::NotFound));
    };
    Ok(providers.quote(&symbol, None).await.map(|_| ()))
}

fn describe(kind: ProviderKind, error: &ProviderError) -> DoctorFinding {
    let what = format!("{kind}: {error}");
    match error {
        ProviderError::NotFound | ProviderError::Unsupported => DoctorFinding::ok(
            AREA,
            format!("{kind} responds, and does not have the requested stock"),
        ),
        ProviderError::AuthFailed => {
            let remedy = format!(
                "correct its key, then send SIGHUP to the servers or run \
                 `openbell stocks providers reset {kind}`"
            );
            DoctorFinding::error(AREA, what, remedy)
        }
        ProviderError::RateLimited { .. } | ProviderError::PlanRestricted { .. } => {
            DoctorFinding::warning(AREA, what, "wait, choose a larger plan, or add a provider")
        }
        ProviderError::BreakerOpen => {
            let remedy = format!("`openbell stocks providers reset {kind}` calls it again at once");
            DoctorFinding::warning(AREA, what, remedy)
        }
        ProviderError::Transient | ProviderError::Malformed | ProviderError::Unconfirmed { .. } => {
            let remedy = "check the status page of the provider, and the network";
            DoctorFinding::error(AREA, what, remedy)
        }
    }
}
