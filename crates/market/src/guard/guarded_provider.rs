//! One provider behind its circuit breaker and quota. Its state is one database row, shared by all
//! nodes and changed by compare-and-set before each call and after its response.

mod telemetry;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use domain::{Clock, UnixMicros};
use jiff::tz::TimeZone;
use store::{Store, StoreError};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::config::GuardConfig;
use super::state::{
    CALL_TIMEOUT, CallPermit, CircuitState, ProviderEvent, ProviderLimits, ProviderState,
};
use crate::provider::{
    ProviderError, ProviderFuture, ProviderKind, ProviderOperation, QuotaWindow, QuoteProvider,
};

/// The most compare-and-set attempts.
const CAS_ATTEMPTS_MAX: u32 = 50;
/// The clock difference between nodes above which a warning is logged, in seconds.
const CLOCK_BEHIND_S: i64 = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    pub provider: ProviderKind,
    /// Whether its state could be read. Otherwise the provider is not called, the breaker is
    /// reported as open, and the other fields are empty.
    pub is_known: bool,
    pub breaker: CircuitState,
    pub since: UnixMicros,
    /// While it is open: until when, as far as it is known.
    pub open_until: Option<UnixMicros>,
    /// Failures within the breaker's window.
    pub failures: usize,
    /// Requests used of each window that has a limit, and the limit.
    pub quota: Vec<(QuotaWindow, u32, u32)>,
    pub last_success: Option<UnixMicros>,
    pub last_refusal: Option<String>,
}

/// A provider that is called only when breaker and quota admit it.
pub(super) struct GuardedProvider {
    provider: Arc<dyn QuoteProvider>,
    config: Arc<GuardConfig>,
    zone: TimeZone,
    store: Store,
    clock: Arc<dyn Clock>,
    /// The version of the unreadable state that was logged last.
    unreadable: AtomicI64,
    /// Whether the clock difference is logged.
    is_behind: AtomicBool,
}

/// Why the state of a provider is not available.
#[derive(Clone, Copy, Debug)]
enum StateError {
    /// The database failed, or compare-and-set conflicts did not end.
    Unavailable,
    /// The stored state is damaged or of another version.
    Unreadable,
}

impl GuardedProvider {
    pub(super) fn new(
        provider: Arc<dyn QuoteProvider>,
        config: Arc<GuardConfig>,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // The zone was checked where the configuration was read.
        let zone = TimeZone::get(&config.quota.of(provider.kind()).day_zone);
        let guarded = Self {
            zone: zone.unwrap_or(TimeZone::UTC),
            provider,
            config,
            store,
            clock,
            unreadable: AtomicI64::new(0),
            is_behind: AtomicBool::new(false),
        };
        guarded.register_metrics();
        guarded
    }

    pub(super) fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// The provider, whose futures are to be passed to [`Self::call`].
    pub(super) fn provider(&self) -> &dyn QuoteProvider {
        &*self.provider
    }

    /// Runs `call` if breaker and quota admit it. A cancelled call has used its quota and counts as
    /// in flight until it expires. While the database fails, the provider is not called.
    pub(super) async fn call<'a, T>(
        &self,
        operation: ProviderOperation,
        call: impl FnOnce() -> ProviderFuture<'a, T>,
    ) -> Result<T, ProviderError> {
        let admitted =
            self.change(|state, now, events| state.admit(operation, now, &self.limits(), events));
        let held_back = match admitted.await {
            Ok(Ok(permit)) => {
                let began = Instant::now();
                let span = self.call_span(operation);
                let outcome = with_timeout(call()).instrument(span.clone()).await;
                if let Err(error) = &outcome {
                    span.record("otel.status_code", "error");
                    span.record("error.type", error.as_str());
                }
                self.record(permit, operation, &outcome, began.elapsed()).await;
                return outcome;
            }
            Ok(Err(error)) => error,
            Err(StateError::Unavailable) => ProviderError::Transient,
            Err(StateError::Unreadable) => ProviderError::BreakerOpen,
        };
        self.count(operation, "held_back");
        Err(held_back)
    }

    /// The status, from the stored states of all providers; `None` if they could not be read.
    pub(super) fn status(&self, usages: Option<&[(String, i64, String)]>) -> ProviderStatus {
        let now = self.clock.now();
        let read = usages.and_then(|usages| {
            let found = usages.iter().find(|(provider, ..)| provider == self.kind().as_str());
            self.read(found.map(|(_, version, text)| (*version, text.as_str()))).ok()
        });
        let is_known = read.is_some();
        let state = read.map_or_else(|| ProviderState::new(now), |(_, state)| state);
        if is_known {
            self.export_metrics(&state, now);
        }
        let breaker = if is_known { state.breaker_at(now) } else { CircuitState::Open };
        let open_until = (is_known && breaker == CircuitState::Open).then_some(state.open_until);
        ProviderStatus {
            provider: self.kind(),
            is_known,
            breaker,
            since: state.since,
            open_until,
            failures: state.failures_at(now, &self.limits()),
            quota: state.used(now, &self.limits()),
            last_success: state.last_success,
            last_refusal: state.last_refusal,
        }
    }

    async fn record<T>(
        &self,
        permit: CallPermit,
        operation: ProviderOperation,
        outcome: &Result<T, ProviderError>,
        elapsed: Duration,
    ) {
        let is_slow = elapsed >= Duration::from_millis(self.config.breaker.slow_ms.into());
        let word = outcome.as_ref().err().map_or("answered", ProviderError::as_str);
        self.count(operation, word);
        metrics::histogram!("openbell_provider_seconds", "provider" => self.kind().as_str())
            .record(elapsed.as_secs_f64());
        let outcome = outcome.as_ref().map(|_| ());
        let recorded = self.change(|state, now, events| {
            let limits = self.limits();
            state.record((permit, operation), outcome, is_slow, now, &limits, events);
            Ok(())
        });
        if recorded.await.is_err() {
            tracing::warn!(provider = %self.kind(), "cannot save the outcome of a provider call");
        }
    }

    /// Applies `change` to the state by compare-and-set, unless it returns an error.
    async fn change<T>(
        &self,
        change: impl Fn(
            &mut ProviderState,
            UnixMicros,
            &mut Vec<ProviderEvent>,
        ) -> Result<T, ProviderError>,
    ) -> Result<Result<T, ProviderError>, StateError> {
        let kind = self.kind().as_str();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (version, mut state) = self.load().await?;
            let (now, mut events) = (self.clock.now(), Vec::new());
            self.compare_clocks(&state, now);
            let result = change(&mut state, now, &mut events);
            if result.is_err() {
                self.export_metrics(&state, now);
                return Ok(result);
            }
            let text = serde_json::to_string(&state).map_err(|_| StateError::Unreadable)?;
            match self.store.save_provider_usage(kind, version, &text, now).await {
                Ok(true) => {
                    self.export_metrics(&state, now);
                    self.log_events(&state, &events);
                    return Ok(result);
                }
                // A version conflict: load the state that another node has written.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(provider = kind, %error, "cannot save provider state");
                    return Err(StateError::Unavailable);
                }
            }
        }
        tracing::warn!(
            provider = kind,
            "gave up saving provider state after repeated compare-and-set conflicts"
        );
        Err(StateError::Unavailable)
    }

    /// The state and its version. A state that cannot be parsed belongs to another version of the
    /// program and is not overwritten.
    async fn load(&self) -> Result<(i64, ProviderState), StateError> {
        let kind = self.kind().as_str();
        let found = self.store.find_provider_usage(kind).await.map_err(|error| {
            tracing::warn!(provider = kind, %error, "cannot read provider state");
            StateError::Unavailable
        })?;
        self.read(found.as_ref().map(|(version, text)| (*version, text.as_str())))
    }

    fn read(&self, found: Option<(i64, &str)>) -> Result<(i64, ProviderState), StateError> {
        let Some((version, text)) = found else {
            return Ok((0, ProviderState::new(self.clock.now())));
        };
        if let Some(state) = ProviderState::parse(text) {
            return Ok((version, state));
        }
        if self.unreadable.swap(version, Ordering::Relaxed) != version {
            tracing::error!(
                provider = self.kind().as_str(),
                version,
                "stored provider state has an unknown format; the provider is not called"
            );
        }
        Err(StateError::Unreadable)
    }

    /// The latest clock of all nodes applies, so that a clock far ahead blocks the others. Logged
    /// once.
    fn compare_clocks(&self, state: &ProviderState, now: UnixMicros) {
        let is_behind = state.now > now.plus_seconds(CLOCK_BEHIND_S);
        if is_behind && !self.is_behind.swap(true, Ordering::Relaxed) {
            let (provider, seen) = (self.kind().as_str(), state.now);
            tracing::warn!(provider, %seen, %now, "clock of this node is behind the clock of another node");
        } else if !is_behind {
            self.is_behind.store(false, Ordering::Relaxed);
        }
    }

    fn limits(&self) -> ProviderLimits<'_> {
        ProviderLimits {
            breaker: &self.config.breaker,
            quota: self.config.quota.of(self.kind()),
            warn_percent: self.config.warn_percent,
            retry_after_max_s: self.config.retry_after_max_s,
            zone: &self.zone,
        }
    }
}

/// Resets what is stored of a provider: the breaker closes, waits and refusals are deleted, and the
/// provider is called again on every node. Calls made today still count towards its quota. Returns
/// `false` if nothing is stored.
///
/// # Errors
/// The database failed.
pub async fn reset_provider(
    store: &Store,
    provider: ProviderKind,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    loop {
        let Some((version, text)) = store.find_provider_usage(provider.as_str()).await? else {
            return Ok(false);
        };
        let state = ProviderState::parse(&text);
        let state = state.map_or_else(|| ProviderState::new(now), |state| state.reset(now));
        let text = serde_json::to_string(&state).map_err(|error| {
            StoreError::Corrupt(format!("cannot serialize the state of {provider}: {error}"))
        })?;
        if store.save_provider_usage(provider.as_str(), version, &text, now).await? {
            return Ok(true);
        }
    }
}

/// Bounds the duration of a call.
async fn with_timeout<T>(call: ProviderFuture<'_, T>) -> Result<T, ProviderError> {
    tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or(Err(ProviderError::Transient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_without_a_response_times_out() {
        let began = Instant::now();
        let outcome = with_timeout::<()>(Box::pin(std::future::pending())).await;
        assert_eq!(outcome, Err(ProviderError::Transient));
        assert_eq!(began.elapsed(), CALL_TIMEOUT);
    }
}
