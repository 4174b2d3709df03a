//! Property tests: random steps never exceed the limits of a provider.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Hours before New York turns its clocks back, on the evening before: a midnight is in between.
const CLOCKS_GO_BACK: UnixMicros = UnixMicros(1_793_491_200_000_000);
/// The same before it turns them forward, 2026-03-08T01:00:00Z.
const CLOCKS_GO_FORWARD: UnixMicros = UnixMicros(1_772_931_600_000_000);

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Call,
    Complete(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (-5_000_000i64..90_000_000).prop_map(Step::Wait),
        Just(Step::Call),
        Just(Step::Call),
        (any::<usize>(), 0u8..4).prop_map(|(which, how)| Step::Complete(which, how)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_limit_is_ever_exceeded(
        start in prop::sample::select(vec![START, CLOCKS_GO_BACK, CLOCKS_GO_FORWARD]),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut fixture = Fixture::new(2, 5, 30);
        fixture.state = ProviderState::new(start);
        let (mut clock, mut latest) = (start, start);
        let mut by_day: HashMap<Day, u32> = HashMap::new();
        let (mut calls, mut open): (Vec<UnixMicros>, Vec<CallPermit>) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Wait(micros) => clock = UnixMicros(clock.0 + micros),
                Step::Call => {
                    latest = latest.max(clock);
                    if let Ok(permit) = fixture.admit(clock) {
                        calls.push(latest);
                        *by_day.entry(fixture.limits().day(latest)).or_default() += 1;
                        open.push(permit);
                    }
                }
                Step::Complete(which, how) if !open.is_empty() => {
                    latest = latest.max(clock);
                    let permit = open.swap_remove(which % open.len());
                    let outcome = match how {
                        0 => Ok(()),
                        1 => Err(&ProviderError::NotFound),
                        2 => Err(&ProviderError::Transient),
                        _ => Err(&ProviderError::Malformed),
                    };
                    fixture.record(permit, outcome, clock);
                }
                Step::Complete(..) => {}
            }
            let within = |micros: i64| {
                calls.iter().filter(|at| at.0 > latest.0 - micros).count()
            };
            prop_assert!(within(1_000_000) <= 2 && within(60_000_000) <= 5);
            let text = serde_json::to_string(&fixture.state).unwrap();
            let read = ProviderState::parse(&text);
            prop_assert_eq!(read.as_ref(), Some(&fixture.state));
            prop_assert!(text.len() < 4_000, "{} bytes", text.len());
        }
        prop_assert!(by_day.values().all(|calls| *calls <= 30), "{by_day:?}");
    }

    #[test]
    fn a_failing_provider_is_called_five_times_and_then_probed(
        steps in prop::collection::vec((0i64..120, 0u8..8, any::<usize>()), 1..300),
    ) {
        let mut fixture = Fixture::new(0, 0, 0);
        let (mut clock, mut open, mut length) = (START, Vec::<(CallPermit, UnixMicros)>::new(), 0);
        let (mut calls, mut has_opened) = (0, false);
        for (seconds, what, which) in steps {
            let before = fixture.state.breaker_at(clock);
            match what {
                0 => clock = clock.plus_seconds(seconds),
                1..=3 if !open.is_empty() => {
                    let (permit, _) = open.swap_remove(which % open.len());
                    fixture.record(permit, Err(&ProviderError::Transient), clock);
                }
                _ => match fixture.admit(clock) {
                    Ok(permit) => {
                        prop_assert!(before != CircuitState::Open);
                        open.push((permit, clock));
                        calls += 1;
                        if has_opened {
                            prop_assert_eq!(fixture.state.breaker, CircuitState::HalfOpen);
                        }
                    }
                    Err(error) => prop_assert_eq!(error, ProviderError::BreakerOpen),
                },
            }
            let lost = clock.plus_seconds(-LOST_S);
            open.retain(|(_, since)| *since > lost);
            let probes = open.iter().filter(|(permit, _)| fixture.state.probe == Some(permit.0));
            prop_assert!(probes.count() <= 1);
            if !has_opened {
                prop_assert!(fixture.state.failures_at(clock, &fixture.limits()) + open.len() <= 5);
            }
            for event in fixture.take_events() {
                if event == ProviderEvent::Breaker(CircuitState::Open) {
                    length = if has_opened { 3_600.min(length * 2) } else { 300 };
                    has_opened = true;
                    let lasts = fixture.state.open_until.seconds() - clock.seconds();
                    prop_assert_eq!(lasts, length);
                }
            }
        }
        prop_assert!(calls > 0 || !has_opened);
    }
}
