//! What makes a report good, and the names that are promised in its JSON.

use super::*;

fn parts() -> ReportInput {
    let mut counters = RequestCounters {
        accepted: 8,
        accepted_in_time: 8,
        answered_in_time: 9,
        ..RequestCounters::default()
    };
    counters.statuses.insert(200, 8);
    counters.latency.record(Duration::from_millis(3));
    ReportInput {
        scenario: "distinct",
        counts_trades: true,
        counters,
        elapsed: Duration::from_secs(2),
        concurrency: 4,
        rate: None,
        queue_wait: None,
        verified: Verification::default(),
        memory: None,
        sums: None,
    }
}

#[test]
fn a_report_is_good_when_all_is_as_it_should_be() {
    assert!(LoadReport::new(parts()).good);
    let mut retried = parts();
    retried.counters.statuses.extend([(503, 2), (429, 1), (400, 1)]);
    retried.counters.failed = 1;
    let report = LoadReport::new(retried);
    assert!(report.good);
    assert_eq!((report.requests, report.statuses["failed"]), (13, 1));
}

#[test]
fn what_should_not_be_is_not_good() {
    let spoilt: [fn(&mut ReportInput); 7] = [
        |parts| parts.counters.unknown = 1,
        |parts| parts.counters.bad = 1,
        |parts| parts.counters.latency = LatencyHistogram::default(),
        |parts| parts.counters.statuses.extend([(500, 1)]),
        |parts| parts.verified.difference = Some("lost".into()),
        |parts| parts.sums = Some(Sums::Unequal),
        |parts| {
            parts.elapsed = LONG_RUN;
            parts.memory = Some(Memory { first: 100, last: 111, max: 111 });
        },
    ];
    for (at, spoil) in spoilt.into_iter().enumerate() {
        let mut parts = parts();
        spoil(&mut parts);
        let report = LoadReport::new(parts);
        assert!(!report.good && report.to_string().ends_with("NOT good"), "{at}");
    }
}

#[test]
fn a_run_on_the_boards_is_good_when_something_was_checked_and_nothing_was_wrong() {
    let report = |checked, violations| {
        let mut parts = ReportInput { scenario: "board", counts_trades: false, ..parts() };
        let violation = (violations > 0).then(|| "rank 3 follows rank 1".to_owned());
        parts.counters.board = LeaderboardCounters {
            checked,
            violations,
            violation,
            ..LeaderboardCounters::default()
        };
        LoadReport::new(parts)
    };
    assert!(report(1, 0).good && !report(0, 0).good);
    let spoilt = report(5, 1);
    assert!(!spoilt.good);
    assert!(spoilt.to_string().contains("VIOLATION: rank 3 follows rank 1"));
    assert!(LoadReport::new(parts()).board.is_none());
}

#[test]
fn memory_may_grow_by_a_tenth_and_in_a_short_run_by_more() {
    let report = |elapsed, last| {
        let memory = Some(Memory { first: 100, last, max: last });
        LoadReport::new(ReportInput { elapsed, memory, ..parts() }).good
    };
    assert!(report(LONG_RUN, 110) && report(Duration::from_secs(1), 200));
}

#[test]
fn throughput_is_of_trades_or_of_answers() {
    assert_eq!(LoadReport::new(parts()).throughput.to_string(), "4");
    let report = LoadReport::new(ReportInput { counts_trades: false, ..parts() });
    assert_eq!(report.throughput.to_string(), "4.5");
}

#[test]
fn limits_that_are_on_are_told() {
    let mut parts = parts();
    parts.counters.statuses = BTreeMap::from([(429, 7)]);
    assert!(LoadReport::new(parts).to_string().contains("limits.enabled"));
}

#[test]
fn the_json_has_the_names_that_are_promised() {
    let json = serde_json::to_value(LoadReport::new(parts())).expect("JSON");
    for name in ["p50", "p90", "p99", "p999"] {
        assert!(json["latency_ms"][name].is_f64(), "{name}");
    }
    for name in ["accepted", "refused", "unknown"] {
        assert!(json["trades"][name].is_u64(), "{name}");
    }
    for name in ["players", "acknowledged", "found", "foreign"] {
        assert!(json["verified"][name].is_u64(), "{name}");
    }
    for name in ["rate", "send_delay_ms", "queue_wait_ms"] {
        assert!(json.get(name).is_some_and(serde_json::Value::is_null), "{name}");
    }
    for name in ["scenario", "throughput", "statuses", "codes", "retries", "requests", "seconds"] {
        assert!(json.get(name).is_some_and(|value| !value.is_null()), "{name}");
    }
    assert_eq!((json["good"].as_bool(), json["concurrency"].as_u64()), (Some(true), Some(4)));
}
