//! The market that a game was created with: the settings that decide its prices, as the database
//! stores them. Later changes of the configuration do not reach them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::config::{
    FixedConfig, LiveConfig, MarketConfig, ReplayConfig, SimulatedConfig, SourceKind,
};

/// The settings of a game's market. Its text is JSON, and equal for equal settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum GameMarket {
    Replay(ReplayConfig),
    Simulated(SimulatedConfig),
    Fixed(FixedConfig),
    Live(LiveTerms),
}

/// What a game keeps of a live market. Its stocks are in the database, its hours in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTerms {
    exchange: String,
}

/// A setting that differs between a game and the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketDifference {
    /// The key, like `market.replay.start`.
    pub key: String,
    /// The value that the game was created with.
    pub game: String,
    /// The value in the configuration, which has no effect.
    pub configured: String,
}

/// Stored settings that this program does not understand.
#[derive(Debug, Error)]
#[error("the stored market of the game is malformed")]
pub struct GameMarketError(#[from] serde_json::Error);

impl GameMarket {
    /// The market of a game that is created with this configuration.
    pub fn of(config: &MarketConfig) -> Self {
        match config.source {
            SourceKind::Replay => Self::Replay(config.replay.clone()),
            SourceKind::Simulated => Self::Simulated(config.simulated.clone()),
            SourceKind::Fixed => Self::Fixed(config.fixed.clone()),
            SourceKind::Live => Self::Live(LiveTerms { exchange: config.live.exchange.clone() }),
        }
    }

    /// # Errors
    /// The text of another program, or a damaged one.
    pub fn parse(text: &str) -> Result<Self, GameMarketError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The text that [`GameMarket::parse`] reads.
    pub fn to_text(&self) -> String {
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// The configuration with the settings of the game in place of its own, except for the length
    /// of a session, which the game's clock decides.
    #[must_use]
    pub fn replace(self, config: MarketConfig) -> MarketConfig {
        match self {
            Self::Replay(replay) => {
                let session_seconds = config.replay.session_seconds;
                let replay = ReplayConfig { session_seconds, ..replay };
                MarketConfig { source: SourceKind::Replay, replay, ..config }
            }
            Self::Simulated(simulated) => {
                let session_seconds = config.simulated.session_seconds;
                let simulated = SimulatedConfig { session_seconds, ..simulated };
                MarketConfig { source: SourceKind::Simulated, simulated, ..config }
            }
            Self::Fixed(fixed) => MarketConfig { source: SourceKind::Fixed, fixed, ..config },
            Self::Live(LiveTerms { exchange }) => {
                let live = LiveConfig { exchange, ..config.live };
                MarketConfig { source: SourceKind::Live, live, ..config }
            }
        }
    }

    /// The settings of `configured` that differ from the game's, by key. A setting that the game
    /// resolved when it was created, an automatic tick, does not differ. The length of a session is
    /// left to the game's clock.
    pub fn differences(&self, configured: &MarketConfig) -> Vec<MarketDifference> {
        let (game, configured) = (fields(self), fields(&Self::of(configured)));
        let kind = |fields: &serde_json::Map<String, Value>| word(fields.get("source"));
        if kind(&game) != kind(&configured) {
            let (game, configured) = (kind(&game), kind(&configured));
            return vec![MarketDifference { key: "market.source".to_owned(), game, configured }];
        }
        let section = kind(&game);
        let differs = |(key, value): &(&String, &Value)| {
            let other = configured.get(*key);
            let is_automatic = *key == "tick" && other == Some(&Value::String(String::new()));
            *key != "session_seconds" && other != Some(*value) && !is_automatic
        };
        let difference = |(key, value): (&String, &Value)| MarketDifference {
            key: format!("market.{section}.{key}"),
            game: word(Some(value)),
            configured: word(configured.get(key)),
        };
        game.iter().filter(differs).map(difference).collect()
    }
}

fn fields(market: &GameMarket) -> serde_json::Map<String, Value> {
    match serde_json::to_value(market) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    }
}

/// A value as in the configuration.
fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Day, Price};

    fn configs() -> [MarketConfig; 4] {
        [SourceKind::Replay, SourceKind::Simulated, SourceKind::Fixed, SourceKind::Live]
            .map(|source| MarketConfig { source, ..MarketConfig::default() })
    }

    #[test]
    fn a_market_survives_its_text() {
        for config in configs() {
            let market = GameMarket::of(&config);
            let read = GameMarket::parse(&market.to_text()).unwrap();
            assert_eq!(read, market);
            assert_eq!(read.differences(&config), Vec::new());
            assert_eq!(read.replace(config.clone()), config);
        }
        let replay = ReplayConfig { tick: Some(Price(500)), ..ReplayConfig::default() };
        let market = GameMarket::Replay(replay);
        assert_eq!(GameMarket::parse(&market.to_text()).unwrap(), market);
        assert_eq!(
            GameMarket::of(&configs()[2]).to_text(),
            r#"{"day":"2005-01-03","source":"fixed","tick":""}"#
        );
    }

    #[test]
    fn the_settings_of_the_game_replace_those_of_another_configuration() {
        let [replay, simulated, ..] = configs();
        let market = GameMarket::of(&replay);
        let mut other = simulated;
        other.replay.start = Day(14_000);
        other.live.refresh_interval_s = 77;
        let replaced = market.replace(other.clone());
        assert_eq!((replaced.source, &replaced.replay), (replay.source, &replay.replay));
        other.replay.session_seconds = 77;
        let paced = GameMarket::of(&replay).replace(other.clone());
        assert_eq!(paced.replay.session_seconds, 77, "that of the clock's first segment");
        assert_eq!(replaced.live, other.live, "the other sections stay");
    }

    #[test]
    fn every_difference_is_named() {
        let [replay, simulated, ..] = configs();
        let market = GameMarket::of(&replay);
        let difference = |key: &str, game: &str, configured: &str| MarketDifference {
            key: key.to_owned(),
            game: game.to_owned(),
            configured: configured.to_owned(),
        };
        let mut changed = replay.clone();
        (changed.replay.start, changed.replay.session_seconds) = (Day(14_000), 30);
        assert_eq!(
            market.differences(&changed),
            [difference("market.replay.start", "2005-01-03", "2008-05-01")]
        );
        assert_eq!(
            market.differences(&simulated),
            [difference("market.source", "replay", "simulated")]
        );
        // The step that a game of an imported market resolved is no difference to "automatic".
        let resolved = ReplayConfig { tick: Some(Price(100)), ..replay.replay.clone() };
        assert_eq!(GameMarket::Replay(resolved.clone()).differences(&replay), Vec::new());
        let mut tick = replay;
        tick.replay.tick = Some(Price(50));
        let differences = GameMarket::Replay(resolved).differences(&tick);
        assert_eq!(differences, [difference("market.replay.tick", "0.01", "0.005")]);
    }

    #[test]
    fn a_damaged_text_is_an_error() {
        for text in ["", "{}", r#"{"source":"moon"}"#, r#"{"source":"fixed","day":"never"}"#] {
            assert!(GameMarket::parse(text).is_err(), "{text:?}");
        }
    }
}
