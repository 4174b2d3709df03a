//! Facts about every kind of market source.

use super::*;
use crate::config::{AtEnd, SimulatedConfig};
use proptest::prelude::*;

const START: UnixMicros = UnixMicros(1_795_000_000_400_000);

/// How many sessions are played.
fn count(source: &MarketSource) -> usize {
    match &source.kind {
        SourceVariant::History(replay) => replay.timetable.count,
        SourceVariant::Simulated(market) => market.timetable.count,
        SourceVariant::Live(_) => 0,
    }
}

pub(super) fn source(kind: SourceKind, at_end: AtEnd) -> MarketSource {
    let replay = ReplayConfig {
        start: Day::parse("2022-09-01").unwrap(),
        at_end,
        ..ReplayConfig::default()
    };
    let simulated =
        SimulatedConfig { symbols: 9, sessions: 81, at_end, ..SimulatedConfig::default() };
    let config = MarketConfig { source: kind, replay, simulated, ..MarketConfig::default() };
    MarketSource::new(&config, START).unwrap()
}

#[test]
fn only_prices_of_the_past_can_be_looked_up() {
    let known = |kind| source(kind, AtEnd::Stop).has_known_history();
    assert!(known(SourceKind::Replay) && known(SourceKind::Fixed));
    assert!(!known(SourceKind::Simulated));
    let calendar = Calendar::embedded("NYSE").unwrap();
    let live = MarketSource::live(calendar, &LiveConfig::default(), Vec::new());
    assert!(!live.has_known_history());
}

#[test]
fn the_day_turns_at_the_first_tick_after_the_close() {
    let replay = source(SourceKind::Replay, AtEnd::Stop);
    let day = |seconds| replay.market_day(START.plus_seconds(seconds)).to_string();
    assert_eq!(day(0), "2022-09-01");
    assert_eq!(day(1), "2022-09-02");
    assert_eq!(day(60), "2022-09-02");
    assert_eq!(day(61), "2022-09-06", "after Labor Day");
    assert_eq!(day(100_000_000), "2022-12-28");
}

#[test]
fn a_quote_is_as_old_as_its_tick() {
    let replay = source(SourceKind::Replay, AtEnd::Stop);
    let mut quotes = Vec::new();
    replay.prices(START, &mut quotes);
    assert_eq!(quotes[0].as_of, UnixMicros(1_795_000_000_000_000));
}

#[test]
fn the_benchmark_of_history_is_the_index() {
    let fixed = source(SourceKind::Fixed, AtEnd::Stop);
    let last = fixed.finished_sessions(START) - 1;
    assert_eq!(fixed.session_day(START, last).unwrap().to_string(), "2005-01-03");
    assert_eq!(fixed.benchmark_close(START, last), Some(Price(12_020_800)));
    assert_eq!(fixed.benchmark_name(), "S&P 500");
}

#[test]
fn a_loop_starts_over_and_a_stop_stands_still() {
    for kind in [SourceKind::Replay, SourceKind::Simulated] {
        let (stop, around) = (source(kind, AtEnd::Stop), source(kind, AtEnd::Loop));
        let prices = |source: &MarketSource, seconds| {
            let mut quotes = Vec::new();
            source.prices(START.plus_seconds(seconds), &mut quotes);
            quotes.iter().map(|quote| quote.price).collect::<Vec<_>>()
        };
        let count = i64::try_from(count(&stop)).unwrap();
        let end = count * 60;
        assert_eq!(prices(&stop, end), prices(&stop, end + 1_000_000));
        assert_eq!(prices(&around, end), prices(&stop, end));
        assert_eq!(prices(&around, end + 60), prices(&stop, 0));
        assert_eq!(prices(&around, end + 60 + 120), prices(&stop, 120));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nothing_after_the_present_is_returned(
        kind in prop::sample::select(
            &[SourceKind::Replay, SourceKind::Simulated, SourceKind::Fixed][..]),
        at_end in prop::sample::select(&[AtEnd::Stop, AtEnd::Loop][..]),
        seconds in -100i64..12_000,
        ahead in 0usize..9_000,
    ) {
        let source = source(kind, at_end);
        let now = START.plus_seconds(seconds);
        let (finished, today) = (source.finished_sessions(now), source.market_day(now));
        let day = source.session_day(now, finished - 1);
        prop_assert!(day.is_some_and(|day| day <= today));
        let found = day.and_then(|day| source.session_on(now, day));
        prop_assert_eq!(found, Some(finished - 1));
        let closed_at = source.session_closed_at(now, finished - 1);
        prop_assert!(closed_at.is_some_and(|at| at <= now.max(START)));
        prop_assert!(source.session_closes(now, finished - 1).is_some());
        prop_assert!(source.benchmark_close(now, finished - 1).is_some());
        let later = finished + ahead;
        prop_assert_eq!(source.session_day(now, later), None);
        prop_assert_eq!(source.session_closes(now, later), None);
        prop_assert_eq!(source.benchmark_close(now, later), None);
        // A close becomes public no earlier than the first tick that shows it.
        let running = source.present(now);
        prop_assert_eq!(finished, running.session + usize::from(running.ended));
    }
}
