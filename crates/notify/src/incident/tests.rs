//! Incidents of one node and of two, with leases that are decided by hand.

use super::*;

const NOTHING: fn() -> Observations = Observations::default;

fn at(seconds: i64) -> UnixMicros {
    UnixMicros(1_800_000_000_000_000).plus_seconds(seconds)
}

fn circuit() -> ConditionKey {
    ConditionKey::of_part(ConditionKind::CircuitOpen, "finnhub")
}

/// The circuit is open, which is an incident after 60 s.
fn raised() -> Observations {
    let mut seen = Observations::default();
    seen.raise(circuit(), 60, "The circuit is open.".to_owned());
    seen
}

fn unknown() -> Observations {
    let unknown = [ConditionKind::CircuitOpen].into();
    Observations { unknown, ..Observations::default() }
}

fn tracker() -> IncidentTracker {
    IncidentTracker::new(30, 3_600)
}

/// Observes, and requests the lease that the node wants; the notification that is due.
fn step(
    node: &mut IncidentTracker,
    seen: &Observations,
    seconds: i64,
    lease: LeaseOutcome,
) -> Option<NotificationKind> {
    let resolved = node.observe(seen, at(seconds));
    if let [incident] = &resolved[..] {
        assert_eq!(incident.key, circuit());
        return Some(NotificationKind::Resolved);
    }
    let wanted = node.leases_wanted();
    wanted.first().and_then(|key| node.apply_lease(key, lease, at(seconds))).map(|(kind, _)| kind)
}

use LeaseOutcome::{Held, HeldByOther, Unavailable};
use NotificationKind::{Opened, Reminder, Repeated, Resolved};

#[test]
fn an_incident_opens_after_its_time_and_resolves_after_the_condition_was_over_for_a_time() {
    let mut node = tracker();
    assert_eq!(step(&mut node, &raised(), 0, Held), None);
    assert_eq!(step(&mut node, &raised(), 59, Held), None);
    assert_eq!(step(&mut node, &raised(), 60, Held), Some(Opened));
    assert_eq!(step(&mut node, &raised(), 61, Held), None, "it is reported once");
    assert_eq!(step(&mut node, &NOTHING(), 70, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 99, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 100, Held), Some(Resolved));
    assert_eq!(step(&mut node, &NOTHING(), 200, Held), None);
}

#[test]
fn a_short_interruption_opens_nothing_and_resolves_nothing() {
    let mut node = tracker();
    assert_eq!(step(&mut node, &raised(), 0, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 50, Held), None);
    assert_eq!(step(&mut node, &raised(), 60, Held), None, "it begins again");
    assert_eq!(step(&mut node, &raised(), 120, Held), Some(Opened));
    assert_eq!(step(&mut node, &NOTHING(), 130, Held), None);
    assert_eq!(step(&mut node, &raised(), 150, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 170, Held), None, "the wait begins again");
    assert_eq!(step(&mut node, &NOTHING(), 200, Held), Some(Resolved));
}

#[test]
fn what_cannot_be_evaluated_neither_opens_nor_resolves() {
    let mut node = tracker();
    step(&mut node, &raised(), 0, Held);
    assert_eq!(step(&mut node, &unknown(), 61, Held), None);
    assert_eq!(step(&mut node, &raised(), 62, Held), Some(Opened), "its time counts from 0");
    assert_eq!(step(&mut node, &unknown(), 500, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 501, Held), None, "it was not over before");
}

#[test]
fn an_open_incident_is_reminded_of_at_the_interval() {
    let mut node = tracker();
    step(&mut node, &raised(), 0, Held);
    assert_eq!(step(&mut node, &raised(), 60, Held), Some(Opened));
    assert_eq!(step(&mut node, &raised(), 3_659, Held), None);
    assert_eq!(step(&mut node, &raised(), 3_660, Held), Some(Reminder));
    assert_eq!(step(&mut node, &raised(), 3_661, Held), None);
    let mut silent = IncidentTracker::new(30, 0);
    step(&mut silent, &raised(), 0, Held);
    assert_eq!(step(&mut silent, &raised(), 60, Held), Some(Opened));
    assert_eq!(step(&mut silent, &raised(), 1_000_000, Held), None);
}

#[test]
fn the_holder_of_the_lease_reports_and_another_node_takes_over_when_it_is_gone() {
    let (mut first, mut second) = (tracker(), tracker());
    step(&mut first, &raised(), 0, Held);
    step(&mut second, &raised(), 0, HeldByOther);
    assert_eq!(step(&mut first, &raised(), 60, Held), Some(Opened));
    assert_eq!(step(&mut second, &raised(), 60, HeldByOther), None);
    // The first node is gone, and its lease has expired.
    assert_eq!(step(&mut second, &raised(), 100, Held), Some(Opened));
    assert_eq!(step(&mut second, &NOTHING(), 110, Held), None);
    assert_eq!(step(&mut second, &NOTHING(), 140, Held), Some(Resolved));
}

#[test]
fn a_node_whose_condition_is_over_does_not_take_over() {
    let mut second = tracker();
    step(&mut second, &raised(), 0, HeldByOther);
    step(&mut second, &raised(), 60, HeldByOther);
    assert_eq!(step(&mut second, &NOTHING(), 70, Held), None);
    assert_eq!(second.leases_wanted(), [], "the holder is about to release it");
    assert_eq!(step(&mut second, &NOTHING(), 100, Held), None, "the holder resolved it");
}

#[test]
fn without_a_database_each_node_reports_and_one_of_them_resolves() {
    let (mut first, mut second) = (tracker(), tracker());
    for node in [&mut first, &mut second] {
        step(node, &raised(), 0, Unavailable);
        assert_eq!(step(node, &raised(), 60, Unavailable), Some(Opened));
        assert_eq!(step(node, &raised(), 359, Unavailable), None);
        assert_eq!(step(node, &raised(), 360, Unavailable), Some(Repeated));
        assert_eq!(step(node, &raised(), 361, Unavailable), None);
    }
    assert_eq!(step(&mut first, &NOTHING(), 400, Held), None);
    assert_eq!(step(&mut second, &NOTHING(), 400, HeldByOther), None);
    assert_eq!(step(&mut first, &NOTHING(), 430, Held), Some(Resolved));
    assert_eq!(step(&mut second, &NOTHING(), 430, HeldByOther), None);
}

#[test]
fn without_a_database_throughout_each_node_resolves_its_own() {
    let mut node = tracker();
    step(&mut node, &raised(), 0, Unavailable);
    assert_eq!(step(&mut node, &raised(), 60, Unavailable), Some(Opened));
    assert_eq!(step(&mut node, &NOTHING(), 61, Unavailable), None);
    assert_eq!(step(&mut node, &NOTHING(), 91, Unavailable), Some(Resolved));
}

#[test]
fn an_incident_of_a_stopped_node_is_resolved_by_another_one() {
    let mut node = tracker();
    assert!(node.is_adoptable(&circuit(), &NOTHING()));
    node.adopt(&circuit(), at(0));
    assert!(!node.is_adoptable(&circuit(), &NOTHING()), "it is open");
    assert_eq!(step(&mut node, &NOTHING(), 29, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 30, Held), Some(Resolved));
}

#[test]
fn an_incident_is_not_adopted_while_its_condition_holds_or_is_unknown() {
    assert!(!tracker().is_adoptable(&circuit(), &raised()));
    assert!(!tracker().is_adoptable(&circuit(), &unknown()));
    let mut node = tracker();
    node.adopt(&circuit(), at(0));
    assert_eq!(step(&mut node, &raised(), 10, Held), None, "it is reported already");
    assert_eq!(step(&mut node, &NOTHING(), 39, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 69, Held), Some(Resolved));
}

#[test]
fn a_clock_that_is_set_back_restarts_the_waits() {
    let mut node = tracker();
    step(&mut node, &raised(), 1_000, Held);
    assert_eq!(step(&mut node, &raised(), 0, Held), None);
    assert_eq!(step(&mut node, &raised(), 60, Held), Some(Opened));
    step(&mut node, &NOTHING(), 1_000, Held);
    assert_eq!(step(&mut node, &NOTHING(), 70, Held), None);
    assert_eq!(step(&mut node, &NOTHING(), 100, Held), Some(Resolved));
}
