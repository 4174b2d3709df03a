//! The clock of a game in the database, on both engines.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::*;
use sqlx::{AssertSqlSafe, Connection, Executor};
use store::{
    ClockChange, FillsAt, NewGameEvent, NewPendingOrder, OrderPlacement, Store, UNPLANNED,
};

use crate::support::*;

on_both_engines! {
    a_game_gets_its_first_segment_and_its_steps_once,
    a_change_is_committed_whole_or_not_at_all,
    one_of_many_concurrent_changes_is_committed,
    a_change_that_comes_too_late_is_rolled_back,
    a_heartbeat_is_recorded_once_and_not_after_a_downtime,
    one_of_two_nodes_ends_a_downtime,
    segments_and_events_cannot_be_changed,
    a_schedule_is_saved_and_removed_with_its_change,
    pending_orders_at_a_close_move_with_the_clock,
}

const GAME: i64 = 1;

/// A clock that stands at a second after `now()`.
struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::SeqCst))
    }
}

fn at(seconds: i64) -> At {
    At(AtomicI64::new(now().plus_seconds(seconds).0))
}

async fn started(engine: &str) -> Fresh {
    let store = fresh(engine).await;
    assert_eq!(store.ensure_clock(GAME, now(), 60, now()).await.expect("a clock"), 60);
    store
}

fn event(action: &str) -> NewGameEvent<'_> {
    NewGameEvent { actor: "operator", action, target: "", reason: "a test", at: now() }
}

fn change<'a>(segments: &'a [ClockSegment], action: &'a str) -> ClockChange<'a> {
    ClockChange { segments, event: event(action), schedule: None, beat_at: None }
}

async fn load(store: &Store) -> GameClock {
    store.load_clock(GAME).await.expect("a clock").0
}

async fn a_game_gets_its_first_segment_and_its_steps_once(engine: &str) {
    let store = fresh(engine).await;
    let nodes = (30..40).map(|seconds| {
        let store = store.store.clone();
        tokio::spawn(async move { store.ensure_clock(GAME, now(), seconds, now()).await })
    });
    let mut steps = Vec::new();
    for node in nodes.collect::<Vec<_>>() {
        steps.push(node.await.expect("no panic").expect("a clock"));
    }
    steps.dedup();
    assert_eq!(steps.len(), 1, "every node has the steps of the first");
    let again = store.ensure_clock(GAME, now().plus_seconds(9), 77, now()).await;
    assert_eq!(again.expect("a clock"), steps[0], "another configuration changes nothing");
    let (clock, beat_at) = store.load_clock(GAME).await.expect("a clock");
    assert_eq!(clock, GameClock::starting(now(), steps[0]));
    assert_eq!(beat_at, Some(now()));
}

async fn a_change_is_committed_whole_or_not_at_all(engine: &str) {
    let store = started(engine).await;
    let mut clock = load(&store).await;
    let pause = clock.plan(ClockCommand::Pause, now().plus_seconds(90)).expect("allowed");
    assert!(store.commit_clock(GAME, &change(&pause, "pause"), &at(0)).await.expect("commits"));
    clock.append(pause[0]).expect("appends");
    assert_eq!(load(&store).await, clock);
    let page = store.clock_page(GAME, 1).await.expect("a page");
    assert_eq!((page.segments, page.beat_at), (pause.clone(), Some(now())));
    // The same change again: its number is taken.
    assert!(!store.commit_clock(GAME, &change(&pause, "pause"), &at(0)).await.expect("answers"));
    // Of two segments the second is new.
    let two = [pause[0], ClockSegment { seq: 3, ..pause[0] }];
    assert!(!store.commit_clock(GAME, &change(&two, "pause"), &at(0)).await.expect("answers"));
    assert_eq!(load(&store).await, clock);
    let events = store.game_events_page(GAME, i64::MAX, 10).await.expect("events");
    let written: Vec<_> = events.iter().map(|event| (event.seq, event.action.as_str())).collect();
    assert_eq!(written, [(1, "pause")]);
}

async fn one_of_many_concurrent_changes_is_committed(engine: &str) {
    let store = started(engine).await;
    let clock = load(&store).await;
    let nodes = (0..8).map(|node| {
        let (store, clock) = (store.store.clone(), clock.clone());
        tokio::spawn(async move {
            let command = if node % 2 == 0 { ClockCommand::Pause } else { ClockCommand::Step };
            let segments = clock.plan(command, now().plus_seconds(5 + node)).expect("allowed");
            store.commit_clock(GAME, &change(&segments, "one"), &at(0)).await.expect("answers")
        })
    });
    let mut committed = 0;
    for node in nodes.collect::<Vec<_>>() {
        committed += i32::from(node.await.expect("no panic"));
    }
    assert_eq!((committed, load(&store).await.last_seq()), (1, 2));
}

async fn a_change_that_comes_too_late_is_rolled_back(engine: &str) {
    let store = started(engine).await;
    let clock = load(&store).await;
    let pause = clock.plan(ClockCommand::Pause, now().plus_seconds(90)).expect("allowed");
    let late = store.commit_clock(GAME, &change(&pause, "pause"), &at(90)).await;
    assert!(!late.expect("answers"), "other nodes could not know it in time");
    assert_eq!(load(&store).await, clock);
    let in_time = store.commit_clock(GAME, &change(&pause, "pause"), &at(89)).await;
    assert!(in_time.expect("commits"));
}

async fn a_heartbeat_is_recorded_once_and_not_after_a_downtime(engine: &str) {
    let store = started(engine).await;
    let beat = async |seconds: i64| {
        let at = now().plus_seconds(seconds);
        let (not_before, after) = (at.plus_seconds(-60), at.plus_seconds(-3));
        store.record_heartbeat(GAME, at, not_before, after).await.expect("answers")
    };
    assert!(!beat(2).await, "another node has just written one");
    assert!(beat(5).await);
    assert!(!beat(66).await, "that is a downtime");
    assert_eq!(store.load_clock(GAME).await.expect("a clock").1, Some(now().plus_seconds(5)));
}

async fn one_of_two_nodes_ends_a_downtime(engine: &str) {
    let store = started(engine).await;
    // Both nodes read before either commits.
    let (clock, beat_at) = store.load_clock(GAME).await.expect("a clock");
    let ended_at = now().plus_seconds(3_600);
    let segments = clock.downtime(now().plus_seconds(15), clock.effective_at(ended_at));
    let event = NewGameEvent { at: ended_at, ..event("downtime") };
    let change = ClockChange { segments: &segments, event, schedule: None, beat_at };
    let clock_of_node = at(3_600);
    let end = async || {
        store.commit_clock(GAME, &change, &clock_of_node).await.expect("a database that responds")
    };
    let both = tokio::join!(end(), end());
    assert!(both.0 ^ both.1, "{both:?}");
    let (clock, beat_at) = store.load_clock(GAME).await.expect("a clock");
    assert_eq!((clock.last_seq(), beat_at), (3, Some(now().plus_seconds(3_600))));
    let resumed = now().plus_seconds(3_602 + 45);
    assert_eq!(clock.position_at(resumed), ClockPosition::of_sessions(1));
}

async fn segments_and_events_cannot_be_changed(engine: &str) {
    let store = started(engine).await;
    let pause = load(&store).await.plan(ClockCommand::Pause, now().plus_seconds(9));
    let pause = pause.expect("allowed");
    assert!(store.commit_clock(GAME, &change(&pause, "pause"), &at(0)).await.expect("commits"));
    for statement in [
        "UPDATE game_clock SET session_seconds = 1 WHERE seq = 1",
        "DELETE FROM game_clock",
        "UPDATE game_events SET reason = ''",
        "DELETE FROM game_events",
    ] {
        let error = if engine == "sqlite" {
            let mut outside = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
            outside.execute(AssertSqlSafe(statement)).await.map(drop)
        } else {
            let mut outside = sqlx::PgConnection::connect(&store.url).await.expect("connects");
            outside.execute(AssertSqlSafe(statement)).await.map(drop)
        };
        let error = error.expect_err(statement).to_string();
        assert!(error.contains("immutable"), "{statement}: {error}");
    }
}

async fn a_schedule_is_saved_and_removed_with_its_change(engine: &str) {
    let store = started(engine).await;
    for (seconds, text) in [(10, Some("zone = 1")), (20, Some("zone = 2")), (30, None)] {
        let clock = load(&store).await;
        let segments = [clock.scheduled(now().plus_seconds(seconds), true)];
        let change = ClockChange { schedule: Some(text), ..change(&segments, "schedule") };
        assert!(store.commit_clock(GAME, &change, &at(0)).await.expect("commits"));
        assert_eq!(store.find_schedule(GAME).await.expect("answers").as_deref(), text);
        let late = store.commit_clock(GAME, &change, &at(0)).await.expect("answers");
        assert!(!late, "its number is taken");
    }
}

async fn pending_orders_at_a_close_move_with_the_clock(engine: &str) {
    let store = started(engine).await;
    let player_id = player(&store, "Ada").await.player_id;
    let place = async |day, seconds: i64| {
        let Action::Trade(order, _) = trade(Side::Buy, 1, 1) else { panic!("a trade") };
        let new = NewPendingOrder {
            player_id,
            order,
            note: None,
            client_key: None,
            fingerprint: [0; 32],
            request_id: "r",
            at: FillsAt::Close(Day(day)),
            fills_at: now().plus_seconds(seconds),
            expires_at: now().plus_seconds(seconds + 900),
        };
        match store.place_order(&new, 20, now()).await.expect("stores") {
            OrderPlacement::Accepted(order) => order.id,
            other => panic!("{other:?}"),
        }
    };
    let (moved, other) = (place(100, 60).await, place(101, 120).await);
    let plan = async |closes_at| store.plan_closes(Day(100), closes_at, 500).await.expect("moves");
    let find = async |id| store.find_order(id).await.expect("answers").expect("an order");
    assert_eq!(plan(UNPLANNED).await, 1);
    assert_eq!(plan(UNPLANNED).await, 0, "once");
    assert!(!store.has_due_orders(now().plus_seconds(100)).await.expect("answers"));
    assert_eq!(find(moved).await.fills_at, UNPLANNED);
    assert_eq!(plan(now().plus_seconds(30)).await, 1);
    let order = find(moved).await;
    assert_eq!(order.fills_at, now().plus_seconds(30));
    assert_eq!(order.expires_at, now().plus_seconds(930));
    assert!(store.has_due_orders(now().plus_seconds(30)).await.expect("answers"));
    assert_eq!(find(other).await.fills_at, now().plus_seconds(120));
    store.claim_orders(&[moved.order_id]).await.expect("claims");
    assert_eq!(plan(now().plus_seconds(40)).await, 0, "it is being executed");
}
