//! A provider's state step by step, with the time handed in.

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
) -> Limits<'a> {
    Limits { breaker, quota, warn_percent: 80, retry_after_max_s: 7_200, zone }
}

struct World {
    breaker: BreakerConfig,
    quota: QuotaConfig,
    zone: TimeZone,
    state: ProviderState,
    events: Vec<Event>,
}

impl World {
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

    fn ask(&mut self, at: UnixMicros) -> Result<Permit, Refusal> {
        self.ask_for(Question::Quote, at)
    }

    fn ask_for(&mut self, question: Question, at: UnixMicros) -> Result<Permit, Refusal> {
        let Self { breaker, quota, zone, state, events } = self;
        state.admit(question, at, &limits(breaker, quota, zone), events)
    }

    fn tell(&mut self, permit: Permit, outcome: Result<(), &Refusal>, at: UnixMicros) {
        self.tell_of(Question::Quote, permit, outcome, false, at);
    }

    fn tell_of(
        &mut self,
        question: Question,
        permit: Permit,
        outcome: Result<(), &Refusal>,
        is_slow: bool,
        at: UnixMicros,
    ) {
        let Self { breaker, quota, zone, state, events } = self;
        let limits = limits(breaker, quota, zone);
        state.record((permit, question), outcome, is_slow, at, &limits, events);
    }

    fn fail(&mut self, at: UnixMicros) {
        let permit = self.ask(at).expect("it may be asked");
        self.tell(permit, Err(&Refusal::Transient), at);
    }

    fn limits(&self) -> Limits<'_> {
        let Self { breaker, quota, zone, .. } = self;
        limits(breaker, quota, zone)
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

fn at(seconds: i64) -> UnixMicros {
    START.plus_seconds(seconds)
}

#[test]
fn five_failures_within_a_minute_open_the_breaker_for_five_minutes() {
    let mut world = World::new(0, 0, 0);
    for second in 0..4 {
        world.fail(at(second));
    }
    assert_eq!(world.take_events(), []);
    world.fail(at(59));
    assert_eq!(world.take_events(), [Event::Breaker(BreakerWord::Open)]);
    assert_eq!((world.state.since, world.state.open_until), (at(59), at(359)));
    assert_eq!(world.ask(at(358)), Err(Refusal::BreakerOpen));
    assert!(world.ask(at(359)).is_ok());
}

#[test]
fn failures_that_are_far_apart_do_not_open_it() {
    let mut world = World::new(0, 0, 0);
    for second in [0, 20, 40, 60, 80, 100, 120] {
        world.fail(at(second));
    }
    assert_eq!(world.state.breaker, BreakerWord::Closed);
}

#[test]
fn one_question_probes_and_decides() {
    let mut world = World::new(0, 0, 0);
    (0..5).for_each(|_| world.fail(at(0)));
    let probe = world.ask(at(300)).expect("the time is over");
    assert_eq!(world.state.breaker, BreakerWord::HalfOpen);
    assert_eq!(world.ask(at(300)), Err(Refusal::BreakerOpen), "one is enough");
    world.tell(probe, Err(&Refusal::Transient), at(305));
    assert_eq!(world.state.open_until, at(905), "twice as long");
    let probe = world.ask(at(905)).expect("the time is over");
    world.tell(probe, Err(&Refusal::NotFound), at(906));
    assert_eq!(world.state.breaker, BreakerWord::Closed, "it answers, if only with a no");
    let words = world.take_events();
    let expected = [
        BreakerWord::Open,
        BreakerWord::HalfOpen,
        BreakerWord::Open,
        BreakerWord::HalfOpen,
        BreakerWord::Closed,
    ];
    assert_eq!(words, expected.map(Event::Breaker));
    (0..5).for_each(|_| world.fail(at(907)));
    assert_eq!(world.state.open_until, at(1_207), "it begins anew");
}

#[test]
fn it_stays_open_for_an_hour_at_most() {
    let mut world = World::new(0, 0, 0);
    (0..5).for_each(|_| world.fail(at(0)));
    let mut open = Vec::new();
    for _ in 0..6 {
        let now = world.state.open_until;
        world.fail(now);
        open.push(world.state.open_until.seconds() - now.seconds());
    }
    assert_eq!(open, [600, 1_200, 2_400, 3_600, 3_600, 3_600]);
}

#[test]
fn a_probe_that_is_never_answered_is_not_waited_for_for_good() {
    let mut world = World::new(0, 0, 0);
    (0..5).for_each(|_| world.fail(at(0)));
    let lost = world.ask(at(300)).expect("the time is over");
    assert_eq!(world.ask(at(389)), Err(Refusal::BreakerOpen));
    let second = world.ask(at(390)).expect("another one may probe");
    world.tell(lost, Ok(()), at(391));
    assert_eq!(world.state.breaker, BreakerWord::HalfOpen, "the late one does not count");
    assert_eq!(world.ask(at(392)), Err(Refusal::BreakerOpen), "one is still under way");
    world.tell(second, Ok(()), at(393));
    assert_eq!(world.state.breaker, BreakerWord::Closed);
}

#[test]
fn a_provider_that_hangs_is_asked_five_times_however_many_ask_at_once() {
    let mut world = World::new(0, 0, 0);
    let permits: Vec<Permit> = (0..100).filter_map(|_| world.ask(at(0)).ok()).collect();
    assert_eq!(permits.len(), 5);
    for permit in permits {
        world.tell(permit, Err(&Refusal::Transient), at(5));
    }
    assert_eq!(world.state.breaker, BreakerWord::Open);
}

#[test]
fn a_slow_answer_counts_as_a_failure_and_a_refusal_does_not() {
    let mut world = World::new(0, 0, 0);
    for _ in 0..5 {
        let permit = world.ask(at(0)).expect("it may be asked");
        world.tell_of(Question::Quote, permit, Ok(()), true, at(3));
    }
    assert_eq!(world.state.breaker, BreakerWord::Open);
    let mut world = World::new(0, 0, 0);
    for _ in 0..50 {
        let permit = world.ask(at(0)).expect("it may be asked");
        world.tell(permit, Err(&Refusal::NotFound), at(0));
    }
    assert_eq!(world.state.breaker, BreakerWord::Closed);
}

#[test]
fn a_quota_is_taken_before_the_question() {
    let mut world = World::new(0, 0, 3);
    for second in 0..3 {
        let permit = world.ask(at(second)).expect("within the quota");
        world.tell(permit, Ok(()), at(second));
    }
    // Midnight in New York is 20 hours away.
    let retry_after = Some(Duration::from_secs(20 * 3_600 - 3));
    let refused = Refusal::RateLimited { window: Window::Day, retry_after };
    assert_eq!(world.ask(at(3)), Err(refused));
    let used = |used| Event::QuotaUsed { window: Window::Day, used, limit: 3 };
    assert_eq!(world.take_events(), [used(3)], "80 % of three are three");
    assert!(world.ask(at(20 * 3_600)).is_ok(), "another day");
}

#[test]
fn a_warning_comes_once_at_eighty_percent_and_once_at_the_end() {
    let mut world = World::new(0, 0, 25);
    for second in 0..25 {
        let permit = world.ask(at(second)).expect("within the quota");
        world.tell(permit, Ok(()), at(second));
    }
    let used = |used| Event::QuotaUsed { window: Window::Day, used, limit: 25 };
    assert_eq!(world.take_events(), [used(20), used(25)]);
}

#[test]
fn any_second_and_any_minute_has_its_limit() {
    let mut world = World::new(2, 5, 0);
    let mut asked = Vec::new();
    for tenth in 0..1_200 {
        let now = UnixMicros(START.0 + tenth * 100_000);
        if let Ok(permit) = world.ask(now) {
            world.tell(permit, Ok(()), now);
            asked.push(tenth);
        }
    }
    assert_eq!(asked, [0, 1, 10, 11, 20, 600, 601, 610, 611, 620]);
}

#[test]
fn a_clock_that_goes_back_gives_no_more_quota() {
    let mut world = World::new(0, 0, 2);
    let day = 86_400;
    world.fail(at(day));
    world.fail(at(0));
    assert!(matches!(world.ask(at(0)), Err(Refusal::RateLimited { .. })));
    assert!(matches!(world.ask(at(day)), Err(Refusal::RateLimited { .. })));
}

#[test]
fn what_a_provider_says_of_its_quota_is_believed() {
    for (window, retry_after, refused_until, free_at) in [
        (Window::Second, None, 1, 2),
        (Window::Minute, None, 59, 60),
        (Window::Minute, Some(Duration::from_secs(30)), 29, 30),
        (Window::Day, None, 20 * 3_600 - 1, 20 * 3_600),
        // A month of bandwidth: called again after the longest wait that is respected.
        (Window::Day, Some(Duration::from_secs(86_400 * 30)), 7_199, 7_200),
        (Window::Minute, Some(Duration::from_secs(86_400 * 30)), 7_199, 7_200),
    ] {
        let mut world = World::new(0, 0, 0);
        let permit = world.ask(at(0)).expect("it may be asked");
        world.tell(permit, Err(&Refusal::RateLimited { window, retry_after }), at(0));
        assert_eq!(world.state.breaker, BreakerWord::Closed, "it is not ill");
        assert!(world.ask(at(refused_until)).is_err(), "{window:?} {retry_after:?}");
        assert!(world.ask(at(free_at)).is_ok(), "{window:?} {retry_after:?}");
    }
}

#[test]
fn a_reset_provider_is_called_again_and_keeps_its_used_quota() {
    let mut world = World::new(0, 0, 3);
    let permit = world.ask(at(0)).expect("it may be asked");
    let retry_after = Some(Duration::from_secs(86_400 * 30));
    let refusal = Refusal::RateLimited { window: Window::Minute, retry_after };
    world.tell(permit, Err(&refusal), at(0));
    assert!(world.ask(at(1)).is_err());
    world.state = world.state.reset(at(2));
    world.ask(at(2)).expect("it was reset");
    world.ask(at(3)).expect("the third of the day");
    assert!(matches!(world.ask(at(4)), Err(Refusal::RateLimited { window: Window::Day, .. })));
}

#[test]
fn a_provider_without_our_key_or_the_plan_is_left_alone_for_an_hour() {
    let mut world = World::new(0, 0, 0);
    let permit = world.ask_for(Question::History, at(0)).expect("it may be asked");
    let refusal = Refusal::PlanRestricted { symbol_only: false };
    world.tell_of(Question::History, permit, Err(&refusal), false, at(0));
    assert_eq!(world.ask_for(Question::History, at(1)), Err(refusal));
    let permit = world.ask(at(1)).expect("prices are another matter");
    world.tell(permit, Err(&Refusal::PlanRestricted { symbol_only: true }), at(1));
    let permit = world.ask(at(2)).expect("other stocks are another matter");
    world.tell(permit, Err(&Refusal::AuthFailed), at(2));
    assert_eq!(world.ask(at(3_601)), Err(Refusal::AuthFailed));
    assert!(world.ask(at(3_602)).is_ok());
    assert_eq!(world.take_events(), [Event::Away, Event::Away]);
}

#[test]
fn a_day_is_the_providers_own_across_a_change_of_the_clocks() {
    let mut world = World::new(0, 0, 1);
    // 2026-11-01, on which New York turns its clocks back: from 04:00 to 05:00 in UTC of the 2nd.
    let midnight = UnixMicros(1_793_505_600_000_000);
    world.state = ProviderState::new(midnight);
    world.fail(midnight);
    assert!(world.ask(midnight.plus_seconds(25 * 3_600 - 1)).is_err());
    assert!(world.ask(midnight.plus_seconds(25 * 3_600)).is_ok());
}

#[test]
fn what_a_provider_says_first_is_not_shortened_by_what_it_says_then() {
    let mut world = World::new(0, 0, 0);
    let permits = [world.ask(at(0)).expect("free"), world.ask(at(0)).expect("free")];
    for (permit, seconds) in permits.into_iter().zip([600, 5]) {
        let retry_after = Some(Duration::from_secs(seconds));
        let limited = Refusal::RateLimited { window: Window::Minute, retry_after };
        world.tell(permit, Err(&limited), at(0));
    }
    assert!(world.ask(at(599)).is_err());
    assert!(world.ask(at(600)).is_ok());
    assert_eq!(world.take_events(), [Event::QuotaLearned(Window::Minute)], "said once");
}

#[test]
fn the_window_that_lasts_longest_is_told() {
    let mut world = World::new(1, 2, 0);
    world.fail(at(0));
    world.fail(at(1));
    let refused = |window, seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        Err(Refusal::RateLimited { window, retry_after })
    };
    assert_eq!(world.ask(at(1)), refused(Window::Minute, 59));
}

#[test]
fn questions_that_no_limit_counts_are_not_kept() {
    for (per_second, per_minute, kept) in [(0, 0, 0), (100, 0, 1), (0, 100, 30)] {
        let mut world = World::new(per_second, per_minute, 0);
        for second in 0..30 {
            let permit = world.ask(at(second)).expect("no limit is near");
            world.tell(permit, Ok(()), at(second));
        }
        assert_eq!(world.state.asked.len(), kept);
    }
}

#[test]
fn what_another_version_has_written_is_not_read() {
    let text = serde_json::to_string(&ProviderState::new(START)).unwrap();
    assert_eq!(ProviderState::read(&text), Some(ProviderState::new(START)));
    for (from, to) in [
        ("\"form\":1", "\"form\":2"),
        ("{", "{\"health\":1,"),
        ("\"closed\"", "\"ajar\""),
        ("}", ""),
        ("\"failures\":[],", ""),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from} is in it");
        assert_eq!(ProviderState::read(&other), None, "{other}");
    }
    assert_eq!(ProviderState::read(""), None);
}
