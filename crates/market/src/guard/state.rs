//! What is known of a provider, and what follows from it: whether it may be asked now, and what an
//! answer changes. It is pure: the time is handed in, and nothing is asked or kept here.
//!
//! A question is admitted before it is asked: its share of the quota is taken then, whatever comes
//! of it. While it is under way it counts as a failure to be, so that a provider that hangs is
//! asked no more often than the breaker's limit says, however many ask at once.

mod limits;

use std::time::Duration;

use domain::{Day, UnixMicros};
use serde::{Deserialize, Serialize};

pub(super) use self::limits::Limits;
use super::config::BreakerConfig;
use crate::provider::{Question, Refusal, Window};

/// What this program writes. A document of another form is another version's, and not touched.
const FORM: u32 = 1;
/// A question that is under way for longer is taken for lost, in seconds. Longer than any question
/// takes: [`GIVE_UP`] ends it before.
const LOST_S: i64 = 90;
/// After how long a question is given up. The providers' own timeouts are a minute at most.
pub(super) const GIVE_UP: Duration = Duration::from_secs(75);
/// How long a provider is left alone that does not accept our key or has not what we ask, in
/// seconds.
const AWAY_S: i64 = 3_600;
/// How long a provider is left alone that was asked too often within a second, in microseconds.
const SECOND_RETRY: i64 = 1_200_000;
const MINUTE_S: i64 = 60;
const MICROS: i64 = 1_000_000;

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerWord {
    /// Questions go through.
    Closed,
    /// One question goes through, to see.
    HalfOpen,
    /// No question goes through.
    Open,
}

impl BreakerWord {
    /// Its word in metrics, logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// The permission to ask once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit(u64);

/// Something that people should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The breaker stands otherwise.
    Breaker(BreakerWord),
    /// Much of a quota is used, or all of it.
    QuotaUsed {
        /// Of which span.
        window: Window,
        /// How much.
        used: u32,
        /// Of how much.
        limit: u32,
    },
    /// The provider says that a quota is used up.
    QuotaLearned(Window),
    /// It is left alone: it does not accept our key, or does not have what we ask.
    Away,
}

/// What is known of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderState {
    /// [`FORM`].
    form: u32,
    /// The latest instant seen; time never goes back here, whatever a node's clock does.
    pub(crate) now: UnixMicros,
    pub(crate) breaker: BreakerWord,
    /// Since when the breaker stands so.
    pub(crate) since: UnixMicros,
    /// Until when it is open; then one question may go through.
    pub(crate) open_until: UnixMicros,
    /// How often it has opened without closing in between.
    opened: u32,
    /// The failures within the window, ascending.
    failures: Vec<UnixMicros>,
    /// Questions under way, and since when.
    under_way: Vec<(u64, UnixMicros)>,
    /// The question that probes.
    probe: Option<u64>,
    next_permit: u64,
    /// The questions of the last minute, ascending, as far as a limit needs them.
    asked: Vec<UnixMicros>,
    /// The provider's day, and the questions of that day.
    day: Option<Day>,
    asked_today: u32,
    /// What the provider told: until when which window is used up.
    learned: Vec<(Window, UnixMicros)>,
    /// What it does not have, and until when it is not asked for that again.
    away: Vec<Away>,
    pub(crate) last_success: Option<UnixMicros>,
    pub(crate) last_refusal: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Away {
    /// Which question; `None` is all.
    question: Option<Question>,
    until: UnixMicros,
}

impl ProviderState {
    /// A provider of which nothing is known.
    pub(crate) fn new(now: UnixMicros) -> Self {
        Self {
            form: FORM,
            now,
            breaker: BreakerWord::Closed,
            since: now,
            open_until: now,
            opened: 0,
            failures: Vec::new(),
            under_way: Vec::new(),
            probe: None,
            next_permit: 1,
            asked: Vec::new(),
            day: None,
            asked_today: 0,
            learned: Vec::new(),
            away: Vec::new(),
            last_success: None,
            last_refusal: None,
        }
    }

    /// Reads what a node has written; `None` when it cannot be read, or is of another form.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|state: &Self| state.form == FORM)
    }

    /// The state after an operator's reset at `now`: no failure, wait or refusal is left. Calls
    /// made still count towards the quotas, except those of a clock that was ahead.
    pub(crate) fn reset(self, now: UnixMicros) -> Self {
        let is_past = self.now <= now;
        Self {
            next_permit: self.next_permit,
            asked: self.asked.into_iter().filter(|at| *at <= now).collect(),
            day: self.day.filter(|_| is_past),
            asked_today: if is_past { self.asked_today } else { 0 },
            last_success: self.last_success,
            ..Self::new(now)
        }
    }

    /// Whether the provider may be asked now. If so, the question counts from now on; otherwise
    /// nothing has changed that would have to be kept.
    pub(crate) fn admit(
        &mut self,
        question: Question,
        now: UnixMicros,
        limits: &Limits<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Permit, Refusal> {
        let now = self.advance(now, limits);
        let probes = self.check_breaker(now, limits.breaker)?;
        let concerns = |away: &&Away| away.question.is_none_or(|one| one == question);
        if let Some(away) = self.away.iter().find(concerns) {
            return Err(match away.question {
                None => Refusal::AuthFailed,
                Some(_) => Refusal::PlanRestricted { symbol_only: false },
            });
        }
        self.check_quota(now, limits)?;
        self.take_quota(now, limits, events);
        let permit = Permit(self.next_permit);
        self.next_permit += 1;
        self.under_way.push((permit.0, now));
        if probes {
            self.probe = Some(permit.0);
            self.turn(BreakerWord::HalfOpen, now, events);
        }
        Ok(permit)
    }

    /// What came of a question: nothing that was refused, or the refusal.
    pub(crate) fn record(
        &mut self,
        (permit, question): (Permit, Question),
        outcome: Result<(), &Refusal>,
        is_slow: bool,
        now: UnixMicros,
        limits: &Limits<'_>,
        events: &mut Vec<Event>,
    ) {
        let now = self.advance(now, limits);
        self.under_way.retain(|(id, _)| *id != permit.0);
        let probed = self.probe == Some(permit.0);
        let failed = is_slow || outcome.is_err_and(Refusal::is_failure);
        match outcome {
            Ok(()) => self.last_success = Some(now),
            Err(refusal) => self.learn(question, refusal, now, limits, events),
        }
        if failed {
            self.failures.push(now);
            let many = self.failures.len() >= limits.breaker.failures_most();
            if probed || (many && self.breaker == BreakerWord::Closed) {
                self.open(now, limits.breaker, events);
            }
        } else if probed {
            (self.probe, self.opened) = (None, 0);
            self.failures.clear();
            self.turn(BreakerWord::Closed, now, events);
        }
    }

    /// How the breaker stands at `now`: an open one whose time is over is half-open.
    pub(crate) fn breaker_at(&self, now: UnixMicros) -> BreakerWord {
        let is_over = self.breaker == BreakerWord::Open && self.open_until <= now;
        if is_over { BreakerWord::HalfOpen } else { self.breaker }
    }

    /// Questions used at `now` of each window that has a limit, and the limit.
    pub(crate) fn used(&self, now: UnixMicros, limits: &Limits<'_>) -> Vec<(Window, u32, u32)> {
        let mut state = self.clone();
        let now = state.advance(now, limits);
        let used = Window::ALL
            .map(|window| (window, state.used_of(window, now), limits.quota.limit(window)));
        used.into_iter().filter(|(.., limit)| *limit > 0).collect()
    }

    /// Failures within the window at `now`.
    pub(crate) fn failures_at(&self, now: UnixMicros, limits: &Limits<'_>) -> usize {
        let from = now.plus_seconds(-i64::from(limits.breaker.window_s));
        self.failures.iter().filter(|at| **at > from).count()
    }

    /// Forgets what is over. The latest instant seen, which is `now` unless a clock went back.
    fn advance(&mut self, now: UnixMicros, limits: &Limits<'_>) -> UnixMicros {
        self.now = self.now.max(now);
        let now = self.now;
        let kept_from = now.0 - limits.longest_span();
        self.asked.retain(|at| at.0 > kept_from);
        let window = now.plus_seconds(-i64::from(limits.breaker.window_s));
        self.failures.retain(|at| *at > window);
        let lost = now.plus_seconds(-LOST_S);
        self.under_way.retain(|(_, since)| *since > lost);
        let is_lost = |probe| !self.under_way.iter().any(|(id, _)| *id == probe);
        if self.probe.is_some_and(is_lost) {
            // Nobody will tell what came of it: another question may probe.
            self.probe = None;
        }
        self.learned.retain(|(_, until)| *until > now);
        self.away.retain(|away| away.until > now);
        let today = limits.day(now);
        if self.day.is_none_or(|day| day < today) {
            (self.day, self.asked_today) = (Some(today), 0);
        }
        now
    }

    /// Whether the question would be the one that probes.
    fn check_breaker(&self, now: UnixMicros, config: &BreakerConfig) -> Result<bool, Refusal> {
        let has_room = match self.breaker_at(now) {
            BreakerWord::Closed => {
                self.failures.len() + self.under_way.len() < config.failures_most()
            }
            BreakerWord::HalfOpen => self.probe.is_none(),
            BreakerWord::Open => false,
        };
        if has_room {
            return Ok(self.breaker != BreakerWord::Closed);
        }
        Err(Refusal::BreakerOpen)
    }

    /// Refuses while a window is used up; that which lasts longest is told.
    fn check_quota(&self, now: UnixMicros, limits: &Limits<'_>) -> Result<(), Refusal> {
        let told = self.learned.iter().copied();
        let full = Window::ALL.into_iter().filter(|window| {
            let limit = limits.quota.limit(*window);
            limit > 0 && self.used_of(*window, now) >= limit
        });
        let full = full.map(|window| (window, self.free_again(window, now, limits)));
        let Some((window, until)) = told.chain(full).max_by_key(|(_, until)| *until) else {
            return Ok(());
        };
        let micros = u64::try_from(until.0 - now.0).unwrap_or(0);
        Err(Refusal::RateLimited { window, retry_after: Some(Duration::from_micros(micros)) })
    }

    fn take_quota(&mut self, now: UnixMicros, limits: &Limits<'_>, events: &mut Vec<Event>) {
        if limits.longest_span() > 0 {
            self.asked.push(now);
        }
        self.asked_today = self.asked_today.saturating_add(1);
        // Of the day only: a minute's quota is used to the full by whoever refreshes in a row.
        let (window, used, limit) = (Window::Day, self.asked_today, limits.quota.per_day);
        let warned = u64::from(limit) * u64::from(limits.warn_percent);
        let first = u64::from(used) * 100 >= warned && u64::from(used - 1) * 100 < warned;
        if limit > 0 && (first || used == limit) {
            events.push(Event::QuotaUsed { window, used, limit });
        }
    }

    fn used_of(&self, window: Window, now: UnixMicros) -> u32 {
        let since = |micros| {
            let recent = self.asked.iter().filter(|at| at.0 > now.0 - micros);
            u32::try_from(recent.count()).unwrap_or(u32::MAX)
        };
        match window {
            Window::Second => since(MICROS),
            Window::Minute => since(MINUTE_S * MICROS),
            Window::Day => self.asked_today,
        }
    }

    /// When the next question of a window that is full may be asked.
    fn free_again(&self, window: Window, now: UnixMicros, limits: &Limits<'_>) -> UnixMicros {
        let span = match window {
            Window::Second => MICROS,
            Window::Minute => MINUTE_S * MICROS,
            Window::Day => return limits.next_day(now),
        };
        // The oldest of the newest `limit` questions has to leave the window.
        let limit = limits.quota.limit(window) as usize;
        let leaves = self.asked.len().checked_sub(limit).and_then(|at| self.asked.get(at));
        leaves.map_or(now, |at| UnixMicros(at.0 + span))
    }

    fn learn(
        &mut self,
        question: Question,
        refusal: &Refusal,
        now: UnixMicros,
        limits: &Limits<'_>,
        events: &mut Vec<Event>,
    ) {
        self.last_refusal = Some(refusal.as_str().to_owned());
        match refusal {
            Refusal::RateLimited { window, retry_after } => {
                let max = Duration::from_secs(limits.retry_after_max_s.into());
                let told = retry_after.map(|after| {
                    let after = after.min(max);
                    let micros = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
                    UnixMicros(now.0.saturating_add(micros))
                });
                let until = told.unwrap_or_else(|| match window {
                    Window::Second => UnixMicros(now.0 + SECOND_RETRY),
                    Window::Minute => now.plus_seconds(MINUTE_S),
                    Window::Day => limits.next_day(now),
                });
                // What it tells never lasts longer than the day it counts in.
                let until = until.min(limits.next_day(now).max(now.plus_seconds(MINUTE_S)));
                match self.learned.iter_mut().find(|(learned, _)| learned == window) {
                    Some((_, known)) => *known = until.max(*known),
                    None => {
                        self.learned.push((*window, until));
                        events.push(Event::QuotaLearned(*window));
                    }
                }
            }
            Refusal::AuthFailed => self.leave(None, now, events),
            Refusal::PlanRestricted { symbol_only: false } => {
                self.leave(Some(question), now, events);
            }
            _ => {}
        }
    }

    fn leave(&mut self, question: Option<Question>, now: UnixMicros, events: &mut Vec<Event>) {
        if self.away.iter().any(|away| away.question == question) {
            return;
        }
        self.away.push(Away { question, until: now.plus_seconds(AWAY_S) });
        events.push(Event::Away);
    }

    fn open(&mut self, now: UnixMicros, config: &BreakerConfig, events: &mut Vec<Event>) {
        let times = self.opened.min(20);
        let seconds = (i64::from(config.open_s) << times).min(i64::from(config.open_s_max));
        self.opened = self.opened.saturating_add(1);
        self.open_until = now.plus_seconds(seconds);
        self.probe = None;
        self.turn(BreakerWord::Open, now, events);
    }

    fn turn(&mut self, word: BreakerWord, now: UnixMicros, events: &mut Vec<Event>) {
        if self.breaker != word {
            (self.breaker, self.since) = (word, now);
            events.push(Event::Breaker(word));
        } else if word == BreakerWord::Open {
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests;
