//! The replay market: embedded or imported history played from a start day. A fixed market is a
//! replay without sessions left. Nothing later than the present is returned.

use domain::{Day, GameClock, Price, QuoteSource, StockInfo, UnixMicros};

use crate::catalogue::embedded_stocks;
use crate::config::{AtEnd, FixedConfig, ReplayConfig};
use crate::limits::{LAST_START_DAY, MarketConfigError, check_day};
use crate::mixer::{mix_text, mix_two};
use crate::path::{CALM_SESSIONS, SessionCloses, TickAt, write_quotes};
use crate::quote::{Halt, StockQuote};
use crate::seed::MarketRng;
use crate::series::{ImportedMarket, PriceSeries};
use crate::shared_clock::SharedClock;
use crate::tick::TickRule;
use crate::timetable::{MarketTime, Timetable};

/// A price history, and the session from which it is played.
#[derive(Debug)]
pub(crate) struct ReplayMarket {
    pub(crate) source: QuoteSource,
    pub(crate) stocks: Vec<StockInfo>,
    pub(crate) timetable: Timetable,
    pub(crate) series: PriceSeries,
    pub(crate) tick: TickRule,
    pub(crate) rng: MarketRng,
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
            steps: config.session_seconds,
            at_end: config.at_end,
            clock: SharedClock::new(GameClock::starting(started_at, config.session_seconds)),
        };
        let rng = MarketRng::of_number(config.seed);
        let keys = keys(&series, rng.public_seed());
        let source = QuoteSource::Replay;
        Ok(Self { source, stocks, timetable, series, tick, rng, keys })
    }

    /// Prices that stand still at the closes of a day.
    pub(crate) fn fixed(config: &FixedConfig) -> Result<Self, MarketConfigError> {
        config.validate()?;
        let series = PriceSeries::embedded();
        let timetable = Timetable {
            first: session_from(&series, config.day)? + 1,
            count: 0,
            steps: 1,
            at_end: AtEnd::Stop,
            clock: SharedClock::new(GameClock::starting(UnixMicros(0), 1)),
        };
        // No session is played, so no path is drawn.
        let (rng, keys) = (MarketRng::of_number(0), Vec::new());
        let source = QuoteSource::Fixed;
        let (stocks, tick) = (embedded_stocks(), TickRule::new(config.tick));
        Ok(Self { source, stocks, timetable, series, tick, rng, keys })
    }

    /// Replaces `quotes` by the prices of this instant.
    pub(crate) fn quotes(
        &self,
        present: MarketTime,
        as_of: UnixMicros,
        quotes: &mut Vec<StockQuote>,
    ) {
        let running = present.session;
        let change_sums = if self.rng.is_public_path(present.pass, running) {
            self.change_sums(running)
        } else {
            (Vec::new(), 0)
        };
        let running = SessionCloses {
            keys: &self.keys,
            before: self.series.row(running.saturating_sub(2)),
            open: self.series.row(running.saturating_sub(1)),
            close: self.series.row(running),
            change_sums: &change_sums.0,
            changes: change_sums.1,
        };
        let (tick, steps) = (self.tick, self.timetable.steps);
        let at = TickAt { rng: &self.rng, present, steps, tick, as_of };
        write_quotes(&at, &running, quotes);
        // A stock without a close in this session has no newer price than its last close.
        for (position, last) in self.series.missing(present.priced_session()) {
            if let Some(quote) = quotes.get_mut(position) {
                // The session of the last close is over, so the clock has passed its end.
                let closed_at = self.timetable.closed_in_pass(present.pass, last);
                quote.as_of = closed_at.unwrap_or(as_of);
            }
        }
    }

    /// The halts of stocks without a close. A stock that has closes again later is treated like one
    /// that has not, because the difference is not public yet.
    pub(crate) fn halts(&self, present: MarketTime) -> Vec<(usize, Halt)> {
        let priced = present.priced_session();
        let halt = |(position, last)| {
            (position, if last + 1 == priced { Halt::NoClose } else { Halt::NotTraded })
        };
        self.series.missing(priced).map(halt).collect()
    }

    /// The closes of a session, which has to be finished.
    pub(crate) fn closes(&self, session: usize) -> Vec<Price> {
        let row = self.series.row(session).iter();
        // A stock that had no close yet has none here either.
        let close = |&close: &i64| if close > 0 { self.tick.round(Price(close)) } else { Price(0) };
        row.map(close).collect()
    }

    /// Each stock's sum of absolute changes over the last public sessions, and their number.
    fn change_sums(&self, running: usize) -> (Vec<i64>, i64) {
        let mut sums = vec![0; self.keys.len()];
        let sessions = running.saturating_sub(CALM_SESSIONS).max(1)..running;
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

/// The error for a start day without a session after it.
fn outside(series: &PriceSeries, day: Day) -> MarketConfigError {
    let at = |session| series.days.get(session).copied().unwrap_or_default();
    MarketConfigError::DayOutsideSeries {
        day,
        first: at(0),
        last: at(series.len().saturating_sub(2)),
    }
}

/// The key of a stock's public path depends on its symbol only, not on the other stocks.
fn keys(series: &PriceSeries, seed: u64) -> Vec<u64> {
    series.symbols.iter().map(|symbol| mix_two(seed, mix_text(symbol.as_str()))).collect()
}

#[cfg(test)]
mod tests;
