//! Configuration of the market. Limits are checked while TOML is parsed, so that an error has a
//! line number, and again when a market is built.

mod live;

use domain::{Day, Price};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use self::live::{CacheTtl, LiveConfig};

/// The first day of the embedded series, and the first on which prices can stand still.
pub(crate) const FIRST_DAY: Day = Day(7_306);
/// Its last day.
pub(crate) const LAST_DAY: Day = Day(19_354);
/// The first and the last day that any market is replayed from.
const ANY_DAY: (Day, Day) = (Day(-25_567), Day(47_481));
/// The last day a replay can start on: one session is left after it.
pub(crate) const LAST_START_DAY: Day = Day(19_353);

pub(crate) const DAY_SECONDS: u32 = 86_400;
const MILLION: u32 = 1_000_000;

/// Why a market cannot be built from a configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A day outside the series.
    #[error("market: expected a day from {first} to {last}, got {day}")]
    DayOutsideSeries { day: Day, first: Day, last: Day },
    /// A live market needs stocks, which are in the database.
    #[error("market: a live market is made of the stocks in the database")]
    LiveNeedsStocks,
    /// A number outside its limits.
    #[error("market: expected {field} from {least} to {most}, got {got}")]
    OutsideLimits { field: &'static str, got: i64, least: i64, most: i64 },
}

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
    #[serde(deserialize_with = "limited::<_, 1, DAY_SECONDS>")]
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
    #[serde(deserialize_with = "limited::<_, 1, 10_000>")]
    pub symbols: u32,
    /// How many sessions are played, 1 to 25,200.
    #[serde(deserialize_with = "limited::<_, 1, 25_200>")]
    pub sessions: u32,
    /// How many sessions of history there are at the start, 1 to 2,520.
    #[serde(deserialize_with = "limited::<_, 1, 2_520>")]
    pub warmup_sessions: u32,
    /// The made-up day at whose closes the market opens, or the next weekday after it.
    pub start: Day,
    /// Real seconds a session lasts, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, 1, DAY_SECONDS>")]
    pub session_seconds: u32,
    /// Decides every price; 0: the game's secret seed does. For tests and shows only.
    pub seed: u64,
    /// What comes after the last session.
    pub at_end: AtEnd,
    /// What every price is a multiple of, 0.0001 to 100.00; `None`, written "": automatic.
    #[serde(deserialize_with = "read_tick", serialize_with = "write_tick")]
    pub tick: Option<Price>,
    /// The mean change per session, at most 5,000.
    #[serde(deserialize_with = "limited::<_, 0, 5_000>")]
    pub drift_ppm: u32,
    /// The shock all stocks share, at most 50,000.
    #[serde(deserialize_with = "limited::<_, 0, 50_000>")]
    pub market_shock_ppm: u32,
    /// The shock the stocks of a category share, at most 50,000.
    #[serde(deserialize_with = "limited::<_, 0, 50_000>")]
    pub sector_shock_ppm: u32,
    /// The shock of one stock, at most 50,000.
    #[serde(deserialize_with = "limited::<_, 0, 50_000>")]
    pub own_shock_ppm: u32,
    /// How likely a stock jumps in a session.
    #[serde(deserialize_with = "limited::<_, 0, MILLION>")]
    pub jump_chance_ppm: u32,
    /// The mean size of a jump, at most 300,000.
    #[serde(deserialize_with = "limited::<_, 0, 300_000>")]
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
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_any_day(self.start)?;
        check("session_seconds", self.session_seconds, 1, DAY_SECONDS)?;
        check_tick(self.tick)
    }
}

impl SimulatedConfig {
    /// Whether every setting is within its limits.
    pub fn validate(&self) -> Result<(), ConfigError> {
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
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_day(self.day, LAST_DAY)?;
        check_tick(self.tick)
    }
}

fn check(field: &'static str, got: u32, least: u32, most: u32) -> Result<(), ConfigError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    let (got, least, most) = (i64::from(got), i64::from(least), i64::from(most));
    Err(ConfigError::OutsideLimits { field, got, least, most })
}

/// Which days a market has is known when it is opened.
fn check_any_day(day: Day) -> Result<(), ConfigError> {
    let (first, last) = ANY_DAY;
    if (first..=last).contains(&day) {
        return Ok(());
    }
    Err(ConfigError::DayOutsideSeries { day, first, last })
}

pub(crate) fn check_day(day: Day, last: Day) -> Result<(), ConfigError> {
    if (FIRST_DAY..=last).contains(&day) {
        return Ok(());
    }
    Err(ConfigError::DayOutsideSeries { day, first: FIRST_DAY, last })
}

fn check_tick(tick: Option<Price>) -> Result<(), ConfigError> {
    let (least, most) = (1, i64::from(MILLION));
    match tick.map(|tick| tick.0).filter(|tick| !(least..=most).contains(tick)) {
        None => Ok(()),
        Some(got) => {
            Err(ConfigError::OutsideLimits { field: "tick, in 1/10,000,", got, least, most })
        }
    }
}

pub(crate) fn limited<'de, D, const LEAST: u32, const MOST: u32>(reader: D) -> Result<u32, D::Error>
where
    D: Deserializer<'de>,
{
    let got = u32::deserialize(reader)?;
    if (LEAST..=MOST).contains(&got) {
        return Ok(got);
    }
    Err(D::Error::custom(format!("expected a number from {LEAST} to {MOST}, got {got}")))
}

fn start_day<'de, D: Deserializer<'de>>(reader: D) -> Result<Day, D::Error> {
    let day = Day::deserialize(reader)?;
    check_any_day(day).map_err(D::Error::custom).map(|()| day)
}

fn fixed_day<'de, D: Deserializer<'de>>(reader: D) -> Result<Day, D::Error> {
    let day = Day::deserialize(reader)?;
    check_day(day, LAST_DAY).map_err(D::Error::custom).map(|()| day)
}

fn read_tick<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Price>, D::Error> {
    let text = String::deserialize(reader)?;
    if text.is_empty() {
        return Ok(None);
    }
    let tick = Some(Price::parse(&text).map_err(D::Error::custom)?);
    check_tick(tick).map_err(D::Error::custom).map(|()| tick)
}

#[expect(clippy::ref_option, reason = "serde hands the field in like this")]
fn write_tick<S: Serializer>(tick: &Option<Price>, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(&tick.map(|tick| tick.to_string()).unwrap_or_default())
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
        assert!(matches!(replay.validate(), Err(ConfigError::DayOutsideSeries { .. })));
        let simulated = SimulatedConfig { symbols: 0, ..SimulatedConfig::default() };
        assert!(matches!(simulated.validate(), Err(ConfigError::OutsideLimits { .. })));
    }
}
