//! Metrics, log lines and spans of a provider behind its circuit breaker and quota.

use domain::UnixMicros;
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::GuardedProvider;
use crate::guard::state::{CircuitState, ProviderEvent, ProviderState};
use crate::provider::{ProviderError, ProviderOperation, QuotaWindow};

impl GuardedProvider {
    /// Makes the series of this provider, with 0, before its first call.
    pub(super) fn register_metrics(&self) {
        let provider = self.kind().as_str();
        metrics::gauge!("openbell_provider_breaker_state", "provider" => provider).set(0.0);
        metrics::gauge!(
            "openbell_provider_breaker_changed_timestamp_seconds", "provider" => provider
        )
        .set(0.0);
        // Registered without a sample.
        let _ = metrics::histogram!("openbell_provider_seconds", "provider" => provider);
        let quota = self.limits().quota;
        for window in QuotaWindow::ALL.into_iter().filter(|window| quota.limit(*window) > 0) {
            self.export_quota(window, 0, quota.limit(window));
        }
        for operation in ProviderOperation::ALL {
            for outcome in ["answered", "held_back"].into_iter().chain(ProviderError::WORDS) {
                self.counter(operation, outcome).increment(0);
            }
        }
    }

    /// The span of a call in a trace, without its symbol or text.
    pub(super) fn call_span(&self, operation: ProviderOperation) -> Span {
        let (provider, operation) = (self.kind().as_str(), operation.as_str());
        info_span!(
            target: domain::TRACES,
            "provider",
            otel.name = %format_args!("{provider} {operation}"),
            otel.kind = "client",
            otel.status_code = Empty,
            error.type = Empty,
        )
    }

    pub(super) fn count(&self, operation: ProviderOperation, outcome: &'static str) {
        self.counter(operation, outcome).increment(1);
    }

    fn counter(&self, operation: ProviderOperation, outcome: &'static str) -> metrics::Counter {
        metrics::counter!(
            "openbell_provider_calls_total",
            "provider" => self.kind().as_str(),
            "operation" => operation.as_str(),
            "outcome" => outcome,
        )
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
        metrics::gauge!(
            "openbell_provider_breaker_changed_timestamp_seconds", "provider" => provider
        )
        .set(state.since.seconds() as f64);
        for (window, used, limit) in state.used(now, &self.limits()) {
            self.export_quota(window, used, limit);
        }
    }

    fn export_quota(&self, window: QuotaWindow, used: u32, limit: u32) {
        let labels = [("provider", self.kind().as_str()), ("window", window.as_str())];
        metrics::gauge!("openbell_provider_quota_used", &labels).set(used);
        metrics::gauge!("openbell_provider_quota_limit", &labels).set(limit);
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
