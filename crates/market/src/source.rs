//! The market source: one interface to replayed, simulated, fixed and live markets. Prices and
//! closes later than the instant of the call are never returned.

mod description;
mod facts;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod unpredictable;

use std::sync::Arc;

use domain::{Day, GameClock, Price, QuoteSource, StockInfo, UnixMicros, divide_rounded};

pub use self::facts::{MarketFacts, REVEAL_AFTER_S, SEGMENTS_MAX};
use crate::calendar::{Calendar, TradingHours};
use crate::catalogue::simulated_stocks;
use crate::config::{LiveConfig, MarketConfig, ReplayConfig, SourceKind};
use crate::limits::MarketConfigError;
use crate::live::{CLOSE_GRACE_S, LiveMarket};
use crate::quote::{Halt, StockQuote};
use crate::replay::ReplayMarket;
use crate::series::ImportedMarket;
use crate::shared_clock::{ClockReading, SharedClock};
use crate::simulated::SimulatedMarket;
use crate::tick::TickRule;
use crate::timetable::MarketTime;

/// The market of a game. Shared between threads behind an `Arc`.
#[derive(Debug)]
pub struct MarketSource {
    kind: SourceVariant,
    clock: Arc<SharedClock>,
}

#[derive(Debug)]
enum SourceVariant {
    /// The replay, and fixed prices as a replay without sessions.
    History(Box<ReplayMarket>),
    Simulated(Box<SimulatedMarket>),
    Live(Arc<LiveMarket>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    pub day: Day,
    /// When the session ends. Its close is public from then on.
    pub ends_at: UnixMicros,
    /// When the close is final: in a live market the last prices arrive after the end.
    pub final_at: UnixMicros,
}

impl MarketSource {
    /// The market of `config.source`, whose clock starts at `started_at` at the configured pace. A
    /// stored game has a clock and steps of its own: [`Self::with_clock`].
    pub fn new(config: &MarketConfig, started_at: UnixMicros) -> Result<Self, MarketConfigError> {
        let kind = match config.source {
            SourceKind::Replay => {
                SourceVariant::History(Box::new(ReplayMarket::new(&config.replay, started_at)?))
            }
            SourceKind::Fixed => {
                SourceVariant::History(Box::new(ReplayMarket::fixed(&config.fixed)?))
            }
            SourceKind::Simulated => SourceVariant::Simulated(Box::new(SimulatedMarket::new(
                &config.simulated,
                started_at,
            )?)),
            SourceKind::Live => return Err(MarketConfigError::LiveNeedsStocks),
        };
        Ok(Self::of(kind))
    }

    /// The replay of an imported market, opened at `started_at` like any other.
    pub fn imported(
        market: ImportedMarket,
        config: &ReplayConfig,
        started_at: UnixMicros,
    ) -> Result<Self, MarketConfigError> {
        let replay = Box::new(ReplayMarket::imported(market, config, started_at)?);
        Ok(Self::of(SourceVariant::History(replay)))
    }

    /// The live market of these stocks, without prices before the first feed.
    pub fn live(calendar: Calendar, config: &LiveConfig, stocks: Vec<StockInfo>) -> Self {
        let live = LiveMarket::new(calendar, config, stocks);
        Self::of(SourceVariant::Live(Arc::new(live)))
    }

    fn of(kind: SourceVariant) -> Self {
        let clock = match &kind {
            SourceVariant::History(replay) => Arc::clone(&replay.timetable.clock),
            SourceVariant::Simulated(market) => Arc::clone(&market.timetable.clock),
            // Its time is that of the exchange; its clock is only paused.
            SourceVariant::Live(_) => SharedClock::new(GameClock::starting(UnixMicros(0), 1)),
        };
        Self { kind, clock }
    }

    /// Replaces the clock by that of the game, and the steps of a session's path of prices. The
    /// steps decide the prices, so they must not change during a game.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<SharedClock>, steps: u32) -> Self {
        let timetable = match &mut self.kind {
            SourceVariant::History(replay) => Some(&mut replay.timetable),
            SourceVariant::Simulated(market) => Some(&mut market.timetable),
            SourceVariant::Live(_) => None,
        };
        if let Some(timetable) = timetable {
            timetable.clock = Arc::clone(&clock);
            timetable.steps = steps.max(1);
        }
        self.clock = clock;
        self
    }

    /// The clock at `now`, as far as it is certain.
    pub fn clock_at(&self, now: UnixMicros) -> ClockReading {
        let (clock, at) = self.clock.read(now);
        ClockReading {
            position: clock.position_at(at),
            session_seconds: clock.session_seconds_at(at),
            is_paused: clock.is_paused_at(at),
        }
    }

    pub fn clock(&self) -> &Arc<SharedClock> {
        &self.clock
    }

    /// The live market to feed; `None` for other markets.
    pub fn feed(&self) -> Option<Arc<LiveMarket>> {
        match &self.kind {
            SourceVariant::Live(live) => Some(Arc::clone(live)),
            SourceVariant::History(_) | SourceVariant::Simulated(_) => None,
        }
    }

    /// Whether orders are accepted at `now`. Only live markets close; every market can be paused.
    pub fn hours(&self, now: UnixMicros) -> TradingHours {
        let (clock, at) = self.clock.read(now);
        if clock.is_paused_at(at) {
            return TradingHours::Paused { resumes_at: clock.resumes_at(at) };
        }
        match &self.kind {
            SourceVariant::Live(live) => live.hours(now),
            SourceVariant::History(_) | SourceVariant::Simulated(_) => TradingHours::Open,
        }
    }

    /// Whether players can look up the later prices, because the market replays real history.
    pub fn has_known_history(&self) -> bool {
        matches!(self.kind, SourceVariant::History(_))
    }

    /// The halted stocks at `now`, ascending by position.
    pub(crate) fn halts(&self, now: UnixMicros) -> Vec<(usize, Halt)> {
        match &self.kind {
            SourceVariant::History(replay) => replay.halts(self.present(now)),
            SourceVariant::Simulated(_) => Vec::new(),
            SourceVariant::Live(live) => live.halts(),
        }
    }

    pub fn source(&self) -> QuoteSource {
        match &self.kind {
            SourceVariant::History(replay) => replay.source,
            SourceVariant::Simulated(_) => QuoteSource::Simulated,
            SourceVariant::Live(_) => QuoteSource::Live,
        }
    }

    /// The tick rule. A live market does not round prices; the rule bounds its spread only.
    pub(crate) fn tick(&self) -> TickRule {
        match &self.kind {
            SourceVariant::History(replay) => replay.tick,
            SourceVariant::Simulated(market) => market.tick,
            SourceVariant::Live(_) => TickRule::Ladder,
        }
    }

    /// Whether a price of `as_of` is stale at `now`: in a live market, if the providers should have
    /// returned a newer one; elsewhere, if it is older than `age_max_s`.
    pub fn is_stale(&self, as_of: UnixMicros, now: UnixMicros, age_max_s: i64) -> bool {
        let fresh_since = match &self.kind {
            SourceVariant::Live(live) => live.fresh_since(now),
            SourceVariant::History(_) | SourceVariant::Simulated(_) => now.plus_seconds(-age_max_s),
        };
        as_of < fresh_since
    }

    /// The stocks, in the order of prices and closes.
    pub fn stocks(&self) -> Vec<StockInfo> {
        match &self.kind {
            SourceVariant::History(replay) => replay.stocks.clone(),
            SourceVariant::Simulated(market) => {
                simulated_stocks(u32::try_from(market.stocks()).unwrap_or(u32::MAX))
            }
            SourceVariant::Live(live) => live.stocks().to_vec(),
        }
    }

    pub fn present(&self, now: UnixMicros) -> MarketTime {
        match &self.kind {
            SourceVariant::History(replay) => replay.timetable.present(now),
            SourceVariant::Simulated(market) => market.timetable.present(now),
            SourceVariant::Live(live) => live.present(now),
        }
    }

    /// The market day which the prices of `now` bear.
    pub fn market_day(&self, now: UnixMicros) -> Day {
        self.day_of(self.present(now).priced_session())
    }

    /// The day of the session before the one whose day the prices of `now` bear.
    pub fn previous_day(&self, now: UnixMicros) -> Day {
        self.day_of(self.present(now).priced_session().saturating_sub(1))
    }

    /// The days of the sessions before the one whose day the prices of `now` bear, the newest
    /// first, at most `count`.
    pub(crate) fn days_before(&self, now: UnixMicros, count: i64) -> Box<[Day]> {
        let sessions = (0..self.present(now).priced_session()).rev();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        sessions.take(count).map(|session| self.day_of(session)).collect()
    }

    /// Replaces `quotes` by the prices of `now`, in the order of [`Self::stocks`]. Their `as_of` is
    /// the real instant of the tick: `now` without its fraction of a second. A live market returns
    /// the quotes of its feed, with price 0 for stocks without one.
    pub fn prices(&self, now: UnixMicros, quotes: &mut Vec<StockQuote>) {
        let as_of = now.whole_second();
        match &self.kind {
            SourceVariant::History(replay) => replay.quotes(self.present(now), as_of, quotes),
            SourceVariant::Simulated(market) => market.quotes(self.present(now), as_of, quotes),
            SourceVariant::Live(live) => live.quotes(quotes),
        }
    }

    /// How many sessions have a public close at `now`: those numbered from 0 to below this.
    pub fn finished_sessions(&self, now: UnixMicros) -> usize {
        self.present(now).finished_sessions()
    }

    /// The market day of a session that is finished at `now`, else `None`.
    pub fn session_day(&self, now: UnixMicros, session: usize) -> Option<Day> {
        self.is_finished(now, session).then(|| self.day_of(session))
    }

    /// How many of the sessions that are finished at `now` are of days up to `day`. Their days
    /// ascend, so the last of them is numbered one less.
    pub fn finished_up_to(&self, now: UnixMicros, day: Day) -> usize {
        let (mut low, mut high) = (0, self.finished_sessions(now));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.day_of(middle) <= day {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The session of this day, if there is one and it is finished at `now`.
    pub fn session_on(&self, now: UnixMicros, day: Day) -> Option<usize> {
        let session = self.finished_up_to(now, day).checked_sub(1)?;
        (self.day_of(session) == day).then_some(session)
    }

    /// When a session that is finished at `now` closed. Sessions before the first one of the game
    /// had closed when the game began.
    pub fn session_closed_at(&self, now: UnixMicros, session: usize) -> Option<UnixMicros> {
        self.is_finished(now, session).then(|| match &self.kind {
            SourceVariant::History(replay) => replay.timetable.closed_at(now, session),
            SourceVariant::Simulated(market) => market.timetable.closed_at(now, session),
            SourceVariant::Live(live) => live.closed_at(session),
        })
    }

    /// The session that ends next after `now`. `None` where prices stand still, once the market has
    /// ended, and while the clock is paused without a planned end.
    pub fn closing_session(&self, now: UnixMicros) -> Option<SessionEnd> {
        let ((session, ends_at), grace_s) = match &self.kind {
            SourceVariant::History(replay) => (replay.timetable.next_close(now)?, 0),
            SourceVariant::Simulated(market) => (market.timetable.next_close(now)?, 0),
            SourceVariant::Live(live) => (live.next_close(now)?, CLOSE_GRACE_S),
        };
        let final_at = ends_at.plus_seconds(grace_s);
        Some(SessionEnd { day: self.day_of(session), ends_at, final_at })
    }

    /// The day of the session that ends next, also while the clock is paused. `None` where prices
    /// stand still, once the market has ended, and in a live market.
    pub fn closing_day(&self, now: UnixMicros) -> Option<Day> {
        let (session, _) = match &self.kind {
            SourceVariant::History(replay) => replay.timetable.next_session(now)?,
            SourceVariant::Simulated(market) => market.timetable.next_session(now)?,
            SourceVariant::Live(_) => return None,
        };
        Some(self.day_of(session))
    }

    pub fn is_live(&self) -> bool {
        matches!(self.kind, SourceVariant::Live(_))
    }

    /// The closes of a session that is finished at `now`, in the order of [`Self::stocks`]; else
    /// `None`. Quick in ascending order; a simulated market goes back by starting over. A live
    /// market has only the newest ones, until the next session begins, and 0 for no price.
    pub fn session_closes(&self, now: UnixMicros, session: usize) -> Option<Vec<Price>> {
        if !self.is_finished(now, session) {
            return None;
        }
        match &self.kind {
            SourceVariant::History(replay) => Some(replay.closes(session)),
            SourceVariant::Simulated(market) => Some(market.closes(session)),
            SourceVariant::Live(live) => live.closes(now, session),
        }
    }

    /// The benchmark's close of a session that is finished at `now`, else `None`: the S&P 500
    /// index, or the mean of all closes of a simulated market, as costly as these. A live market
    /// has none.
    pub fn benchmark_close(&self, now: UnixMicros, session: usize) -> Option<Price> {
        if !self.is_finished(now, session) {
            return None;
        }
        match &self.kind {
            SourceVariant::History(replay) => Some(replay.series.benchmark(session)),
            SourceVariant::Simulated(market) => Some(mean(&market.closes(session))),
            SourceVariant::Live(_) => None,
        }
    }

    fn is_finished(&self, now: UnixMicros, session: usize) -> bool {
        session < self.finished_sessions(now)
    }

    fn day_of(&self, session: usize) -> Day {
        match &self.kind {
            SourceVariant::History(replay) => replay.series.days[session],
            SourceVariant::Simulated(market) => market.day(session),
            SourceVariant::Live(live) => live.day(session),
        }
    }
}

fn mean(closes: &[Price]) -> Price {
    let (sum, count) = closes
        .iter()
        .fold((0, 0), |(sum, count): (i128, i128), close| (sum + i128::from(close.0), count + 1));
    Price(divide_rounded(sum, count))
}

#[cfg(test)]
mod tests;
