//! The published facts from which prices can be recomputed: timetable, commitment to the secret
//! seed, and the seed itself after the market has ended.

use domain::{ClockSegment, QuoteSource, UnixMicros};
use store::GameSeed;

use super::{MarketSource, SourceVariant};
use crate::config::{AtEnd, SimulatedConfig};
use crate::seed::MarketRng;
use crate::tick::TickRule;
use crate::timetable::Timetable;

/// How long after a market's end its seed is published, in seconds: more than any clock difference.
pub const REVEAL_AFTER_S: i64 = 60;

/// The published segments of a clock.
pub const SEGMENTS_MAX: usize = 1_000;

/// The timetable and parameters of a market, without its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketFacts {
    /// The newest segments of the game's clock that were not replaced, at most
    /// [`SEGMENTS_MAX`].
    pub segments: Vec<ClockSegment>,
    /// The steps of a session's path of prices.
    pub session_steps: u32,
    /// The number of the first session that is played.
    pub first_session: usize,
    pub sessions: usize,
    pub at_end: AtEnd,
    pub tick: TickRule,
    /// The parameters of a simulated market, without the seed.
    pub simulated: Option<SimulatedConfig>,
}

impl MarketSource {
    /// Sets the game's seed, unless the configuration has one. Without either, a market is as
    /// predictable as one with the seed 0.
    #[must_use]
    pub fn with_seed(mut self, seed: GameSeed) -> Self {
        match &mut self.kind {
            SourceVariant::History(replay) => replay.rng.adopt(seed),
            SourceVariant::Simulated(market) => market.adopt(seed),
            SourceVariant::Live(_) => {}
        }
        self
    }

    fn rng(&self) -> Option<&MarketRng> {
        match &self.kind {
            SourceVariant::History(replay) if replay.source == QuoteSource::Replay => {
                Some(&replay.rng)
            }
            SourceVariant::Simulated(market) => Some(market.rng()),
            SourceVariant::History(_) | SourceVariant::Live(_) => None,
        }
    }

    /// The commitment to the seed that decides the prices; `None` without a secret seed.
    pub fn commitment(&self) -> Option<&str> {
        Some(self.rng()?.sealed()?.commitment.as_str())
    }

    /// The first session whose prices follow from the committed seed, and in which pass.
    pub fn committed_from(&self) -> Option<(i64, i64)> {
        let seed = self.rng()?.sealed()?;
        Some((seed.first_pass, seed.first_session))
    }

    /// The seed, [`REVEAL_AFTER_S`] after the end of a market that stops, when no later price
    /// follows from it.
    pub fn revealed(&self, now: UnixMicros) -> Option<&GameSeed> {
        let timetable = self.timetable()?;
        let before = now.plus_seconds(-REVEAL_AFTER_S);
        let is_over = timetable.present(before).ended;
        let seed = self.rng()?.sealed()?;
        (timetable.at_end == AtEnd::Stop && is_over).then_some(seed)
    }

    fn timetable(&self) -> Option<&Timetable> {
        match &self.kind {
            SourceVariant::History(replay) => Some(&replay.timetable),
            SourceVariant::Simulated(market) => Some(&market.timetable),
            SourceVariant::Live(_) => None,
        }
    }

    /// The facts; `None` for a live market and for fixed prices.
    pub fn facts(&self) -> Option<MarketFacts> {
        self.rng()?;
        let timetable = self.timetable()?;
        let (tick, simulated) = match &self.kind {
            SourceVariant::History(replay) => (replay.tick, None),
            SourceVariant::Simulated(market) => (market.tick, Some(market.config().clone())),
            SourceVariant::Live(_) => return None,
        };
        let clock = self.clock.load();
        let segments = clock.segments();
        let newest = segments.len().saturating_sub(SEGMENTS_MAX);
        Some(MarketFacts {
            segments: segments[newest..].to_vec(),
            session_steps: timetable.steps,
            first_session: timetable.first,
            sessions: timetable.count,
            at_end: timetable.at_end,
            tick,
            simulated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MarketConfig, ReplayConfig, SourceKind};
    use crate::seed::draw_seed;
    use testkit::SeededEntropy;

    const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

    fn config(source: SourceKind, at_end: AtEnd) -> MarketConfig {
        let simulated = SimulatedConfig { symbols: 9, sessions: 2, at_end, ..Default::default() };
        let start = domain::Day(19_349);
        let replay = ReplayConfig { start, at_end, ..ReplayConfig::default() };
        MarketConfig { source, replay, simulated, ..MarketConfig::default() }
    }

    fn seeded(source: SourceKind, at_end: AtEnd, number: u64) -> (MarketSource, GameSeed) {
        let seed = draw_seed(&SeededEntropy::new(number));
        let market = MarketSource::new(&config(source, at_end), START).unwrap();
        (market.with_seed(seed.clone()), seed)
    }

    fn prices(market: &MarketSource, seconds: i64) -> Vec<i64> {
        let mut quotes = Vec::new();
        market.prices(START.plus_seconds(seconds), &mut quotes);
        quotes.iter().map(|quote| quote.price.0).collect()
    }

    #[test]
    fn a_seed_is_revealed_when_nothing_can_follow_from_it() {
        for source in [SourceKind::Replay, SourceKind::Simulated] {
            let (market, seed) = seeded(source, AtEnd::Stop, 1);
            assert_eq!(market.commitment(), Some(seed.commitment.as_str()));
            let over = 120 + REVEAL_AFTER_S;
            for seconds in [0, 119, 120, over - 1] {
                assert_eq!(market.revealed(START.plus_seconds(seconds)), None, "{seconds}");
            }
            assert_eq!(market.revealed(START.plus_seconds(over)), Some(&seed));
            let (around, _) = seeded(source, AtEnd::Loop, 1);
            assert_eq!(around.revealed(START.plus_seconds(over)), None, "it starts over");
        }
    }

    #[test]
    fn two_games_of_one_configuration_have_different_prices() {
        for source in [SourceKind::Replay, SourceKind::Simulated] {
            let markets = [1, 1, 2].map(|number| seeded(source, AtEnd::Stop, number).0);
            let [one, same, other] = markets.each_ref().map(|market| prices(market, 33));
            assert_eq!(one, same);
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_market_that_starts_over_takes_another_path() {
        let (market, _) = seeded(SourceKind::Replay, AtEnd::Loop, 1);
        assert_ne!(prices(&market, 33), prices(&market, 180 + 33));
        assert_eq!(prices(&market, 60), prices(&market, 180 + 60));
    }

    #[test]
    fn a_game_of_the_version_before_keeps_its_prices_until_its_session_ends() {
        for source in [SourceKind::Replay, SourceKind::Simulated] {
            let seed = GameSeed { first_session: 2, ..draw_seed(&SeededEntropy::new(3)) };
            let open = |number| {
                let mut config = config(source, AtEnd::Stop);
                (config.replay.seed, config.simulated.seed) = (number, number);
                config.simulated.warmup_sessions = 1;
                config.replay.start = domain::Day(7_306);
                MarketSource::new(&config, START).unwrap()
            };
            let secret = open(0).with_seed(seed);
            let never = GameSeed { first_session: 99, ..draw_seed(&SeededEntropy::new(4)) };
            let before = open(1).with_seed(never);
            for seconds in [0, 1, 30, 59, 60] {
                assert_eq!(prices(&secret, seconds), prices(&before, seconds), "{seconds}");
            }
            assert_ne!(prices(&secret, 61 + 29), prices(&before, 61 + 29));
        }
    }

    #[test]
    fn a_market_whose_seed_is_configured_has_no_commitment() {
        let config =
            SimulatedConfig { seed: 7, ..config(SourceKind::Simulated, AtEnd::Stop).simulated };
        let config =
            MarketConfig { simulated: config, source: SourceKind::Simulated, ..Default::default() };
        let market = MarketSource::new(&config, START).unwrap();
        let market = market.with_seed(draw_seed(&SeededEntropy::new(1)));
        assert_eq!((market.commitment(), market.revealed(UnixMicros(i64::MAX))), (None, None));
        assert_eq!(market.facts().unwrap().simulated.unwrap().seed, 0, "it is not published");
    }
}
