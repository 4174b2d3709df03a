//! Metrics and log lines of a provider behind its circuit breaker and quota.

use domain::UnixMicros;

use super::GuardedProvider;
use crate::guard::state::{CircuitState, ProviderEvent, ProviderState};
use crate::provider::ProviderOperation;

impl GuardedProvider {
    pub(super) fn count(&self, operation: ProviderOperation, outcome: &'static str) {
        metrics::counter!(
            "openbell_provider_calls_total",
            "provider" => self.kind().as_str(),
            "question" => operation.as_str(),
            "outcome" => outcome,
        )
        .increment(1);
    }

    /// Exports the state as metrics, also if another node has written it.
    pub(super) fn export_metrics(&self, state: &ProviderState, now: UnixMicros) {
        let provider = self.kind().as_str();
        let stands = match state.breaker_at(now) {
            CircuitState::Closed => 0.0,
            CircuitState::HalfOpen => 1.0,
            CircuitState::Open => 2.0,
        };
        metrics::gauge!("openbell_provider_breaker_state", "provider" => provider).set(stands);
        let changed = "openbell_provider_breaker_changed_timestamp_seconds";
        metrics::gauge!(changed, "provider" => provider).set(state.since.seconds() as f64);
        for (window, used, limit) in state.used(now, &self.limits()) {
            let labels = [("provider", provider), ("window", window.as_str())];
            metrics::gauge!("openbell_provider_quota_used", &labels).set(used);
            metrics::gauge!("openbell_provider_quota_limit", &labels).set(limit);
        }
    }

    /// Logs the changes that this node made.
    pub(super) fn log_events(&self, state: &ProviderState, events: &[ProviderEvent]) {
        let provider = self.kind().as_str();
        for event in events {
            match *event {
                ProviderEvent::Breaker(CircuitState::Open) => {
                    let until = state.open_until;
                    tracing::warn!(provider, %until, "breaker open: no calls to the provider");
                }
                ProviderEvent::Breaker(CircuitState::HalfOpen) => {
                    tracing::info!(provider, "breaker half-open: probing the provider");
                }
                ProviderEvent::Breaker(CircuitState::Closed) => {
                    tracing::info!(provider, "breaker closed: the provider has recovered");
                }
                ProviderEvent::QuotaUsed { window, used, limit } => {
                    let window = window.as_str();
                    tracing::warn!(
                        provider,
                        window,
                        used,
                        limit,
                        "provider quota is nearly used up"
                    );
                }
                ProviderEvent::QuotaLearned(window) => {
                    let window = window.as_str();
                    tracing::warn!(provider, window, "provider reports a rate limit");
                }
                ProviderEvent::Suspension => {
                    let reason = state.last_refusal.as_deref().unwrap_or_default();
                    tracing::warn!(
                        provider,
                        reason,
                        "provider suspended for one hour: check its key and plan"
                    );
                }
            }
        }
    }
}
