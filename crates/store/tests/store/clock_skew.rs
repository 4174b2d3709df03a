//! The difference between clocks, on both engines.

use testkit::ManualClock;

use crate::support::*;
use domain::UnixMicros;

on_both_engines! {
    the_skew_of_a_clock_is_its_distance_to_the_clock_of_the_database,
}

/// The present time of this machine, on which the database runs.
fn machine_time() -> i64 {
    let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    i64::try_from(since_1970.as_micros()).expect("before 292,000")
}

async fn the_skew_of_a_clock_is_its_distance_to_the_clock_of_the_database(engine: &str) {
    let store = fresh(engine).await;
    assert_eq!(store.last_clock_skew(), 0);
    for offset_s in [-600, 0, 600] {
        let before = machine_time();
        let clock = ManualClock::at(UnixMicros(before).plus_seconds(offset_s));
        let skew = store.clock_skew(&clock).await.expect("measured");
        // The database read its clock between the two.
        let (earliest, latest) = (before - machine_time(), 0);
        let possible = offset_s * 1_000_000 + earliest..=offset_s * 1_000_000 + latest;
        match engine {
            "sqlite" => assert_eq!(skew, 0),
            _ => assert!(possible.contains(&skew), "{skew} is not in {possible:?}"),
        }
        assert_eq!(store.last_clock_skew(), skew);
    }
}
