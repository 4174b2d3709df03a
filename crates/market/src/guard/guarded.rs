//! One provider behind its breaker and its quota. What is known of it is one row of the database,
//! so all nodes know it and no restart forgets it; it is changed by compare-and-set before a
//! question goes out and after its answer has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use domain::{Clock, UnixMicros};
use jiff::tz::TimeZone;
use store::{Store, StoreError};
use tokio::time::Instant;

use super::config::GuardConfig;
use super::state::{BreakerWord, Event, GIVE_UP, Limits, Permit, ProviderState};
use crate::provider::{Asked, ProviderKind, Question, QuoteProvider, Refusal, Window};

/// How often a change is tried again that another node was faster than.
const RACES_MAX: u32 = 50;
/// How far a node's clock may be behind what another one has written without a word, in seconds.
const CLOCK_BEHIND_S: i64 = 60;

/// How a provider is, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Who.
    pub provider: ProviderKind,
    /// Whether what is known of it could be read; otherwise it is not asked, so the breaker is open
    /// here, and the rest says nothing.
    pub is_known: bool,
    /// How the breaker stands.
    pub breaker: BreakerWord,
    /// Since when.
    pub since: UnixMicros,
    /// While it is open: until when, as far as it is known.
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
    /// The version of the document that could not be read and was complained about.
    unreadable: AtomicI64,
    /// Whether it was said that this node's clock is behind.
    is_behind: AtomicBool,
}

/// Why it is not known how a provider is.
#[derive(Clone, Copy, Debug)]
enum Unknown {
    /// The database does not answer, or others are always faster.
    Unavailable,
    /// The document is another version's, or damaged.
    Unreadable,
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
        Self {
            zone: zone.unwrap_or(TimeZone::UTC),
            provider,
            config,
            store,
            clock,
            unreadable: AtomicI64::new(0),
            is_behind: AtomicBool::new(false),
        }
    }

    pub(super) fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// The provider itself, whose questions are to be handed to [`Self::ask`].
    pub(super) fn provider(&self) -> &dyn QuoteProvider {
        &*self.provider
    }

    /// Asks if it may be asked; otherwise `call` is not called. A question that is given up
    /// half-way has used its quota, and its place is free again after a while. While the database
    /// does not answer, the provider is not asked: whether it may be is not known.
    pub(super) async fn ask<'a, T>(
        &self,
        question: Question,
        call: impl FnOnce() -> Asked<'a, T>,
    ) -> Result<T, Refusal> {
        let admitted =
            self.change(|state, now, events| state.admit(question, now, &self.limits(), events));
        let held_back = match admitted.await {
            Ok(Ok(permit)) => {
                let began = Instant::now();
                let outcome = given_up(call()).await;
                self.record(permit, question, &outcome, began.elapsed()).await;
                return outcome;
            }
            Ok(Err(refusal)) => refusal,
            Err(Unknown::Unavailable) => Refusal::Transient,
            Err(Unknown::Unreadable) => Refusal::BreakerOpen,
        };
        self.count(question, "held_back");
        Err(held_back)
    }

    /// How it is, by the documents of all providers; `None` when they could not be read.
    pub(super) fn status(&self, usages: Option<&[(String, i64, String)]>) -> ProviderStatus {
        let now = self.clock.now();
        let read = usages.and_then(|usages| {
            let found = usages.iter().find(|(provider, ..)| provider == self.kind().as_str());
            self.read(found.map(|(_, version, text)| (*version, text.as_str()))).ok()
        });
        let is_known = read.is_some();
        let state = read.map_or_else(|| ProviderState::new(now), |(_, state)| state);
        let breaker = if is_known { state.breaker_at(now) } else { BreakerWord::Open };
        let open_until = (is_known && breaker == BreakerWord::Open).then_some(state.open_until);
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
        if recorded.await.is_err() {
            tracing::warn!(provider = %self.kind(), "what came of a question could not be kept");
        }
    }

    /// Changes what is known, unless `change` refuses. When what is known cannot be read or kept,
    /// nothing has changed as far as anybody knows.
    async fn change<T>(
        &self,
        change: impl Fn(&mut ProviderState, UnixMicros, &mut Vec<Event>) -> Result<T, Refusal>,
    ) -> Result<Result<T, Refusal>, Unknown> {
        let kind = self.kind().as_str();
        for _ in 0..RACES_MAX {
            let (version, mut state) = self.load().await?;
            let (now, mut events) = (self.clock.now(), Vec::new());
            self.compare_clocks(&state, now);
            let result = change(&mut state, now, &mut events);
            if result.is_err() {
                self.show(&state, now);
                return Ok(result);
            }
            let text = serde_json::to_string(&state).map_err(|_| Unknown::Unreadable)?;
            match self.store.save_provider_usage(kind, version, &text, now).await {
                Ok(true) => {
                    self.show(&state, now);
                    self.tell(&state, &events);
                    return Ok(result);
                }
                // Another node was faster: what it has written counts, too.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(provider = kind, %error, "what is known cannot be kept");
                    return Err(Unknown::Unavailable);
                }
            }
        }
        tracing::warn!(provider = kind, "others were always faster to tell what is known");
        Err(Unknown::Unavailable)
    }

    /// What is known and its version. A document that cannot be read is another version's: the
    /// provider is left alone rather than forgotten about.
    async fn load(&self) -> Result<(i64, ProviderState), Unknown> {
        let kind = self.kind().as_str();
        let found = self.store.find_provider_usage(kind).await.map_err(|error| {
            tracing::warn!(provider = kind, %error, "what is known cannot be read now");
            Unknown::Unavailable
        })?;
        self.read(found.as_ref().map(|(version, text)| (*version, text.as_str())))
    }

    fn read(&self, found: Option<(i64, &str)>) -> Result<(i64, ProviderState), Unknown> {
        let Some((version, text)) = found else {
            return Ok((0, ProviderState::new(self.clock.now())));
        };
        if let Some(state) = ProviderState::read(text) {
            return Ok((version, state));
        }
        if self.unreadable.swap(version, Ordering::Relaxed) != version {
            tracing::error!(
                provider = self.kind().as_str(),
                version,
                "what is known is not of a form that this version reads; the provider is not asked"
            );
        }
        Err(Unknown::Unreadable)
    }

    /// Time goes by the node that is ahead, so one that is far ahead stops all others: say it once.
    fn compare_clocks(&self, state: &ProviderState, now: UnixMicros) {
        let is_behind = state.now > now.plus_seconds(CLOCK_BEHIND_S);
        if is_behind && !self.is_behind.swap(true, Ordering::Relaxed) {
            let (provider, seen) = (self.kind().as_str(), state.now);
            tracing::warn!(provider, %seen, %now, "another node's clock is ahead of this one's");
        } else if !is_behind {
            self.is_behind.store(false, Ordering::Relaxed);
        }
    }

    fn limits(&self) -> Limits<'_> {
        Limits {
            breaker: &self.config.breaker,
            quota: self.config.quota.of(self.kind()),
            warn_percent: self.config.warn_percent,
            retry_after_max_s: self.config.retry_after_max_s,
            zone: &self.zone,
        }
    }

    fn count(&self, question: Question, outcome: &'static str) {
        metrics::counter!(
            "openbell_provider_calls_total",
            "provider" => self.kind().as_str(),
            "question" => question.as_str(),
            "outcome" => outcome,
        )
        .increment(1);
    }

    /// Shows what is known now, whoever has written it.
    fn show(&self, state: &ProviderState, now: UnixMicros) {
        let provider = self.kind().as_str();
        let stands = match state.breaker_at(now) {
            BreakerWord::Closed => 0.0,
            BreakerWord::HalfOpen => 1.0,
            BreakerWord::Open => 2.0,
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

    /// Tells the log what this node has changed.
    fn tell(&self, state: &ProviderState, events: &[Event]) {
        let provider = self.kind().as_str();
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
                    tracing::warn!(provider, window, used, limit, "much of a quota is used");
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
        let state = ProviderState::read(&text);
        let state = state.map_or_else(|| ProviderState::new(now), |state| state.reset(now));
        let text = serde_json::to_string(&state).unwrap_or_default();
        if store.save_provider_usage(provider.as_str(), version, &text, now).await? {
            return Ok(true);
        }
    }
}

/// Ends a question that nobody else ends.
async fn given_up<T>(call: Asked<'_, T>) -> Result<T, Refusal> {
    tokio::time::timeout(GIVE_UP, call).await.unwrap_or(Err(Refusal::Transient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_is_never_answered_is_given_up() {
        let began = Instant::now();
        let outcome = given_up::<()>(Box::pin(std::future::pending())).await;
        assert_eq!(outcome, Err(Refusal::Transient));
        assert_eq!(began.elapsed(), GIVE_UP);
    }
}
