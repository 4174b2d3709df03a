//! Properties of the clock: exact steps, no way back, and one result on every node.

use proptest::prelude::*;

use super::*;

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

fn at(seconds: i64) -> UnixMicros {
    START.plus_seconds(seconds)
}

fn apply(clock: &mut GameClock, command: ClockCommand, seconds: i64) {
    for segment in clock.plan(command, at(seconds)).expect("allowed") {
        clock.append(segment).expect("appends");
    }
}

/// Everything that can happen to a clock.
#[derive(Clone, Copy, Debug)]
enum Event {
    Command(ClockCommand),
    Schedule { ahead: i64, is_open: bool },
    Downtime { seconds: i64 },
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let command = prop_oneof![
        Just(ClockCommand::Pause),
        Just(ClockCommand::Resume),
        Just(ClockCommand::Step),
        (0u32..100_000).prop_map(ClockCommand::Pace),
        (1u32..100).prop_map(ClockCommand::Pace),
    ];
    let event = prop_oneof![
        4 => command.prop_map(Event::Command),
        1 => (1i64..1_000, any::<bool>())
            .prop_map(|(ahead, is_open)| Event::Schedule { ahead, is_open }),
        1 => (1i64..1_000).prop_map(|seconds| Event::Downtime { seconds }),
    ];
    prop::collection::vec((0i64..500, event), 0..30)
}

/// Applies an event at `now`; returns the new segments and the instant after it.
fn happen(clock: &mut GameClock, now: UnixMicros, event: Event) -> (Vec<ClockSegment>, UnixMicros) {
    let effective_at = clock.effective_at(now);
    let (segments, after) = match event {
        Event::Command(command) => (clock.plan(command, effective_at).unwrap_or_default(), now),
        Event::Schedule { ahead, is_open } => {
            (vec![clock.scheduled(effective_at.plus_seconds(ahead), is_open)], now)
        }
        Event::Downtime { seconds } => {
            let after = now.plus_seconds(seconds);
            (clock.downtime(now.whole_second(), clock.effective_at(after)), after)
        }
    };
    for segment in &segments {
        clock.append(*segment).expect("a planned segment fits");
    }
    (segments, after)
}

#[test]
fn every_second_of_a_session_is_its_own_step_at_every_length() {
    for length in 1..=86_400i64 {
        let clock = GameClock::starting(START, u32::try_from(length).expect("fits"));
        let steps = clock.session_seconds_at(START);
        // All seconds of short sessions, and every 97th of the others.
        let stride = if length < 400 { 1 } else { 97 };
        for second in (0..length).step_by(stride).chain([length - 1]) {
            let position = clock.position_at(at(3 * length + second));
            assert_eq!(position.sessions(), 3, "{length} {second}");
            assert_eq!(i64::from(position.step(steps)), second, "{length}");
        }
        let close = ClockPosition::of_sessions(3);
        assert_eq!(clock.reached_at(close), Some(at(3 * length)));
    }
}

#[test]
fn a_paused_clock_stands_still_and_continues_where_it_stood() {
    let mut clock = GameClock::starting(START, 60);
    apply(&mut clock, ClockCommand::Pause, 90);
    assert_eq!(clock.position_at(at(90)), clock.position_at(at(100_000)));
    assert_eq!(clock.position_at(at(90)).step(60), 30);
    assert_eq!(clock.reached_at(ClockPosition::of_sessions(2)), None);
    assert_eq!(clock.plan(ClockCommand::Pause, at(95)), Err(ClockRefusal::AlreadyPaused));
    apply(&mut clock, ClockCommand::Resume, 1_000);
    assert_eq!(clock.position_at(at(1_015)).step(60), 45);
    assert_eq!(clock.reached_at(ClockPosition::of_sessions(2)), Some(at(1_030)));
    assert_eq!(clock.plan(ClockCommand::Resume, at(2_000)), Err(ClockRefusal::NotPaused));
}

#[test]
fn a_step_moves_to_the_next_close_and_keeps_the_pace_or_the_pause() {
    let mut clock = GameClock::starting(START, 60);
    apply(&mut clock, ClockCommand::Step, 10);
    assert_eq!(clock.position_at(at(10)), ClockPosition::of_sessions(1));
    assert_eq!(clock.reached_at(ClockPosition::of_sessions(1)), Some(at(10)));
    assert_eq!(clock.position_at(at(70)), ClockPosition::of_sessions(2));
    apply(&mut clock, ClockCommand::Pause, 80);
    apply(&mut clock, ClockCommand::Step, 90);
    assert_eq!(clock.position_at(at(5_000)), ClockPosition::of_sessions(3));
    assert!(clock.is_paused_at(at(5_000)));
}

#[test]
fn a_pace_while_paused_waits_for_the_end_of_the_pause() {
    let mut clock = GameClock::starting(START, 60);
    apply(&mut clock, ClockCommand::Pause, 60);
    apply(&mut clock, ClockCommand::Pace(10), 70);
    assert!(clock.is_paused_at(at(70)));
    assert_eq!(clock.session_seconds_at(at(70)), 10);
    apply(&mut clock, ClockCommand::Resume, 100);
    assert_eq!(clock.position_at(at(110)), ClockPosition::of_sessions(2));
    let refused = clock.plan(ClockCommand::Pace(0), at(200));
    assert_eq!(refused, Err(ClockRefusal::PaceOutOfBounds(0)));
    assert_eq!(clock.plan(ClockCommand::Pace(10), at(200)), Err(ClockRefusal::SamePace(10)));
}

#[test]
fn a_command_replaces_what_is_planned_and_nothing_else() {
    let mut clock = GameClock::starting(START, 60);
    clock.append(clock.scheduled(at(600), false)).expect("appends");
    clock.append(clock.scheduled(at(1_200), true)).expect("appends");
    assert_eq!(clock.resumes_at(at(700)), Some(at(1_200)));
    assert_eq!(clock.reached_at(ClockPosition::of_sessions(11)), Some(at(1_260)));
    let slower = clock.plan(ClockCommand::Pace(120), at(300)).expect("allowed");
    clock.append(slower[0]).expect("appends");
    assert_eq!(clock.segments().len(), 2);
    assert_eq!(clock.position_at(at(1_500)), ClockPosition::of_sessions(15));
    let early = ClockSegment { seq: 5, begins_at: at(299), ..slower[0] };
    assert_eq!(clock.clone().append(early), Err(ClockError::BeforeLast(5)));
}

#[test]
fn segments_that_cheat_are_refused() {
    let clock = GameClock::starting(START, 60);
    let good = clock.plan(ClockCommand::Pause, at(90)).expect("allowed")[0];
    let refused = |segment| clock.clone().append(segment).expect_err("refused");
    let moved = |by| ClockPosition(good.position.0 + by);
    let back = ClockSegment { position: moved(-1), ..good };
    assert_eq!(refused(back), ClockError::Backwards(2));
    let jump = ClockSegment { position: moved(1), ..good };
    assert_eq!(refused(jump), ClockError::Jump(2));
    let gap = ClockSegment { seq: 3, ..good };
    assert_eq!(refused(gap), ClockError::Sequence { expected: 2, got: 3 });
    for malformed in [
        ClockSegment { begins_at: UnixMicros(good.begins_at.0 + 1), ..good },
        ClockSegment { session_seconds: 86_401, ..good },
    ] {
        assert_eq!(refused(malformed), ClockError::Malformed(2));
    }
    let early = ClockSegment { begins_at: at(-1), position: ClockPosition(0), ..good };
    assert_eq!(refused(early), ClockError::BeforeLast(2));
    assert_eq!(GameClock::of(&[]), Err(ClockError::Sequence { expected: 1, got: 0 }));
}

#[test]
fn a_downtime_in_which_nothing_would_have_moved_has_no_segments() {
    let mut clock = GameClock::starting(START, 60);
    assert_eq!(clock.downtime(at(30), at(3_000)).len(), 2);
    apply(&mut clock, ClockCommand::Pause, 20);
    assert_eq!(clock.downtime(at(30), at(3_000)), []);
    assert_eq!(clock.downtime(at(30), at(30)), []);
}

#[test]
fn after_a_downtime_the_schedule_of_that_time_holds() {
    let mut clock = GameClock::starting(START, 60);
    clock.append(clock.scheduled(at(600), false)).expect("appends");
    for segment in clock.downtime(at(300), at(900)) {
        clock.append(segment).expect("appends");
    }
    assert!(clock.is_paused_at(at(900)), "it closed meanwhile");
    assert_eq!(clock.position_at(at(5_000)), ClockPosition::of_sessions(5));
}

#[test]
fn a_clock_far_in_the_future_saturates() {
    let clock = GameClock::starting(UnixMicros(0), 1);
    assert!(clock.position_at(UnixMicros(i64::MAX)) > ClockPosition::of_sessions(1_000_000));
    assert_eq!(clock.position_at(UnixMicros(i64::MIN)), ClockPosition(0));
    assert_eq!(ClockPosition(1_500_000).to_string(), "1.500000");
}

proptest! {
    #[test]
    fn no_sequence_of_changes_moves_a_clock_backwards(length in 1u32..=86_400, events in events()) {
        let mut clock = GameClock::starting(START, length);
        let (mut now, mut highest) = (START, ClockPosition(0));
        for (pause, event) in events {
            now = UnixMicros(now.0 + pause * 700_000);
            let seen = clock.position_at(now);
            prop_assert!(seen >= highest, "{event:?}");
            highest = seen;
            let before = clock.clone();
            let (_, after) = happen(&mut clock, now, event);
            // What a server showed until it stopped, and what others know for a second.
            let stays = if matches!(event, Event::Downtime { .. }) { 0 } else { 1 };
            for second in -20..=stays {
                let at = now.plus_seconds(second);
                prop_assert_eq!(before.position_at(at), clock.position_at(at));
            }
            now = after;
            prop_assert!(clock.position_at(now) >= highest);
        }
        for ahead in 0..400 {
            let position = clock.position_at(now.plus_seconds(ahead * 7));
            prop_assert!(position >= highest);
            highest = position;
        }
    }

    #[test]
    fn every_node_and_every_restart_computes_the_same(length in 1u32..=86_400, events in events()) {
        let mut clock = GameClock::starting(START, length);
        let (mut all, mut now) = (clock.segments().to_vec(), START);
        let mut follower = clock.clone();
        for (pause, event) in events {
            now = UnixMicros(now.0 + pause * 700_000);
            let (segments, after) = happen(&mut clock, now, event);
            for segment in &segments {
                prop_assert_eq!(follower.append(*segment), Ok(()));
            }
            all.extend(segments);
            now = after;
        }
        prop_assert_eq!(&GameClock::of(&all).expect("valid"), &clock);
        prop_assert_eq!(&follower, &clock);
    }

    #[test]
    fn a_position_is_reached_at_the_first_second_that_has_it(
        length in 1u32..=86_400, events in events(), wanted in 0i64..50_000_000,
    ) {
        let mut clock = GameClock::starting(START, length);
        let mut now = START;
        for (pause, event) in events {
            now = happen(&mut clock, UnixMicros(now.0 + pause * 700_000), event).1;
        }
        let wanted = ClockPosition(wanted);
        if let Some(reached) = clock.reached_at(wanted) {
            prop_assert!(clock.position_at(reached) >= wanted);
            let before = clock.position_at(reached.plus_seconds(-1));
            prop_assert!(before < wanted || reached == START);
        } else {
            prop_assert!(clock.position_at(now.plus_seconds(100_000_000)) < wanted);
        }
    }
}
