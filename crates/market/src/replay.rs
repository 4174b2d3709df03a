//! The replay market: embedded or imported history played from a start day. A fixed market is a
//! replay without sessions left. Nothing later than the present is returned.

use domain::{Day, Price, QuoteSource, StockInfo, UnixMicros};

use crate::catalogue::embedded_stocks;
use crate::config::{AtEnd, FixedConfig, ReplayConfig};
use crate::limits::{LAST_START_DAY, MarketConfigError, check_day};
use crate::mixer::{mix_text, mix_two};
use crate::path::{CALM_SESSIONS, SessionCloses, TickAt, write_quotes};
use crate::quote::{Halt, StockQuote};
use crate::seed::MarketRng;
use crate::series::{ImportedMarket, PriceSeries};
use crate::tick::TickRule;
use crate::timetable::{MarketTime, Timetable};

/// History and where it is played from.
#[derive(Debug)]
pub(crate) struct ReplayMarket {
    pub(crate) source: QuoteSource,
    pub(crate) stocks: Vec<StockInfo>,
    pub(crate) timetable: Timetable,
    pub(crate) series: PriceSeries,
    pub(crate) tick: TickRule,
    pub(crate) chance: MarketRng,
    /// The keys of the stocks' public paths.
    keys: Vec<u64>,
}

impl ReplayMarket {
    /// The replay that `config` describes, opened at `started_at`.
    pub(crate) fn new(
        config: &ReplayConfig,
        started_at: UnixMicros,
    ) -> Result<Self, MarketConfigError> {
        config.validate()?;
        check_day(config.start, LAST_START_DAY)?;
        let tick = TickRule::new(config.tick);
        Self::of((PriceSeries::embedded(), embedded_stocks(), tick), config, started_at)
    }

    /// The replay of an imported market, opened at `started_at`.
    pub(crate) fn imported(
        market: ImportedMarket,
        config: &ReplayConfig,
        started_at: UnixMicros,
    ) -> Result<Self, MarketConfigError> {
        config.validate()?;
        let tick = TickRule::new(config.tick.or(market.tick));
        let (series, stocks) = PriceSeries::imported(market);
        Self::of((series, stocks, tick), config, started_at)
    }

    fn of(
        (series, stocks, tick): (PriceSeries, Vec<StockInfo>, TickRule),
        config: &ReplayConfig,
        started_at: UnixMicros,
    ) -> Result<Self, MarketConfigError> {
        let start = session_from(&series, config.start)?;
        if start + 1 >= series.len() {
            return Err(outside(&series, config.start));
        }
        let timetable = Timetable {
            first: start + 1,
            count: series.len() - start - 1,
            session_seconds: config.session_seconds,
            at_end: config.at_end,
            started_at,
        };
        let chance = MarketRng::of_number(config.seed);
        let keys = keys(&series, chance.public_seed());
        let source = QuoteSource::Replay;
        Ok(Self { source, stocks, timetable, series, tick, chance, keys })
    }

    /// Prices that stand still at the closes of a day.
    pub(crate) fn fixed(config: &FixedConfig) -> Result<Self, MarketConfigError> {
        config.validate()?;
        let series = PriceSeries::embedded();
        let timetable = Timetable {
            first: session_from(&series, config.day)? + 1,
            count: 0,
            session_seconds: 1,
            at_end: AtEnd::Stop,
            started_at: UnixMicros(0),
        };
        // No session is played, so no path is made up.
        let (chance, keys) = (MarketRng::of_number(0), Vec::new());
        let source = QuoteSource::Fixed;
        let (stocks, tick) = (embedded_stocks(), TickRule::new(config.tick));
        Ok(Self { source, stocks, timetable, series, tick, chance, keys })
    }

    /// Replaces `quotes` by the prices of this instant.
    pub(crate) fn quotes(
        &self,
        present: MarketTime,
        as_of: UnixMicros,
        quotes: &mut Vec<StockQuote>,
    ) {
        let lived = present.session;
        let change_sums = if self.chance.is_public_path(present.pass, lived) {
            self.change_sums(lived)
        } else {
            (Vec::new(), 0)
        };
        let lived = SessionCloses {
            keys: &self.keys,
            before: self.series.row(lived.saturating_sub(2)),
            open: self.series.row(lived.saturating_sub(1)),
            close: self.series.row(lived),
            change_sums: &change_sums.0,
            changes: change_sums.1,
        };
        let (tick, session_seconds) = (self.tick, self.timetable.session_seconds);
        let at = TickAt { chance: &self.chance, present, session_seconds, tick, as_of };
        write_quotes(&at, &lived, quotes);
        // A stock without a close in this session has no newer price than its last close.
        for (position, last) in self.series.missing(present.priced_session()) {
            if let Some(quote) = quotes.get_mut(position) {
                quote.as_of = self.timetable.closed_in_pass(present.pass, last);
            }
        }
    }

    /// Why which stocks are not traded like others. A stock that has closes again later is treated
    /// like one that has none, because the difference is not public yet.
    pub(crate) fn halts(&self, present: MarketTime) -> Vec<(usize, Halt)> {
        let priced = present.priced_session();
        let halt = |(position, last)| {
            (position, if last + 1 == priced { Halt::NoClose } else { Halt::NotTraded })
        };
        self.series.missing(priced).map(halt).collect()
    }

    /// The closes of a session which the caller knows to be finished.
    pub(crate) fn closes(&self, session: usize) -> Vec<Price> {
        let row = self.series.row(session).iter();
        // A stock that had no close yet has none here either.
        let close = |&close: &i64| if close > 0 { self.tick.round(Price(close)) } else { Price(0) };
        row.map(close).collect()
    }

    /// Each stock's sum of absolute changes over the last public sessions before the running one,
    /// and over how many; history may be younger than that.
    fn change_sums(&self, lived: usize) -> (Vec<i64>, i64) {
        let mut sums = vec![0; self.keys.len()];
        let sessions = lived.saturating_sub(CALM_SESSIONS).max(1)..lived;
        let changes = i64::try_from(sessions.len()).unwrap_or(0);
        for session in sessions {
            let pairs = self.series.row(session).iter().zip(self.series.row(session - 1));
            // Before a stock's first close there is no change.
            for (sum, (close, open)) in
                sums.iter_mut().zip(pairs).filter(|(_, (_, open))| **open > 0)
            {
                *sum += (close - open).abs();
            }
        }
        (sums, changes)
    }
}

fn session_from(series: &PriceSeries, day: Day) -> Result<usize, MarketConfigError> {
    let first = series.days.first().copied().unwrap_or_default();
    let found = series.session_from(day).filter(|_| day >= first);
    found.ok_or_else(|| outside(series, day))
}

/// That a day is none to play from: a session has to be left after it.
fn outside(series: &PriceSeries, day: Day) -> MarketConfigError {
    let at = |session| series.days.get(session).copied().unwrap_or_default();
    MarketConfigError::DayOutsideSeries {
        day,
        first: at(0),
        last: at(series.len().saturating_sub(2)),
    }
}

/// A stock's public path hangs on its symbol, so that it does not change with its neighbours.
fn keys(series: &PriceSeries, seed: u64) -> Vec<u64> {
    series.symbols.iter().map(|symbol| mix_two(seed, mix_text(symbol.as_str()))).collect()
}

#[cfg(test)]
mod tests {
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
        let prices =
            |quotes: &[StockQuote]| -> Vec<Price> { quotes.iter().map(|q| q.price).collect() };
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
        let market = ImportedMarket {
            name: "us".to_owned(),
            currency: "USD".to_owned(),
            tick: None,
            stocks,
        };
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
        fn two_nodes_say_the_same(seconds in 0i64..400_000, seed: u64) {
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
            let lived = two.timetable.first + session;
            // At a closing tick not even the session that begins is known.
            let hidden = if second == 0 { lived } else { lived + 1 };
            two.series = two.series.with_other_future(hidden);
            prop_assert_eq!(quotes_at(one, seconds), quotes_at(&two, seconds));
        }
    }
}
