//! Configuration of the market. Limits are checked while TOML is parsed, so that an error has a
//! line number, and again when a market is built.

mod live;

use domain::{Day, Price, limited};
use serde::{Deserialize, Serialize};

pub use self::live::{CacheTtl, LiveConfig};
use crate::limits::{
    DAY_SECONDS, LAST_DAY, MILLION, MarketConfigError, check, check_any_day, check_day, check_tick,
    fixed_day, read_tick, start_day, write_tick,
};

/// Which market source the game plays on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Real history, played again.
    #[default]
    Replay,
    /// A seeded simulation.
    Simulated,
    /// The prices of one day in history, standing still.
    Fixed,
    /// Prices of providers, by the calendar of an exchange.
    Live,
}

/// What a market does after its last session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// It stands still at the last close.
    #[default]
    Stop,
    /// It rests for the length of a session and starts over.
    Loop,
}

/// The section `[market]`. Only the part named by `source` is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarketConfig {
    /// Which of the parts below is used.
    pub source: SourceKind,
    /// For `source = "replay"`.
    pub replay: ReplayConfig,
    /// For `source = "simulated"`.
    pub simulated: SimulatedConfig,
    /// For `source = "fixed"`.
    pub fixed: FixedConfig,
    /// For `source = "live"`.
    pub live: LiveConfig,
}

/// How history is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// The name of an imported market; empty: the embedded one.
    pub market: String,
    /// The day at whose closes the market opens, or the next session after it.
    #[serde(deserialize_with = "start_day")]
    pub start: Day,
    /// Real seconds a session lasts, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub session_seconds: u32,
    /// Decides the path between two closes; 0: the game's secret seed does. For tests and shows
    /// only.
    pub seed: u64,
    /// What comes after the last session.
    pub at_end: AtEnd,
    /// What every price is a multiple of, 0.0001 to 100.00; `None`, written "": automatic.
    #[serde(deserialize_with = "read_tick", serialize_with = "write_tick")]
    pub tick: Option<Price>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            market: String::new(),
            start: Day(12_786), // 2005-01-03
            session_seconds: 60,
            seed: 0,
            at_end: AtEnd::Stop,
            tick: None,
        }
    }
}

/// How a market is simulated. Shocks are standard deviations per session, in millionths of the
/// price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedConfig {
    /// How many made-up stocks, 1 to 10,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 10_000>")]
    pub symbols: u32,
    /// How many sessions are played, 1 to 25,200.
    #[serde(deserialize_with = "limited::<_, _, 1, 25_200>")]
    pub sessions: u32,
    /// How many sessions of history there are at the start, 1 to 2,520.
    #[serde(deserialize_with = "limited::<_, _, 1, 2_520>")]
    pub warmup_sessions: u32,
    /// The made-up day at whose closes the market opens, or the next weekday after it.
    pub start: Day,
    /// Real seconds a session lasts, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub session_seconds: u32,
    /// Decides every price; 0: the game's secret seed does. For tests and shows only.
    pub seed: u64,
    /// What comes after the last session.
    pub at_end: AtEnd,
    /// What every price is a multiple of, 0.0001 to 100.00; `None`, written "": automatic.
    #[serde(deserialize_with = "read_tick", serialize_with = "write_tick")]
    pub tick: Option<Price>,
    /// The mean change per session, at most 5,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 5_000>")]
    pub drift_ppm: u32,
    /// The shock all stocks share, at most 50,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 50_000>")]
    pub market_shock_ppm: u32,
    /// The shock the stocks of a category share, at most 50,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 50_000>")]
    pub sector_shock_ppm: u32,
    /// The shock of one stock, at most 50,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 50_000>")]
    pub own_shock_ppm: u32,
    /// How likely a stock jumps in a session.
    #[serde(deserialize_with = "limited::<_, _, 0, { MILLION as i64 }>")]
    pub jump_chance_ppm: u32,
    /// The mean size of a jump, at most 300,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 300_000>")]
    pub jump_size_ppm: u32,
}

impl Default for SimulatedConfig {
    fn default() -> Self {
        Self {
            symbols: 100,
            sessions: 2_520,
            warmup_sessions: 250,
            start: Day(11_323), // 2001-01-01, a Monday
            session_seconds: 60,
            seed: 0,
            at_end: AtEnd::Stop,
            tick: None,
            drift_ppm: 400,
            market_shock_ppm: 8_000,
            sector_shock_ppm: 6_000,
            own_shock_ppm: 12_000,
            jump_chance_ppm: 1_500,
            jump_size_ppm: 80_000,
        }
    }
}

/// Which prices stand still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FixedConfig {
    /// The day whose closes they are, or the next session after it.
    #[serde(deserialize_with = "fixed_day")]
    pub day: Day,
    /// What every price is a multiple of, 0.0001 to 100.00; `None`, written "": automatic.
    #[serde(deserialize_with = "read_tick", serialize_with = "write_tick")]
    pub tick: Option<Price>,
}

impl Default for FixedConfig {
    fn default() -> Self {
        Self { day: ReplayConfig::default().start, tick: None }
    }
}

impl ReplayConfig {
    /// Whether every setting is within its limits.
    pub fn validate(&self) -> Result<(), MarketConfigError> {
        check_any_day(self.start)?;
        check("session_seconds", self.session_seconds, 1, DAY_SECONDS)?;
        check_tick(self.tick)
    }
}

impl SimulatedConfig {
    /// Whether every setting is within its limits.
    pub fn validate(&self) -> Result<(), MarketConfigError> {
        check("symbols", self.symbols, 1, 10_000)?;
        check("sessions", self.sessions, 1, 25_200)?;
        check("warmup_sessions", self.warmup_sessions, 1, 2_520)?;
        check("session_seconds", self.session_seconds, 1, DAY_SECONDS)?;
        check("drift_ppm", self.drift_ppm, 0, 5_000)?;
        check("market_shock_ppm", self.market_shock_ppm, 0, 50_000)?;
        check("sector_shock_ppm", self.sector_shock_ppm, 0, 50_000)?;
        check("own_shock_ppm", self.own_shock_ppm, 0, 50_000)?;
        check("jump_chance_ppm", self.jump_chance_ppm, 0, MILLION)?;
        check("jump_size_ppm", self.jump_size_ppm, 0, 300_000)?;
        check_tick(self.tick)
    }
}

impl FixedConfig {
    /// Whether every setting is within its limits.
    pub fn validate(&self) -> Result<(), MarketConfigError> {
        check_day(self.day, LAST_DAY)?;
        check_tick(self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_and_the_default_is_valid() {
        assert_eq!(toml::from_str(""), Ok(MarketConfig::default()));
        let config = MarketConfig::default();
        assert_eq!(config.replay.start.to_string(), "2005-01-03");
        assert_eq!(config.simulated.start.to_string(), "2001-01-01");
        assert_eq!(config.replay.validate(), Ok(()));
        assert_eq!(config.simulated.validate(), Ok(()));
        assert_eq!(config.fixed.validate(), Ok(()));
    }

    #[test]
    fn a_section_survives_its_text() {
        let text = "source = \"simulated\"\n[simulated]\nsymbols = 10000\ntick = \"0.05\"\n";
        let config: MarketConfig = toml::from_str(text).unwrap();
        assert_eq!((config.simulated.tick, config.replay.tick), (Some(Price(500)), None));
        assert_eq!(toml::from_str(&toml::to_string(&config).unwrap()), Ok(config));
    }

    #[test]
    fn bad_settings_are_refused_where_they_stand() {
        for (line, expected) in [
            ("start = \"1066-10-14\"", "1900-01-01"),
            ("start = \"2005-02-30\"", "date like"),
            ("session_seconds = 0", "from 1 to 86400"),
            ("session_seconds = 86401", "from 1 to 86400"),
            ("tick = \"0\"", "from 1 to 1000000"),
            ("tick = \"fine\"", "a decimal number"),
            ("at_end = \"pause\"", "stop"),
            ("sessions = 4", "unknown field"),
        ] {
            let text = format!("\n[replay]\n{line}\n");
            let error = toml::from_str::<MarketConfig>(&text).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
            assert!(error.to_string().contains("line 3"), "{line}: {error}");
        }
        assert!(toml::from_str::<MarketConfig>("[simulated]\nsymbols = 10001").is_err());
        assert!(toml::from_str::<MarketConfig>("[fixed]\nday = \"2022-12-29\"").is_err());
    }

    #[test]
    fn a_config_made_in_code_meets_the_same_limits() {
        let replay = ReplayConfig { start: Day(-30_000), ..ReplayConfig::default() };
        assert!(matches!(replay.validate(), Err(MarketConfigError::DayOutsideSeries { .. })));
        let simulated = SimulatedConfig { symbols: 0, ..SimulatedConfig::default() };
        assert!(matches!(simulated.validate(), Err(MarketConfigError::OutsideLimits { .. })));
    }
}
