//! The state of a provider as a pure state machine: whether a call is admitted now and what its
//! outcome changes. A call takes its quota on admission and counts as a failure while it is in
//! flight, which bounds the calls to a provider that hangs.

mod limits;
mod quota;

use std::time::Duration;

use domain::{Day, UnixMicros};
use serde::{Deserialize, Serialize};

pub(super) use self::limits::ProviderLimits;
use super::config::BreakerConfig;
use crate::provider::{ProviderError, ProviderOperation, QuotaWindow};

/// The format of the stored state. Another format belongs to another version and is not
/// overwritten.
const FORM: u32 = 1;
/// A call in flight for longer is taken for lost, in seconds; longer than [`CALL_TIMEOUT`].
const LOST_S: i64 = 90;
/// The limit of a call. The HTTP client's timeouts are a minute at most.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a provider is suspended that rejects the key or whose plan lacks an operation, in
/// seconds.
const SUSPENSION_S: i64 = 3_600;
const MINUTE_S: i64 = 60;
const MICROS: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    Closed,
    /// One probe is admitted.
    HalfOpen,
    Open,
}

impl CircuitState {
    /// The name in metrics, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallPermit(u64);

/// A change that is logged for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProviderEvent {
    Breaker(CircuitState),
    /// The warning share of a quota is used, or all of it.
    QuotaUsed {
        window: QuotaWindow,
        used: u32,
        limit: u32,
    },
    /// The provider reported a rate limit.
    QuotaLearned(QuotaWindow),
    /// The provider rejects the key, or its plan lacks the operation.
    Suspension,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderState {
    form: u32,
    /// The latest instant seen; time never goes back here, whatever a node's clock does.
    pub(crate) now: UnixMicros,
    pub(crate) breaker: CircuitState,
    /// When the breaker entered its state.
    pub(crate) since: UnixMicros,
    /// When an open breaker becomes half-open.
    pub(crate) open_until: UnixMicros,
    /// How often it has opened since it was last closed.
    opened: u32,
    /// The failures within the window, ascending.
    failures: Vec<UnixMicros>,
    /// Calls in flight and when they began.
    #[serde(rename = "under_way")]
    in_flight: Vec<(u64, UnixMicros)>,
    /// The call that probes.
    probe: Option<u64>,
    next_permit: u64,
    /// The times of recent calls, ascending, as far back as a quota needs them.
    #[serde(rename = "asked")]
    calls: Vec<UnixMicros>,
    /// The quota day and its number of calls.
    day: Option<Day>,
    #[serde(rename = "asked_today")]
    calls_today: u32,
    /// Rate limits that the provider reported, and when they end.
    #[serde(rename = "learned")]
    reported_limits: Vec<(QuotaWindow, UnixMicros)>,
    /// Suspended operations.
    #[serde(rename = "away")]
    suspensions: Vec<Suspension>,
    pub(crate) last_success: Option<UnixMicros>,
    pub(crate) last_refusal: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspension {
    /// `None` suspends all operations.
    #[serde(rename = "question")]
    operation: Option<ProviderOperation>,
    until: UnixMicros,
}

impl ProviderState {
    /// The state of a provider that was never called.
    pub(crate) fn new(now: UnixMicros) -> Self {
        Self {
            form: FORM,
            now,
            breaker: CircuitState::Closed,
            since: now,
            open_until: now,
            opened: 0,
            failures: Vec::new(),
            in_flight: Vec::new(),
            probe: None,
            next_permit: 1,
            calls: Vec::new(),
            day: None,
            calls_today: 0,
            reported_limits: Vec::new(),
            suspensions: Vec::new(),
            last_success: None,
            last_refusal: None,
        }
    }

    /// Parses a stored state; `None` if it is malformed or has another format.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|state: &Self| state.form == FORM)
    }

    /// The state after an operator's reset at `now`: no failure, wait or error is left. Calls
    /// made still count towards the quotas, except those of a clock that was ahead.
    pub(crate) fn reset(self, now: UnixMicros) -> Self {
        let is_past = self.now <= now;
        Self {
            next_permit: self.next_permit,
            calls: self.calls.into_iter().filter(|at| *at <= now).collect(),
            day: self.day.filter(|_| is_past),
            calls_today: if is_past { self.calls_today } else { 0 },
            last_success: self.last_success,
            ..Self::new(now)
        }
    }

    /// Admits a call and takes its quota, or returns why not; then nothing needs to be saved.
    pub(crate) fn admit(
        &mut self,
        operation: ProviderOperation,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
        events: &mut Vec<ProviderEvent>,
    ) -> Result<CallPermit, ProviderError> {
        let now = self.advance(now, limits);
        let probes = self.check_breaker(now, limits.breaker)?;
        let concerns =
            |suspension: &&Suspension| suspension.operation.is_none_or(|one| one == operation);
        if let Some(suspension) = self.suspensions.iter().find(concerns) {
            return Err(match suspension.operation {
                None => ProviderError::AuthFailed,
                Some(_) => ProviderError::PlanRestricted { symbol_only: false },
            });
        }
        self.check_quota(now, limits)?;
        self.take_quota(now, limits, events);
        let permit = CallPermit(self.next_permit);
        self.next_permit += 1;
        self.in_flight.push((permit.0, now));
        if probes {
            self.probe = Some(permit.0);
            self.set_breaker(CircuitState::HalfOpen, now, events);
        }
        Ok(permit)
    }

    /// Records the outcome of a call.
    pub(crate) fn record(
        &mut self,
        (permit, operation): (CallPermit, ProviderOperation),
        outcome: Result<(), &ProviderError>,
        is_slow: bool,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
        events: &mut Vec<ProviderEvent>,
    ) {
        let now = self.advance(now, limits);
        self.in_flight.retain(|(id, _)| *id != permit.0);
        let probed = self.probe == Some(permit.0);
        let failed = is_slow || outcome.is_err_and(ProviderError::is_failure);
        match outcome {
            Ok(()) => self.last_success = Some(now),
            Err(error) => self.learn(operation, error, now, limits, events),
        }
        if failed {
            self.failures.push(now);
            let many = self.failures.len() >= limits.breaker.failures_most();
            if probed || (many && self.breaker == CircuitState::Closed) {
                self.open(now, limits.breaker, events);
            }
        } else if probed {
            (self.probe, self.opened) = (None, 0);
            self.failures.clear();
            self.set_breaker(CircuitState::Closed, now, events);
        }
    }

    /// The breaker state at `now`: an open breaker becomes half-open at `open_until`.
    pub(crate) fn breaker_at(&self, now: UnixMicros) -> CircuitState {
        let is_over = self.breaker == CircuitState::Open && self.open_until <= now;
        if is_over { CircuitState::HalfOpen } else { self.breaker }
    }

    /// Calls used at `now` of each quota window that has a limit, and the limit.
    pub(crate) fn used(
        &self,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
    ) -> Vec<(QuotaWindow, u32, u32)> {
        let mut state = self.clone();
        let now = state.advance(now, limits);
        let used = QuotaWindow::ALL
            .map(|window| (window, state.used_of(window, now), limits.quota.limit(window)));
        used.into_iter().filter(|(.., limit)| *limit > 0).collect()
    }

    /// Failures within the window at `now`.
    pub(crate) fn failures_at(&self, now: UnixMicros, limits: &ProviderLimits<'_>) -> usize {
        let from = now.plus_seconds(-i64::from(limits.breaker.window_s));
        self.failures.iter().filter(|at| **at > from).count()
    }

    /// Removes what has expired. Returns the latest instant seen, which is `now` unless a clock
    /// went back.
    fn advance(&mut self, now: UnixMicros, limits: &ProviderLimits<'_>) -> UnixMicros {
        self.now = self.now.max(now);
        let now = self.now;
        let kept_from = now.0 - limits.longest_span();
        self.calls.retain(|at| at.0 > kept_from);
        let window = now.plus_seconds(-i64::from(limits.breaker.window_s));
        self.failures.retain(|at| *at > window);
        let lost = now.plus_seconds(-LOST_S);
        self.in_flight.retain(|(_, since)| *since > lost);
        let is_lost = |probe| !self.in_flight.iter().any(|(id, _)| *id == probe);
        if self.probe.is_some_and(is_lost) {
            // The probe is lost: another call may probe.
            self.probe = None;
        }
        self.reported_limits.retain(|(_, until)| *until > now);
        self.suspensions.retain(|suspension| suspension.until > now);
        let today = limits.day(now);
        if self.day.is_none_or(|day| day < today) {
            (self.day, self.calls_today) = (Some(today), 0);
        }
        now
    }

    /// Whether the call would be the probe.
    fn check_breaker(
        &self,
        now: UnixMicros,
        config: &BreakerConfig,
    ) -> Result<bool, ProviderError> {
        let has_room = match self.breaker_at(now) {
            CircuitState::Closed => {
                self.failures.len() + self.in_flight.len() < config.failures_most()
            }
            CircuitState::HalfOpen => self.probe.is_none(),
            CircuitState::Open => false,
        };
        if has_room {
            return Ok(self.breaker != CircuitState::Closed);
        }
        Err(ProviderError::BreakerOpen)
    }

    fn learn(
        &mut self,
        operation: ProviderOperation,
        error: &ProviderError,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
        events: &mut Vec<ProviderEvent>,
    ) {
        self.last_refusal = Some(error.as_str().to_owned());
        match error {
            ProviderError::RateLimited { window, retry_after } => {
                self.learn_limit(*window, *retry_after, now, limits, events);
            }
            ProviderError::AuthFailed => self.suspend(None, now, events),
            ProviderError::PlanRestricted { symbol_only: false } => {
                self.suspend(Some(operation), now, events);
            }
            _ => {}
        }
    }

    fn suspend(
        &mut self,
        operation: Option<ProviderOperation>,
        now: UnixMicros,
        events: &mut Vec<ProviderEvent>,
    ) {
        if self.suspensions.iter().any(|suspension| suspension.operation == operation) {
            return;
        }
        self.suspensions.push(Suspension { operation, until: now.plus_seconds(SUSPENSION_S) });
        events.push(ProviderEvent::Suspension);
    }

    fn open(&mut self, now: UnixMicros, config: &BreakerConfig, events: &mut Vec<ProviderEvent>) {
        let times = self.opened.min(20);
        let seconds = (i64::from(config.open_s) << times).min(i64::from(config.open_s_max));
        self.opened = self.opened.saturating_add(1);
        self.open_until = now.plus_seconds(seconds);
        self.probe = None;
        self.set_breaker(CircuitState::Open, now, events);
    }

    fn set_breaker(
        &mut self,
        word: CircuitState,
        now: UnixMicros,
        events: &mut Vec<ProviderEvent>,
    ) {
        if self.breaker != word {
            (self.breaker, self.since) = (word, now);
            events.push(ProviderEvent::Breaker(word));
        } else if word == CircuitState::Open {
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests;
