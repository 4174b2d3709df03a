//! The rules for XP of trades, and what decides whether a trade earns it.

use serde::{Deserialize, Deserializer, Serialize};

use crate::limited::limited;
use crate::{Amount, DayZone, UnixMicros};

/// XP for trades, and which trades, holdings and notes count: those without value earn no XP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XpRules {
    /// XP for a purchase.
    #[serde(deserialize_with = "limited::<_, _, 0, 100_000>")]
    pub buy: i64,
    /// XP for a sale.
    #[serde(deserialize_with = "limited::<_, _, 0, 100_000>")]
    pub sell: i64,
    /// How many trades of a player's day earn XP.
    #[serde(deserialize_with = "limited::<_, _, 0, 1_000_000_000>")]
    pub trades_per_day_max: i64,
    /// When the player's day begins, in minutes east of UTC (-720 to 840). `None`: at midnight in
    /// `day_zone`, or UTC without one.
    #[serde(
        default,
        deserialize_with = "day_utc_offset_min",
        skip_serializing_if = "Option::is_none"
    )]
    pub day_utc_offset_min: Option<i64>,
    /// The time zone in which the player's day is a date; excludes `day_utc_offset_min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_zone: Option<DayZone>,
    /// The least amount of a trade that earns XP and counts for achievements.
    #[serde(default = "default_value_min")]
    pub value_min: Amount,
    /// The least value of a holding that counts for achievements.
    #[serde(default = "default_holding_value_min")]
    pub holding_value_min: Amount,
    /// The most XP of a player without a holding that counts.
    #[serde(
        default = "default_uninvested_max",
        deserialize_with = "limited::<_, _, 0, 1_000_000_000>"
    )]
    pub uninvested_max: i64,
    /// The fewest visible characters of a note that counts.
    #[serde(default = "default_note_characters_min", deserialize_with = "limited::<_, _, 1, 280>")]
    pub note_characters_min: i64,
}

fn day_utc_offset_min<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    limited::<_, _, -720, 840>(from).map(Some)
}

// What files from before these keys get; the same as in the built-in file.
fn default_value_min() -> Amount {
    Amount::Share(1_000)
}

fn default_holding_value_min() -> Amount {
    Amount::Share(10_000)
}

fn default_uninvested_max() -> i64 {
    100
}

fn default_note_characters_min() -> i64 {
    10
}

impl XpRules {
    /// The number of the player's day at `now`.
    pub fn day(&self, now: UnixMicros) -> i64 {
        let offset_min = self.day_utc_offset_min.unwrap_or(0);
        let fixed = || now.plus_seconds(offset_min * 60).day();
        let day = self.day_zone.as_ref().map_or_else(fixed, |zone| zone.day(now));
        i64::from(day.0)
    }

    /// Checks that one key at most decides when a day begins.
    pub(crate) fn check_day(&self) -> Result<(), String> {
        match (&self.day_zone, self.day_utc_offset_min) {
            (Some(_), Some(_)) => {
                Err("day_zone: expected either day_zone or day_utc_offset_min, got both".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The state of a player that decides whether the next trade earns XP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XpStanding {
    /// All XP ever earned.
    pub total_xp: i64,
    /// The player's day on which a trade last earned XP.
    pub xp_day: i64,
    /// How many trades earned XP on that day.
    pub xp_day_trades: i64,
    /// Whether the player has a holding that counts.
    pub is_invested: bool,
}

/// The XP of a trade, or why it earns none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeXp {
    /// This XP.
    Earned(i64),
    /// The rules give no XP for this side.
    NotInRules,
    /// The amount is below `value_min`.
    AmountTooSmall,
    /// The trades of the day that may earn XP have done so.
    DayLimitReached,
    /// The player has no holding that counts, and the most XP without one.
    NotInvested,
}

impl TradeXp {
    /// The XP earned.
    pub fn earned(self) -> i64 {
        match self {
            Self::Earned(xp) => xp,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xp_rules() -> XpRules {
        XpRules {
            buy: 10,
            sell: 15,
            trades_per_day_max: 3,
            day_utc_offset_min: Some(120),
            day_zone: None,
            value_min: default_value_min(),
            holding_value_min: default_holding_value_min(),
            uninvested_max: default_uninvested_max(),
            note_characters_min: default_note_characters_min(),
        }
    }

    #[test]
    fn a_day_begins_where_the_rules_say() {
        let rules = xp_rules();
        let late = UnixMicros(22 * 3600 * 1_000_000);
        assert_eq!(rules.day(late), 1);
        assert_eq!(rules.day(UnixMicros(late.0 - 1)), 0);
    }

    #[test]
    fn a_file_without_the_newer_keys_gets_the_values_of_the_built_in_one() {
        let text = include_str!("../../../config/game.toml");
        let built_in: crate::Rules = toml::from_str(text).expect("good");
        let old: XpRules =
            toml::from_str("buy = 10\nsell = 15\ntrades_per_day_max = 3").expect("good");
        assert_eq!(old, XpRules { day_utc_offset_min: None, ..xp_rules() });
        let begins = |rules: &XpRules| rules.day(UnixMicros(86_400_000_000));
        assert_eq!((begins(&old), begins(&built_in.xp)), (1, 1));
        assert_eq!(XpRules { day_utc_offset_min: Some(0), ..old }, built_in.xp);
    }
}
