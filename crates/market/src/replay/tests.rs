//! Replays of the embedded history and of imported markets.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

fn replay(config: &ReplayConfig) -> ReplayMarket {
    ReplayMarket::new(config, START).unwrap()
}

/// The default replay, read once for all cases of a property.
static DEFAULT: LazyLock<ReplayMarket> = LazyLock::new(|| replay(&ReplayConfig::default()));

fn quotes_at(replay: &ReplayMarket, seconds: i64) -> Vec<StockQuote> {
    let now = START.plus_seconds(seconds);
    let mut quotes = Vec::new();
    replay.quotes(replay.timetable.present(now), now, &mut quotes);
    quotes
}

#[test]
fn the_market_opens_at_the_closes_of_its_start_day() {
    let replay = replay(&ReplayConfig::default());
    let apple = quotes_at(&replay, 0)[0];
    assert_eq!(apple.price, Price(9_610));
    assert_eq!(apple.previous_close, Price(9_770), "the close of 2004-12-31");
    assert_eq!(replay.series.days[replay.timetable.first - 1].to_string(), "2005-01-03");
    let coarse = ReplayConfig { tick: Some(Price(100)), ..ReplayConfig::default() };
    let apple = quotes_at(&self::replay(&coarse), 0)[0];
    assert_eq!((apple.price, apple.previous_close), (Price(9_600), Price(9_800)));
}

#[test]
fn a_start_on_a_weekend_is_the_monday_after_it() {
    let start = Day::parse("2005-01-08").unwrap();
    let replay = replay(&ReplayConfig { start, ..ReplayConfig::default() });
    assert_eq!(replay.series.days[replay.timetable.first - 1].to_string(), "2005-01-10");
}

#[test]
fn the_first_and_the_last_start_day_can_be_played() {
    let first = replay(&ReplayConfig { start: Day(7_306), ..ReplayConfig::default() });
    assert_eq!(quotes_at(&first, 0)[0].previous_close, Price(2_640), "nothing came before");
    assert_eq!(quotes_at(&first, 30).len(), 20);
    let last = replay(&ReplayConfig { start: Day(19_353), ..ReplayConfig::default() });
    assert_eq!(last.timetable.count, 1);
    assert_eq!(quotes_at(&last, 60)[0].price, Price(1_256_700));
}

#[test]
fn fixed_prices_stand_still() {
    let fixed = ReplayMarket::fixed(&FixedConfig::default()).unwrap();
    let first = quotes_at(&fixed, 0);
    assert_eq!(first[0].price, Price(9_610));
    let prices = |quotes: &[StockQuote]| -> Vec<Price> { quotes.iter().map(|q| q.price).collect() };
    assert_eq!(prices(&quotes_at(&fixed, 1_000_000)), prices(&first));
}

#[test]
fn another_seed_is_another_path_between_the_same_closes() {
    let one = replay(&ReplayConfig::default());
    let two = replay(&ReplayConfig { seed: 2, ..ReplayConfig::default() });
    assert_ne!(quotes_at(&one, 30), quotes_at(&two, 30));
    assert_eq!(quotes_at(&one, 60), quotes_at(&two, 60));
}

fn text_of(symbol: &str) -> StockInfo {
    StockInfo {
        symbol: domain::Symbol::parse(symbol).unwrap(),
        name: symbol.to_owned(),
        category: "Other".to_owned(),
        description: String::new(),
        kid_friendly_description: String::new(),
        fun_fact: None,
    }
}

#[test]
fn a_stock_whose_bars_end_is_stale_for_a_session_and_then_no_longer_traded() {
    let stock = |symbol: &str, days: i32| {
        let text = text_of(symbol);
        (text, (0..days).map(|day| (Day(day), Price(10_000 + i64::from(day)))).collect())
    };
    let stocks = vec![stock("A", 13), stock("B", 40), stock("C", 3)];
    let market =
        ImportedMarket { name: "us".to_owned(), currency: "USD".to_owned(), tick: None, stocks };
    let config = ReplayConfig { start: Day(10), ..ReplayConfig::default() };
    let replay = ReplayMarket::imported(market, &config, START).unwrap();
    let halts = |seconds| replay.halts(replay.timetable.present(START.plus_seconds(seconds)));
    let quote = |seconds, stock: usize| quotes_at(&replay, seconds)[stock];
    let gone = (2, Halt::NotTraded);
    assert_eq!(halts(0), [gone], "it had ended before the game began");
    assert_eq!(quote(30, 2).as_of, START);
    // A has closes up to day 12, which is the second session that is played.
    assert_eq!(halts(120), [gone], "its last close is as fresh as the others");
    assert_eq!(quote(120, 0).as_of, START.plus_seconds(120));
    assert_eq!(halts(121), [(0, Halt::NoClose), gone]);
    assert_eq!((halts(180), halts(181)), (halts(121), vec![(0, Halt::NotTraded), gone]));
    for seconds in [121, 180, 181, 900] {
        let last = quote(seconds, 0);
        assert_eq!((last.as_of, last.price), (START.plus_seconds(120), Price(10_010)));
        assert_eq!(last.previous_close, last.price);
        assert_eq!(quote(seconds, 1).as_of, START.plus_seconds(seconds));
    }
}

#[test]
fn a_stock_with_a_hole_in_its_bars_is_stale_then_not_traded_and_trades_again_after_it() {
    let stock = |symbol: &str, days: Vec<i32>| {
        let text = text_of(symbol);
        let close = |day| (Day(day), Price(10_000 + 100 * i64::from(day)));
        (text, days.into_iter().map(close).collect())
    };
    let hole = (0..12).chain(16..30).filter(|day| *day != 20).collect();
    let market = ImportedMarket {
        name: "us".to_owned(),
        currency: "USD".to_owned(),
        tick: None,
        stocks: vec![stock("A", hole), stock("B", (0..30).collect())],
    };
    let config = ReplayConfig { start: Day(10), ..ReplayConfig::default() };
    let replay = ReplayMarket::imported(market, &config, START).unwrap();
    let halts = |seconds| replay.halts(replay.timetable.present(START.plus_seconds(seconds)));
    let quote = |seconds, stock: usize| quotes_at(&replay, seconds)[stock];
    // The session of day 11 ends at second 60; the hole is of the days 12 to 15.
    assert_eq!((halts(60), quote(60, 0).as_of), (vec![], START.plus_seconds(60)));
    for seconds in [61, 120] {
        assert_eq!(halts(seconds), [(0, Halt::NoClose)], "{seconds}");
    }
    for seconds in [121, 180, 300] {
        assert_eq!(halts(seconds), [(0, Halt::NotTraded)], "{seconds}");
        let last = quote(seconds, 0);
        assert_eq!((last.as_of, last.price), (START.plus_seconds(60), Price(11_100)));
    }
    assert_eq!(halts(301), [], "the session of day 16 has a close");
    assert_eq!(quote(301, 0).as_of, START.plus_seconds(301));
    assert_eq!((quote(360, 0).price, halts(360)), (Price(11_600), vec![]));
    // One missing day is a stale session and no more.
    assert_eq!((halts(541), halts(601)), (vec![(0, Halt::NoClose)], vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_session_runs_from_close_to_close(session in 0i64..4_000) {
        let replay = &*DEFAULT;
        let prices: Vec<_> = quotes_at(replay, session * 60).iter().map(|q| q.price).collect();
        let at = replay.timetable.first - 1 + usize::try_from(session).unwrap();
        prop_assert_eq!(prices, replay.closes(at));
        let path = quotes_at(replay, session * 60 + 37);
        let on_ladder = |price| TickRule::Ladder.round(price) == price;
        prop_assert!(path.iter().all(|q| q.price.0 > 0 && on_ladder(q.price)));
    }

    #[test]
    fn two_nodes_have_equal_prices(seconds in 0i64..400_000, seed: u64) {
        let config = ReplayConfig { seed, ..ReplayConfig::default() };
        let (one, two) = (replay(&config), replay(&config));
        let _ = quotes_at(&one, seconds / 2);
        prop_assert_eq!(quotes_at(&one, seconds), quotes_at(&two, seconds));
    }

    #[test]
    fn no_quote_depends_on_sessions_after_the_running_one(
        session in 0usize..4_000, second in 0u32..60,
    ) {
        let seconds = i64::try_from(session).unwrap() * 60 + i64::from(second);
        let one = &*DEFAULT;
        let mut two = replay(&ReplayConfig::default());
        let running = two.timetable.first + session;
        // At a closing tick not even the session that begins is known.
        let hidden = if second == 0 { running } else { running + 1 };
        two.series = two.series.with_other_future(hidden);
        prop_assert_eq!(quotes_at(one, seconds), quotes_at(&two, seconds));
    }
}
