//! One provider behind its breaker and its quota. What is known of it is one row of the database, so
//! all nodes know it and no restart forgets it; it is changed by compare-and-set before a question
//! goes out and after its answer has come.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use jiff::tz::TimeZone;
use store::Store;
use tokio::time::Instant;

use super::config::GuardConfig;
use super::state::{BreakerWord, Event, Limits, Permit, ProviderState};
use crate::provider::{Asked, ProviderKind, Question, QuoteProvider, Refusal, Window};

/// How often a change is tried again that another node was faster than.
const RACES_MAX: u32 = 50;

/// How a provider is, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Who.
    pub provider: ProviderKind,
    /// How the breaker stands.
    pub breaker: BreakerWord,
    /// Since when.
    pub since: UnixMicros,
    /// While it is open: until when.
    pub open_until: Option<UnixMicros>,
    /// Failures within the breaker's window.
    pub failures: usize,
    /// Questions used of each window that has a limit, and the limit.
    pub quota: Vec<(Window, u32, u32)>,
    /// When it last answered.
    pub last_success: Option<UnixMicros>,
    /// Why it last refused.
    pub last_refusal: Option<String>,
}

/// A provider that is asked only when it may be.
pub(super) struct Guarded {
    provider: Arc<dyn QuoteProvider>,
    config: Arc<GuardConfig>,
    zone: TimeZone,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Guarded {
    pub(super) fn new(
        provider: Arc<dyn QuoteProvider>,
        config: Arc<GuardConfig>,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // The zone was checked where the configuration was read.
        let zone = TimeZone::get(&config.quota.of(provider.kind()).day_zone);
        Self { zone: zone.unwrap_or(TimeZone::UTC), provider, config, store, clock }
    }

    pub(super) fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// The provider itself, whose questions are to be handed to [`Self::ask`].
    pub(super) fn provider(&self) -> &dyn QuoteProvider {
        &*self.provider
    }

    /// Asks if it may be asked; otherwise `call` is dropped before it has begun. A question that is
    /// given up half-way has used its quota, and its place is free again after a minute.
    pub(super) async fn ask<T>(
        &self,
        question: Question,
        call: Asked<'_, T>,
    ) -> Result<T, Refusal> {
        let admitted =
            self.change(|state, now, events| state.admit(question, now, &self.limits(), events));
        let permit = match admitted.await {
            Some(Ok(permit)) => permit,
            Some(Err(refusal)) => {
                self.count(question, "held_back");
                return Err(refusal);
            }
            // Whether it may be asked is not known.
            None => return Err(Refusal::Transient),
        };
        let began = Instant::now();
        let outcome = call.await;
        let elapsed = began.elapsed();
        self.record(permit, question, &outcome, elapsed).await;
        outcome
    }

    /// How it is.
    pub(super) async fn status(&self) -> ProviderStatus {
        let now = self.clock.now();
        let state = match self.load().await {
            Some((_, state)) => state,
            None => ProviderState::new(now),
        };
        let breaker = state.breaker_at(now);
        ProviderStatus {
            provider: self.kind(),
            breaker,
            since: state.since,
            open_until: (breaker == BreakerWord::Open).then_some(state.open_until),
            failures: state.failures_at(now, &self.limits()),
            quota: state.used(now, &self.limits()),
            last_success: state.last_success,
            last_refusal: state.last_refusal,
        }
    }

    async fn record<T>(
        &self,
        permit: Permit,
        question: Question,
        outcome: &Result<T, Refusal>,
        elapsed: Duration,
    ) {
        let is_slow = elapsed >= Duration::from_millis(self.config.breaker.slow_ms.into());
        let word = outcome.as_ref().err().map_or("answered", Refusal::as_str);
        self.count(question, word);
        metrics::histogram!("openbell_provider_seconds", "provider" => self.kind().as_str())
            .record(elapsed.as_secs_f64());
        let outcome = outcome.as_ref().map(|_| ());
        let recorded = self.change(|state, now, events| {
            let limits = self.limits();
            state.record((permit, question), outcome, is_slow, now, &limits, events);
            Ok(())
        });
        if recorded.await.is_none() {
            tracing::warn!(provider = %self.kind(), "what came of a question could not be kept");
        }
    }

    /// Changes what is known, unless `change` refuses. `None` when it cannot be read or kept: then
    /// nothing has changed.
    async fn change<T>(
        &self,
        change: impl Fn(&mut ProviderState, UnixMicros, &mut Vec<Event>) -> Result<T, Refusal>,
    ) -> Option<Result<T, Refusal>> {
        for _ in 0..RACES_MAX {
            let (version, mut state) = self.load().await?;
            let (now, mut events) = (self.clock.now(), Vec::new());
            let result = match change(&mut state, now, &mut events) {
                Ok(result) => result,
                Err(refusal) => return Some(Err(refusal)),
            };
            let text = serde_json::to_string(&state).ok()?;
            let kind = self.kind().as_str();
            let saved = self.store.save_provider_usage(kind, version, &text, now).await;
            match saved {
                Ok(true) => {
                    self.tell(&state, &events);
                    return Some(Ok(result));
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(provider = kind, %error, "what is known cannot be kept");
                    return None;
                }
            }
        }
        None
    }

    /// What is known and its version. A document that cannot be read is another version's: the
    /// provider is left alone rather than forgotten about.
    async fn load(&self) -> Option<(i64, ProviderState)> {
        let kind = self.kind().as_str();
        match self.store.find_provider_usage(kind).await {
            Ok(None) => Some((0, ProviderState::new(self.clock.now()))),
            Ok(Some((version, text))) => match serde_json::from_str(&text) {
                Ok(state) => Some((version, state)),
                Err(error) => {
                    tracing::error!(provider = kind, %error, "what is known cannot be read");
                    None
                }
            },
            Err(error) => {
                tracing::warn!(provider = kind, %error, "what is known cannot be read now");
                None
            }
        }
    }

    fn limits(&self) -> Limits<'_> {
        Limits {
            breaker: &self.config.breaker,
            quota: self.config.quota.of(self.kind()),
            warn_percent: self.config.warn_percent,
            zone: &self.zone,
        }
    }

    fn count(&self, question: Question, outcome: &str) {
        metrics::counter!(
            "openbell_provider_calls_total",
            "provider" => self.kind().as_str(),
            "question" => question.as_str(),
            "outcome" => outcome.to_owned(),
        )
        .increment(1);
    }

    /// Tells metrics and logs what has changed.
    fn tell(&self, state: &ProviderState, events: &[Event]) {
        let provider = self.kind().as_str();
        let stands = match state.breaker {
            BreakerWord::Closed => 0.0,
            BreakerWord::HalfOpen => 1.0,
            BreakerWord::Open => 2.0,
        };
        metrics::gauge!("openbell_provider_breaker_state", "provider" => provider).set(stands);
        metrics::gauge!("openbell_provider_breaker_since_seconds", "provider" => provider)
            .set(state.since.seconds() as f64);
        for (window, used, limit) in state.used(self.clock.now(), &self.limits()) {
            let labels = [("provider", provider), ("window", window.as_str())];
            metrics::gauge!("openbell_provider_quota_used", &labels).set(used);
            metrics::gauge!("openbell_provider_quota_limit", &labels).set(limit);
        }
        for event in events {
            match *event {
                Event::Breaker(BreakerWord::Open) => {
                    let until = state.open_until;
                    tracing::warn!(provider, %until, "breaker open: the provider is left alone");
                }
                Event::Breaker(BreakerWord::HalfOpen) => {
                    tracing::info!(provider, "breaker half-open: the provider is tried once");
                }
                Event::Breaker(BreakerWord::Closed) => {
                    tracing::info!(provider, "breaker closed: the provider answers again");
                }
                Event::QuotaUsed { window, used, limit } => {
                    let window = window.as_str();
                    tracing::warn!(provider, window, used, limit, "a provider's quota is used up");
                }
                Event::QuotaLearned(window) => {
                    let window = window.as_str();
                    tracing::warn!(provider, window, "the provider says it was asked too often");
                }
                Event::Away => {
                    let reason = state.last_refusal.as_deref().unwrap_or_default();
                    tracing::warn!(provider, reason, "the provider is left alone for an hour");
                }
            }
        }
    }
}
