//! Tests of the simulated market.

use super::*;
use proptest::prelude::*;

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

fn config(symbols: u32, sessions: u32) -> SimulatedConfig {
    SimulatedConfig { symbols, sessions, warmup_sessions: 30, ..SimulatedConfig::default() }
}

fn market(config: &SimulatedConfig) -> SimulatedMarket {
    SimulatedMarket::new(config, START).unwrap()
}

fn quotes_at(market: &SimulatedMarket, seconds: i64) -> Vec<StockQuote> {
    let now = START.plus_seconds(seconds);
    let mut quotes = Vec::new();
    market.quotes(market.timetable.present(now), now, &mut quotes);
    quotes
}

/// The changes of every stock in every session, in hundredths of a percent.
fn changes(market: &SimulatedMarket, sessions: usize) -> Vec<Vec<i64>> {
    let closes: Vec<_> = (0..sessions).map(|session| market.closes(session)).collect();
    let change = |pair: &[Vec<Price>]| {
        pair[1]
            .iter()
            .zip(&pair[0])
            .map(|(close, open)| close.change_since(*open).percent(2))
            .collect()
    };
    closes.windows(2).map(change).collect()
}

/// The correlation of two stocks' changes, in thousandths.
fn correlation(changes: &[Vec<i64>], a: usize, b: usize) -> i64 {
    let sum = |x: usize, y: usize| changes.iter().map(|row| row[x] * row[y]).sum::<i64>();
    sum(a, b) * 1_000 / (sum(a, a).isqrt() * sum(b, b).isqrt())
}

#[test]
fn stocks_of_a_category_move_together_more_than_strangers() {
    let changes = changes(&market(&config(64, 1_200)), 1_200);
    let mean = |apart: usize| {
        let pairs: Vec<_> = (0..40).map(|a| correlation(&changes, a, a + apart)).collect();
        pairs.iter().sum::<i64>() / 40
    };
    let (within, across) = (mean(CATEGORIES.len()), mean(3));
    assert!(across > 50, "the market moves them all: {across}");
    assert!(within > across + 50, "{within} against {across}");
}

#[test]
fn jumps_happen_and_are_rare() {
    let jumpy = config(100, 500);
    let calm = SimulatedConfig { jump_chance_ppm: 0, ..config(100, 500) };
    let far = |config: &SimulatedConfig| {
        changes(&market(config), 500).iter().flatten().filter(|c| c.abs() > 900).count()
    };
    assert_eq!(far(&calm), 0);
    assert!((10..150).contains(&far(&jumpy)), "{}", far(&jumpy));
}

#[test]
fn prices_neither_vanish_nor_run_away() {
    let wild = SimulatedConfig {
        own_shock_ppm: 50_000,
        market_shock_ppm: 50_000,
        jump_chance_ppm: 1_000_000,
        jump_size_ppm: 300_000,
        ..config(50, 2_000)
    };
    let market = market(&wild);
    for session in 0..2_000 {
        assert!(market.closes(session).iter().all(|p| (1_000..=1_000_000_000).contains(&p.0)));
    }
    assert!(quotes_at(&market, 1_999 * 60 + 30).iter().all(|q| q.price.0 > 0));
}

#[test]
fn going_back_in_time_answers_as_before() {
    let market = market(&config(20, 300));
    let early = quotes_at(&market, 95);
    let late = quotes_at(&market, 200 * 60 + 7);
    assert_ne!(early, late);
    assert_eq!(quotes_at(&market, 95), early);
    assert_eq!(quotes_at(&market, 200 * 60 + 7), late);
}

#[test]
fn a_new_seed_is_a_new_market() {
    let other = SimulatedConfig { seed: 2, ..config(20, 50) };
    assert_ne!(quotes_at(&market(&config(20, 50)), 0), quotes_at(&market(&other), 0));
}

#[test]
fn days_are_weekdays_and_the_market_opens_on_its_start_day() {
    let saturday = SimulatedConfig { start: Day(11_328), ..config(1, 50) };
    let market = market(&saturday);
    assert_eq!(market.day(29).to_string(), "2001-01-08");
    assert_eq!(market.day(28).to_string(), "2001-01-05");
    assert_eq!(market.day(0).to_string(), "2000-11-28");
    assert!((0..80).all(|session| market.day(session).0.rem_euclid(7) != 2));
    assert!((0..80).all(|session| market.day(session).0.rem_euclid(7) != 3));
}

#[test]
fn the_first_session_can_be_lived_with_the_least_history() {
    let least = SimulatedConfig { warmup_sessions: 1, sessions: 1, ..config(5, 1) };
    let market = market(&least);
    let prices = |quotes: Vec<StockQuote>| quotes.iter().map(|q| q.price).collect::<Vec<_>>();
    assert_eq!(prices(quotes_at(&market, 0)), market.closes(0));
    assert_eq!(prices(quotes_at(&market, 60)), market.closes(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_session_runs_from_close_to_close(session in 0i64..300) {
        let market = market(&config(20, 300));
        let prices: Vec<_> = quotes_at(&market, session * 60).iter().map(|q| q.price).collect();
        prop_assert_eq!(prices, market.closes(29 + usize::try_from(session).unwrap()));
    }

    #[test]
    fn two_nodes_have_equal_prices(seed: u64, seconds in 0i64..20_000) {
        let config = SimulatedConfig { seed, ..config(10, 300) };
        let (one, two) = (market(&config), market(&config));
        let _ = quotes_at(&one, seconds / 3);
        prop_assert_eq!(quotes_at(&one, seconds), quotes_at(&two, seconds));
    }

    #[test]
    fn more_stocks_and_a_longer_horizon_change_no_price(seconds in 0i64..6_000) {
        let (few, many) = (market(&config(10, 100)), market(&config(40, 200)));
        prop_assert_eq!(&quotes_at(&few, seconds)[..], &quotes_at(&many, seconds)[..10]);
    }
}
