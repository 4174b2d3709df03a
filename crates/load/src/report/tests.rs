//! What makes a report good, and the documented names of its JSON.

use super::*;

fn input() -> ReportInput {
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
        errors: Vec::new(),
    }
}

#[test]
fn a_report_without_errors_is_good() {
    assert!(LoadReport::new(input()).good);
    let mut pending = input();
    pending.counters.pending = 3;
    assert!(LoadReport::new(pending).good);
    let mut retried = input();
    retried.counters.statuses.extend([(503, 2), (429, 1), (400, 1)]);
    retried.counters.failed = 1;
    let report = LoadReport::new(retried);
    assert!(report.good);
    assert_eq!((report.requests, report.statuses["failed"]), (13, 1));
}

#[test]
fn an_error_or_a_violation_is_not_good() {
    let spoilt: [fn(&mut ReportInput); 8] = [
        |input| input.counters.unknown = 1,
        |input| input.counters.bad = 1,
        |input| input.counters.latency = LatencyHistogram::default(),
        |input| input.counters.statuses.extend([(500, 1)]),
        |input| input.verified.difference = Some("lost".into()),
        |input| input.sums = Some(Sums::Unequal),
        |input| input.errors.push("GET /api/portfolio/summary: 503".to_owned()),
        |input| {
            input.elapsed = LONG_RUN;
            input.memory = Some(Memory { first: 100, last: 111, max: 111 });
        },
    ];
    for (at, spoil) in spoilt.into_iter().enumerate() {
        let mut input = input();
        spoil(&mut input);
        let report = LoadReport::new(input);
        assert!(!report.good && report.to_string().ends_with("NOT good"), "{at}");
    }
}

#[test]
fn a_run_on_the_boards_is_good_if_responses_were_checked_without_a_violation() {
    let report = |checked, violations| {
        let mut input = ReportInput { scenario: "board", counts_trades: false, ..input() };
        let violation = (violations > 0).then(|| "rank 3 follows rank 1".to_owned());
        input.counters.board = LeaderboardCounters {
            checked,
            violations,
            violation,
            ..LeaderboardCounters::default()
        };
        LoadReport::new(input)
    };
    assert!(report(1, 0).good && !report(0, 0).good);
    let spoilt = report(5, 1);
    assert!(!spoilt.good);
    assert!(spoilt.to_string().contains("VIOLATION: rank 3 follows rank 1"));
    assert!(LoadReport::new(input()).board.is_none());
}

#[test]
fn memory_may_grow_by_a_tenth_and_in_a_short_run_by_more() {
    let report = |elapsed, last| {
        let memory = Some(Memory { first: 100, last, max: last });
        LoadReport::new(ReportInput { elapsed, memory, ..input() }).good
    };
    assert!(report(LONG_RUN, 110) && report(Duration::from_secs(1), 200));
}

#[test]
fn throughput_is_of_trades_or_of_answers() {
    assert_eq!(LoadReport::new(input()).throughput.to_string(), "4");
    let report = LoadReport::new(ReportInput { counts_trades: false, ..input() });
    assert_eq!(report.throughput.to_string(), "4.5");
}

#[test]
fn a_run_that_is_rate_limited_is_reported() {
    let mut input = input();
    input.counters.statuses = BTreeMap::from([(429, 7)]);
    assert!(LoadReport::new(input).to_string().contains("limits.enabled"));
}

#[test]
fn the_json_has_the_documented_names() {
    let json = serde_json::to_value(LoadReport::new(input())).expect("JSON");
    for name in ["p50", "p90", "p99", "p999"] {
        assert!(json["latency_ms"][name].is_f64(), "{name}");
    }
    for name in ["accepted", "refused", "pending", "unknown"] {
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
