//! The simulated market: closes drawn session by session from market, category and stock shocks and
//! rare jumps. It caches the sessions around the last one read; going back restarts at session 0.

use std::sync::{Mutex, PoisonError};

use domain::{Day, GameClock, Price, UnixMicros};
use store::GameSeed;

use crate::config::SimulatedConfig;
use crate::limits::MarketConfigError;
use crate::mixer::{BELL_DEVIATION, bell, mix, mix_two};
use crate::names::{CATEGORIES, category_of};
use crate::path::{CALM_SESSIONS, SessionCloses, TickAt, write_quotes};
use crate::quote::StockQuote;
use crate::seed::{MarketRng, StreamId, StreamPurpose};
use crate::shared_clock::SharedClock;
use crate::tick::TickRule;
use crate::timetable::{MarketTime, Timetable};

/// Closes stay between 0.10 and 100,000.00, so that 64 bits are enough everywhere.
const CLOSES: (i64, i64) = (1_000, 1_000_000_000);
/// A change of one session, in 2^-30 of the price: a price at most halves or doubles.
const CHANGES: (i64, i64) = (-(1 << 29), 1 << 30);
const MILLION: i64 = 1_000_000;

/// A seeded market and its two cursors: one at the present, one at the last history read.
#[derive(Debug)]
pub(crate) struct SimulatedMarket {
    pub(crate) timetable: Timetable,
    pub(crate) tick: TickRule,
    /// Without its seed.
    config: SimulatedConfig,
    model: SimulationModel,
    present: Mutex<SessionCursor>,
    history: Mutex<SessionCursor>,
}

impl SimulatedMarket {
    /// The market that `config` describes, opened at `started_at`.
    pub(crate) fn new(
        config: &SimulatedConfig,
        started_at: UnixMicros,
    ) -> Result<Self, MarketConfigError> {
        config.validate()?;
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let timetable = Timetable {
            first: count(config.warmup_sessions),
            count: count(config.sessions),
            steps: config.session_seconds,
            at_end: config.at_end,
            clock: SharedClock::new(GameClock::starting(started_at, config.session_seconds)),
        };
        let model = SimulationModel::new(config);
        let (present, history) =
            (Mutex::new(SessionCursor::new(&model)), Mutex::new(SessionCursor::new(&model)));
        let config = SimulatedConfig { seed: 0, ..config.clone() };
        let tick = TickRule::new(config.tick);
        Ok(Self { timetable, tick, config, model, present, history })
    }

    pub(crate) fn adopt(&mut self, seed: GameSeed) {
        self.model.adopt(seed);
        self.present = Mutex::new(SessionCursor::new(&self.model));
        self.history = Mutex::new(SessionCursor::new(&self.model));
    }

    pub(crate) fn config(&self) -> &SimulatedConfig {
        &self.config
    }

    pub(crate) fn rng(&self) -> &MarketRng {
        &self.model.rng
    }

    pub(crate) fn stocks(&self) -> usize {
        self.model.keys.len()
    }

    /// The weekday of a session; the one before the first played session falls on the start day.
    pub(crate) fn day(&self, session: usize) -> Day {
        let offset = |n: usize| i32::try_from(n).unwrap_or(i32::MAX / 8);
        let start = weekday_number(self.config.start);
        weekday(start + offset(session) - offset(self.timetable.first - 1))
    }

    /// Replaces `quotes` by the prices of this instant.
    pub(crate) fn quotes(
        &self,
        present: MarketTime,
        as_of: UnixMicros,
        quotes: &mut Vec<StockQuote>,
    ) {
        let mut walk = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        walk.seek(&self.model, present.session);
        let steps = self.timetable.steps;
        let (rng, tick) = (&self.model.rng, self.tick);
        let at = TickAt { rng, present, steps, tick, as_of };
        write_quotes(&at, &walk.running(&self.model), quotes);
    }

    /// The closes of a session, which has to be finished.
    pub(crate) fn closes(&self, session: usize) -> Vec<Price> {
        let mut walk = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        walk.seek(&self.model, session);
        let closes = if session == 0 { &walk.open } else { &walk.close };
        closes.iter().map(|&close| self.tick.round(Price(close))).collect()
    }
}

/// Weekdays since Monday, 1970-01-05; a day at a weekend counts as the Monday after it.
fn weekday_number(day: Day) -> i32 {
    let days = day.0.saturating_sub(4);
    days.div_euclid(7) * 5 + days.rem_euclid(7).min(5)
}

/// The day with this number.
fn weekday(number: i32) -> Day {
    Day(4 + number.div_euclid(5) * 7 + number.rem_euclid(5))
}

/// The constants of a simulation.
#[derive(Debug)]
struct SimulationModel {
    rng: MarketRng,
    /// The keys of the stocks' draws by the public generator.
    keys: Vec<u64>,
    public_traits: StockTraits,
    traits: StockTraits,
    /// The reach of a category's shock and of the market's: what a draw of [`bell`] is multiplied
    /// with, in 2^-46 of the price.
    sector_reach: i64,
    market_reach: i64,
    own_reach: i64,
    drift: i64,
    /// Below this the low 20 bits of a draw mean a jump.
    jump_below: u64,
    /// Half the mean size of a jump in 2^-30 of the price.
    jump_half: i64,
}

#[derive(Debug)]
struct StockTraits {
    /// How far each stock follows the market, in 1/1,024.
    follows: Vec<i64>,
    /// The reach of each stock's own shock, like [`SimulationModel::sector_reach`].
    own_reach: Vec<i64>,
}

impl StockTraits {
    /// Draws each stock's exposure to the market and its own shock: half to one and a half.
    fn of(draws: &[u64], own_reach: i64) -> Self {
        let between = |draw: u64, shift: u32| 512 + (draw >> shift & 1_023) as i64;
        Self {
            follows: draws.iter().map(|&draw| between(draw, 0)).collect(),
            own_reach: draws.iter().map(|&draw| own_reach * between(draw, 10) / 1_024).collect(),
        }
    }
}

/// The draws that lead from the closes of one session to those of the next.
struct SessionDraws {
    market: u64,
    sectors: [u64; CATEGORIES.len()],
    own: Vec<u64>,
    jumps: Vec<u64>,
}

impl SimulationModel {
    fn new(config: &SimulatedConfig) -> Self {
        let part = |ppm: u32| (i64::from(ppm) << 30) / MILLION;
        let reach = |ppm: u32| part(ppm) * 65_536 / BELL_DEVIATION;
        let own = reach(config.own_shock_ppm);
        let rng = MarketRng::of_number(config.seed);
        let keys: Vec<u64> =
            (0..u64::from(config.symbols)).map(|stock| mix_two(rng.public_seed(), stock)).collect();
        let public_draws: Vec<u64> = keys.iter().map(|&key| mix(key)).collect();
        let traits = StockTraits::of(&stock_draws(&rng, StreamPurpose::Traits, 0, keys.len()), own);
        Self {
            rng,
            public_traits: StockTraits::of(&public_draws, own),
            traits,
            keys,
            own_reach: own,
            sector_reach: reach(config.sector_shock_ppm),
            market_reach: reach(config.market_shock_ppm),
            drift: part(config.drift_ppm),
            jump_below: (u64::from(config.jump_chance_ppm) << 20) / 1_000_000,
            jump_half: part(config.jump_size_ppm) / 2,
        }
    }

    fn adopt(&mut self, seed: GameSeed) {
        self.rng.adopt(seed);
        let draws = stock_draws(&self.rng, StreamPurpose::Traits, 0, self.keys.len());
        self.traits = StockTraits::of(&draws, self.own_reach);
    }

    /// The closes of session 0: from 5 to 640, most of them low.
    fn first_closes(&self) -> Vec<i64> {
        let price = |random: u64| {
            let base = 50_000i64 << (random % 7);
            base + base * (random >> 32 & 1_023) as i64 / 1_024
        };
        if self.rng.are_public_closes(0) {
            return self.keys.iter().map(|&key| price(mix(mix(key)))).collect();
        }
        let draws = stock_draws(&self.rng, StreamPurpose::FirstCloses, 0, self.keys.len());
        draws.into_iter().map(price).collect()
    }

    fn draws(&self, session: usize) -> SessionDraws {
        let mut shared = [0; CATEGORIES.len() + 1];
        let id = StreamId { purpose: StreamPurpose::Shared, pass: 0, session };
        self.rng.key.fill(id, &mut shared);
        let [market, sectors @ ..] = shared;
        let stocks = self.keys.len();
        let own = stock_draws(&self.rng, StreamPurpose::StockShock, session, stocks);
        let jumps = stock_draws(&self.rng, StreamPurpose::Jumps, session, stocks);
        SessionDraws { market, sectors, own, jumps }
    }

    fn public_draws(&self, session: usize) -> SessionDraws {
        let key = mix_two(!self.rng.public_seed(), session as u64);
        let own: Vec<u64> = self.keys.iter().map(|stock| mix(stock ^ key)).collect();
        SessionDraws {
            market: mix(key),
            sectors: std::array::from_fn(|sector| mix_two(key, sector as u64 + 1)),
            jumps: own.iter().map(|&draw| mix(draw)).collect(),
            own,
        }
    }

    /// Draws the closes of `session` from those before it.
    fn draw(&self, session: usize, open: &[i64], close: &mut [i64]) {
        let (draws, traits) = if self.rng.are_public_closes(session) {
            (self.public_draws(session), &self.public_traits)
        } else {
            (self.draws(session), &self.traits)
        };
        let market = bell(draws.market) * self.market_reach / 65_536;
        let sectors = draws.sectors.map(|draw| bell(draw) * self.sector_reach / 65_536);
        for (stock, (open, close)) in open.iter().zip(close).enumerate() {
            let shock = self.drift
                + traits.follows[stock] * market / 1_024
                + sectors[category_of(stock)]
                + bell(draws.own[stock]) * traits.own_reach[stock] / 65_536
                + self.jump(draws.jumps[stock]);
            let change = shock.clamp(CHANGES.0, CHANGES.1);
            *close = (open + (open * change) / (1 << 30)).clamp(CLOSES.0, CLOSES.1);
        }
    }

    /// Mostly 0; rarely half to one and a half of the mean jump, up or down.
    fn jump(&self, random: u64) -> i64 {
        if random & 0xF_FFFF >= self.jump_below {
            return 0;
        }
        let size = self.jump_half + self.jump_half * (random >> 24 & 0x7FF) as i64 / 1_024;
        if random >> 63 == 0 { size } else { -size }
    }
}

/// The first draws of a stream, one for each stock.
fn stock_draws(rng: &MarketRng, purpose: StreamPurpose, session: usize, stocks: usize) -> Vec<u64> {
    let mut draws = vec![0; stocks];
    rng.key.fill(StreamId { purpose, pass: 0, session }, &mut draws);
    draws
}

/// The closes around one session.
#[derive(Debug)]
struct SessionCursor {
    session: usize,
    before: Vec<i64>,
    open: Vec<i64>,
    close: Vec<i64>,
    /// The absolute changes of the last sessions before this one: one row for each in turn.
    changes: Vec<i64>,
    change_sums: Vec<i64>,
}

impl SessionCursor {
    /// Begins at session 1, which leads from the closes of session 0 to its own.
    fn new(model: &SimulationModel) -> Self {
        let open = model.first_closes();
        let mut close = open.clone();
        model.draw(1, &open, &mut close);
        let stocks = open.len();
        let (changes, change_sums) = (vec![0; stocks * CALM_SESSIONS], vec![0; stocks]);
        Self { session: 1, before: open.clone(), open, close, changes, change_sums }
    }

    /// Moves to a session; session 0 is read at session 1.
    fn seek(&mut self, model: &SimulationModel, session: usize) {
        let session = session.max(1);
        if session < self.session {
            *self = Self::new(model);
        }
        while self.session < session {
            self.step(model);
        }
    }

    fn step(&mut self, model: &SimulationModel) {
        let stocks = self.open.len();
        let slot = self.session % CALM_SESSIONS * stocks;
        let row = &mut self.changes[slot..slot + stocks];
        for (stock, kept) in row.iter_mut().enumerate() {
            let change = (self.close[stock] - self.open[stock]).abs();
            self.change_sums[stock] += change - *kept;
            *kept = change;
        }
        std::mem::swap(&mut self.before, &mut self.open);
        std::mem::swap(&mut self.open, &mut self.close);
        self.session += 1;
        model.draw(self.session, &self.open, &mut self.close);
    }

    fn running<'a>(&'a self, model: &'a SimulationModel) -> SessionCloses<'a> {
        let changes = (self.session - 1).min(CALM_SESSIONS);
        SessionCloses {
            keys: &model.keys,
            before: &self.before,
            open: &self.open,
            close: &self.close,
            change_sums: &self.change_sums,
            changes: i64::try_from(changes).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests;
