//! Tests of the provider state machine, step by step.

use jiff::tz::TimeZone;

use super::*;
use crate::guard::config::QuotaConfig;

mod properties;

/// 2026-11-27T09:00:00Z, 04:00 in New York.
const START: UnixMicros = UnixMicros(1_795_770_000_000_000);

fn limits<'a>(
    breaker: &'a BreakerConfig,
    quota: &'a QuotaConfig,
    zone: &'a TimeZone,
) -> ProviderLimits<'a> {
    ProviderLimits { breaker, quota, warn_percent: 80, retry_after_max_s: 7_200, zone }
}

struct Fixture {
    breaker: BreakerConfig,
    quota: QuotaConfig,
    zone: TimeZone,
    state: ProviderState,
    events: Vec<ProviderEvent>,
}

impl Fixture {
    fn new(per_second: u32, per_minute: u32, per_day: u32) -> Self {
        let day_zone = "America/New_York".to_owned();
        Self {
            breaker: BreakerConfig::default(),
            zone: TimeZone::get(&day_zone).unwrap(),
            quota: QuotaConfig { per_second, per_minute, per_day, day_zone },
            state: ProviderState::new(START),
            events: Vec::new(),
        }
    }

    fn admit(&mut self, at: UnixMicros) -> Result<CallPermit, ProviderError> {
        self.admit_operation(ProviderOperation::Quote, at)
    }

    fn admit_operation(
        &mut self,
        operation: ProviderOperation,
        at: UnixMicros,
    ) -> Result<CallPermit, ProviderError> {
        let Self { breaker, quota, zone, state, events } = self;
        state.admit(operation, at, &limits(breaker, quota, zone), events)
    }

    fn record(&mut self, permit: CallPermit, outcome: Result<(), &ProviderError>, at: UnixMicros) {
        self.record_operation(ProviderOperation::Quote, permit, outcome, false, at);
    }

    fn record_operation(
        &mut self,
        operation: ProviderOperation,
        permit: CallPermit,
        outcome: Result<(), &ProviderError>,
        is_slow: bool,
        at: UnixMicros,
    ) {
        let Self { breaker, quota, zone, state, events } = self;
        let limits = limits(breaker, quota, zone);
        state.record((permit, operation), outcome, is_slow, at, &limits, events);
    }

    fn fail(&mut self, at: UnixMicros) {
        let permit = self.admit(at).expect("it is admitted");
        self.record(permit, Err(&ProviderError::Transient), at);
    }

    fn limits(&self) -> ProviderLimits<'_> {
        let Self { breaker, quota, zone, .. } = self;
        limits(breaker, quota, zone)
    }

    fn take_events(&mut self) -> Vec<ProviderEvent> {
        std::mem::take(&mut self.events)
    }
}

fn at(seconds: i64) -> UnixMicros {
    START.plus_seconds(seconds)
}

#[test]
fn five_failures_within_a_minute_open_the_breaker_for_five_minutes() {
    let mut fixture = Fixture::new(0, 0, 0);
    for second in 0..4 {
        fixture.fail(at(second));
    }
    assert_eq!(fixture.take_events(), []);
    fixture.fail(at(59));
    assert_eq!(fixture.take_events(), [ProviderEvent::Breaker(CircuitState::Open)]);
    assert_eq!((fixture.state.since, fixture.state.open_until), (at(59), at(359)));
    assert_eq!(fixture.admit(at(358)), Err(ProviderError::BreakerOpen));
    assert!(fixture.admit(at(359)).is_ok());
}

#[test]
fn failures_that_are_far_apart_do_not_open_it() {
    let mut fixture = Fixture::new(0, 0, 0);
    for second in [0, 20, 40, 60, 80, 100, 120] {
        fixture.fail(at(second));
    }
    assert_eq!(fixture.state.breaker, CircuitState::Closed);
}

#[test]
fn one_call_probes_and_decides() {
    let mut fixture = Fixture::new(0, 0, 0);
    (0..5).for_each(|_| fixture.fail(at(0)));
    let probe = fixture.admit(at(300)).expect("the time is over");
    assert_eq!(fixture.state.breaker, CircuitState::HalfOpen);
    assert_eq!(fixture.admit(at(300)), Err(ProviderError::BreakerOpen), "one is enough");
    fixture.record(probe, Err(&ProviderError::Transient), at(305));
    assert_eq!(fixture.state.open_until, at(905), "twice as long");
    let probe = fixture.admit(at(905)).expect("the time is over");
    fixture.record(probe, Err(&ProviderError::NotFound), at(906));
    assert_eq!(
        fixture.state.breaker,
        CircuitState::Closed,
        "a negative response proves that it responds"
    );
    let words = fixture.take_events();
    let expected = [
        CircuitState::Open,
        CircuitState::HalfOpen,
        CircuitState::Open,
        CircuitState::HalfOpen,
        CircuitState::Closed,
    ];
    assert_eq!(words, expected.map(ProviderEvent::Breaker));
    (0..5).for_each(|_| fixture.fail(at(907)));
    assert_eq!(fixture.state.open_until, at(1_207), "it begins anew");
}

#[test]
fn it_stays_open_for_an_hour_at_most() {
    let mut fixture = Fixture::new(0, 0, 0);
    (0..5).for_each(|_| fixture.fail(at(0)));
    let mut open = Vec::new();
    for _ in 0..6 {
        let now = fixture.state.open_until;
        fixture.fail(now);
        open.push(fixture.state.open_until.seconds() - now.seconds());
    }
    assert_eq!(open, [600, 1_200, 2_400, 3_600, 3_600, 3_600]);
}

#[test]
fn a_probe_that_is_never_answered_is_not_waited_for_for_good() {
    let mut fixture = Fixture::new(0, 0, 0);
    (0..5).for_each(|_| fixture.fail(at(0)));
    let lost = fixture.admit(at(300)).expect("the time is over");
    assert_eq!(fixture.admit(at(389)), Err(ProviderError::BreakerOpen));
    let second = fixture.admit(at(390)).expect("another one may probe");
    fixture.record(lost, Ok(()), at(391));
    assert_eq!(fixture.state.breaker, CircuitState::HalfOpen, "the late one does not count");
    assert_eq!(fixture.admit(at(392)), Err(ProviderError::BreakerOpen), "one is still under way");
    fixture.record(second, Ok(()), at(393));
    assert_eq!(fixture.state.breaker, CircuitState::Closed);
}

#[test]
fn a_hanging_provider_is_called_five_times_at_any_concurrency() {
    let mut fixture = Fixture::new(0, 0, 0);
    let permits: Vec<CallPermit> = (0..100).filter_map(|_| fixture.admit(at(0)).ok()).collect();
    assert_eq!(permits.len(), 5);
    for permit in permits {
        fixture.record(permit, Err(&ProviderError::Transient), at(5));
    }
    assert_eq!(fixture.state.breaker, CircuitState::Open);
}

#[test]
fn a_slow_answer_counts_as_a_failure_and_a_refusal_does_not() {
    let mut fixture = Fixture::new(0, 0, 0);
    for _ in 0..5 {
        let permit = fixture.admit(at(0)).expect("it is admitted");
        fixture.record_operation(ProviderOperation::Quote, permit, Ok(()), true, at(3));
    }
    assert_eq!(fixture.state.breaker, CircuitState::Open);
    let mut fixture = Fixture::new(0, 0, 0);
    for _ in 0..50 {
        let permit = fixture.admit(at(0)).expect("it is admitted");
        fixture.record(permit, Err(&ProviderError::NotFound), at(0));
    }
    assert_eq!(fixture.state.breaker, CircuitState::Closed);
}

#[test]
fn a_quota_is_taken_before_the_question() {
    let mut fixture = Fixture::new(0, 0, 3);
    for second in 0..3 {
        let permit = fixture.admit(at(second)).expect("within the quota");
        fixture.record(permit, Ok(()), at(second));
    }
    // Midnight in New York is 20 hours away.
    let retry_after = Some(Duration::from_secs(20 * 3_600 - 3));
    let refused = ProviderError::RateLimited { window: QuotaWindow::Day, retry_after };
    assert_eq!(fixture.admit(at(3)), Err(refused));
    let used = |used| ProviderEvent::QuotaUsed { window: QuotaWindow::Day, used, limit: 3 };
    assert_eq!(fixture.take_events(), [used(3)], "80 % of three are three");
    assert!(fixture.admit(at(20 * 3_600)).is_ok(), "another day");
}

#[test]
fn a_warning_comes_once_at_eighty_percent_and_once_at_the_end() {
    let mut fixture = Fixture::new(0, 0, 25);
    for second in 0..25 {
        let permit = fixture.admit(at(second)).expect("within the quota");
        fixture.record(permit, Ok(()), at(second));
    }
    let used = |used| ProviderEvent::QuotaUsed { window: QuotaWindow::Day, used, limit: 25 };
    assert_eq!(fixture.take_events(), [used(20), used(25)]);
}

#[test]
fn any_second_and_any_minute_has_its_limit() {
    let mut fixture = Fixture::new(2, 5, 0);
    let mut calls = Vec::new();
    for tenth in 0..1_200 {
        let now = UnixMicros(START.0 + tenth * 100_000);
        if let Ok(permit) = fixture.admit(now) {
            fixture.record(permit, Ok(()), now);
            calls.push(tenth);
        }
    }
    assert_eq!(calls, [0, 1, 10, 11, 20, 600, 601, 610, 611, 620]);
}

#[test]
fn a_clock_that_goes_back_does_not_refill_the_quota() {
    let mut fixture = Fixture::new(0, 0, 2);
    let day = 86_400;
    fixture.fail(at(day));
    fixture.fail(at(0));
    assert!(matches!(fixture.admit(at(0)), Err(ProviderError::RateLimited { .. })));
    assert!(matches!(fixture.admit(at(day)), Err(ProviderError::RateLimited { .. })));
}

#[test]
fn a_reported_rate_limit_is_respected() {
    for (window, retry_after, refused_until, free_at) in [
        (QuotaWindow::Second, None, 1, 2),
        (QuotaWindow::Minute, None, 59, 60),
        (QuotaWindow::Minute, Some(Duration::from_secs(30)), 29, 30),
        (QuotaWindow::Day, None, 20 * 3_600 - 1, 20 * 3_600),
        // A month of bandwidth: called again after the longest wait that is respected.
        (QuotaWindow::Day, Some(Duration::from_secs(86_400 * 30)), 7_199, 7_200),
        (QuotaWindow::Minute, Some(Duration::from_secs(86_400 * 30)), 7_199, 7_200),
    ] {
        let mut fixture = Fixture::new(0, 0, 0);
        let permit = fixture.admit(at(0)).expect("it is admitted");
        fixture.record(permit, Err(&ProviderError::RateLimited { window, retry_after }), at(0));
        assert_eq!(fixture.state.breaker, CircuitState::Closed, "it is not ill");
        assert!(fixture.admit(at(refused_until)).is_err(), "{window:?} {retry_after:?}");
        assert!(fixture.admit(at(free_at)).is_ok(), "{window:?} {retry_after:?}");
    }
}

#[test]
fn a_reset_provider_is_called_again_and_keeps_its_used_quota() {
    let mut fixture = Fixture::new(0, 0, 3);
    let permit = fixture.admit(at(0)).expect("it is admitted");
    let retry_after = Some(Duration::from_secs(86_400 * 30));
    let error = ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after };
    fixture.record(permit, Err(&error), at(0));
    assert!(fixture.admit(at(1)).is_err());
    fixture.state = fixture.state.reset(at(2));
    fixture.admit(at(2)).expect("it was reset");
    fixture.admit(at(3)).expect("the third of the day");
    assert!(matches!(
        fixture.admit(at(4)),
        Err(ProviderError::RateLimited { window: QuotaWindow::Day, .. })
    ));
}

#[test]
fn a_provider_without_our_key_or_the_plan_is_left_alone_for_an_hour() {
    let mut fixture = Fixture::new(0, 0, 0);
    let permit =
        fixture.admit_operation(ProviderOperation::PriceHistory, at(0)).expect("it is admitted");
    let error = ProviderError::PlanRestricted { symbol_only: false };
    fixture.record_operation(ProviderOperation::PriceHistory, permit, Err(&error), false, at(0));
    assert_eq!(fixture.admit_operation(ProviderOperation::PriceHistory, at(1)), Err(error));
    let permit = fixture.admit(at(1)).expect("prices are another matter");
    fixture.record(permit, Err(&ProviderError::PlanRestricted { symbol_only: true }), at(1));
    let permit = fixture.admit(at(2)).expect("other stocks are another matter");
    fixture.record(permit, Err(&ProviderError::AuthFailed), at(2));
    assert_eq!(fixture.admit(at(3_601)), Err(ProviderError::AuthFailed));
    assert!(fixture.admit(at(3_602)).is_ok());
    assert_eq!(fixture.take_events(), [ProviderEvent::Suspension, ProviderEvent::Suspension]);
}

#[test]
fn a_day_is_the_providers_own_across_a_change_of_the_clocks() {
    let mut fixture = Fixture::new(0, 0, 1);
    // 2026-11-01, on which New York turns its clocks back: from 04:00 to 05:00 in UTC of the 2nd.
    let midnight = UnixMicros(1_793_505_600_000_000);
    fixture.state = ProviderState::new(midnight);
    fixture.fail(midnight);
    assert!(fixture.admit(midnight.plus_seconds(25 * 3_600 - 1)).is_err());
    assert!(fixture.admit(midnight.plus_seconds(25 * 3_600)).is_ok());
}

#[test]
fn a_reported_rate_limit_is_not_shortened_by_a_later_report() {
    let mut fixture = Fixture::new(0, 0, 0);
    let permits = [fixture.admit(at(0)).expect("free"), fixture.admit(at(0)).expect("free")];
    for (permit, seconds) in permits.into_iter().zip([600, 5]) {
        let retry_after = Some(Duration::from_secs(seconds));
        let limited = ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after };
        fixture.record(permit, Err(&limited), at(0));
    }
    assert!(fixture.admit(at(599)).is_err());
    assert!(fixture.admit(at(600)).is_ok());
    assert_eq!(
        fixture.take_events(),
        [ProviderEvent::QuotaLearned(QuotaWindow::Minute)],
        "reported once"
    );
}

#[test]
fn the_window_that_lasts_longest_is_returned() {
    let mut fixture = Fixture::new(1, 2, 0);
    fixture.fail(at(0));
    fixture.fail(at(1));
    let refused = |window, seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        Err(ProviderError::RateLimited { window, retry_after })
    };
    assert_eq!(fixture.admit(at(1)), refused(QuotaWindow::Minute, 59));
}

#[test]
fn calls_that_no_limit_counts_are_not_stored() {
    for (per_second, per_minute, kept) in [(0, 0, 0), (100, 0, 1), (0, 100, 30)] {
        let mut fixture = Fixture::new(per_second, per_minute, 0);
        for second in 0..30 {
            let permit = fixture.admit(at(second)).expect("no limit is near");
            fixture.record(permit, Ok(()), at(second));
        }
        assert_eq!(fixture.state.calls.len(), kept);
    }
}

#[test]
fn what_another_version_has_written_is_not_read() {
    let text = serde_json::to_string(&ProviderState::new(START)).unwrap();
    assert_eq!(ProviderState::parse(&text), Some(ProviderState::new(START)));
    for (from, to) in [
        ("\"form\":1", "\"form\":2"),
        ("{", "{\"health\":1,"),
        ("\"closed\"", "\"ajar\""),
        ("}", ""),
        ("\"failures\":[],", ""),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from} is in it");
        assert_eq!(ProviderState::parse(&other), None, "{other}");
    }
    assert_eq!(ProviderState::parse(""), None);
}
