//! The rules of one game as read from `config/game.toml`: starting cash, XP, levels, fee,
//! achievements. No business number stands in code; bad numbers are refused while reading.

use serde::Deserialize;

use crate::{Achievements, Levels, Money, Quantity, UnixMicros};

/// Everything that decides how a game is played.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What money is called. It is a name only: a game has one currency and converts nothing.
    #[serde(default)]
    pub currency: Currency,
    /// Cash of a new player.
    #[serde(deserialize_with = "starting_cash")]
    pub starting_cash: Money,
    /// Whether parts of a share can be traded.
    pub fractional_shares: bool,
    /// The most whole shares one order may have.
    #[serde(deserialize_with = "quantity_max")]
    pub quantity_max: Quantity,
    /// The oldest a quote may be to be traded at, in seconds.
    #[serde(deserialize_with = "positive")]
    pub quote_age_max_s: i64,
    /// Which price an order fills at.
    #[serde(default)]
    pub fill: FillMode,
    /// How far ask and bid lie apart besides a tick, in hundredths of a percent of the price.
    #[serde(default = "default_spread_bps", deserialize_with = "spread_bps")]
    pub spread_bps: i64,
    /// XP for trades.
    pub xp: XpRules,
    /// Level thresholds.
    pub levels: Levels,
    /// What a trade costs.
    pub fee: Fee,
    /// What there is to unlock.
    #[serde(default)]
    pub achievements: Achievements,
}

/// The currency of a game, by its ISO 4217 code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// Zimbabwe Gold, which people call ZiG.
    pub const ZWG: Self = Self(*b"ZWG");

    /// The currency of a code; `None` for what is no three capital letters.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// Its code (ISO 4217).
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::USD
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        let expected = || format!("expected a currency like \"USD\" (ISO 4217), got {code:?}");
        Self::parse(&code).ok_or_else(expected)
    }
}

/// Which price an order fills at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillMode {
    /// The newest one.
    #[default]
    Now,
    /// The first one that is published after the order was accepted.
    NextTick,
}

/// XP for trades, and how many trades of a day earn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XpRules {
    /// XP for a purchase.
    #[serde(deserialize_with = "xp")]
    pub buy: i64,
    /// XP for a sale.
    #[serde(deserialize_with = "xp")]
    pub sell: i64,
    /// How many trades of a player's day earn XP; further ones earn none.
    #[serde(deserialize_with = "not_negative")]
    pub trades_per_day_max: i64,
    /// When the player's day begins, in minutes east of UTC (-720 to 840).
    #[serde(default, deserialize_with = "utc_offset")]
    pub day_utc_offset_min: i64,
}

impl XpRules {
    /// The number of the player's day at `now`.
    pub fn day(&self, now: UnixMicros) -> i64 {
        i64::from(now.plus_seconds(self.day_utc_offset_min * 60).day().0)
    }
}

/// The price of trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// A fixed amount a trade.
    pub flat: Money,
    /// A share of the traded amount, in hundredths of a percent (0 to 10,000).
    #[serde(deserialize_with = "rate_bps")]
    pub rate_bps: i64,
}

impl Fee {
    /// The fee on a trade of `amount`, rounded up to a cent. `None` beyond 64 bits.
    pub fn on(self, amount: Money) -> Option<Money> {
        let share = i128::from(amount.0.max(0)) * i128::from(self.rate_bps);
        let rounded = share / 10_000 + i128::from(share % 10_000 > 0);
        i64::try_from(rounded).ok()?.checked_add(self.flat.0).map(Money)
    }
}

macro_rules! whole_number_between {
    ($name:ident, $min:expr, $max:expr) => {
        fn $name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
            let n = i64::deserialize(from)?;
            if ($min..=$max).contains(&n) {
                return Ok(n);
            }
            let (min, max): (i64, i64) = ($min, $max);
            let text = format!("expected a whole number from {min} to {max}, got {n}");
            Err(serde::de::Error::custom(text))
        }
    };
}

whole_number_between!(xp, 0, 100_000);
whole_number_between!(not_negative, 0, 1_000_000_000);
whole_number_between!(positive, 1, 1_000_000_000);
whole_number_between!(utc_offset, -720, 840);
whole_number_between!(rate_bps, 0, 10_000);
whole_number_between!(spread_bps, 0, 1_000);
whole_number_between!(shares, 1, 100_000_000);

/// Rules that were written before there was a spread have this one.
fn default_spread_bps() -> i64 {
    5
}

fn quantity_max<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Quantity, D::Error> {
    let whole = shares(from)?;
    Quantity::whole(whole).ok_or_else(|| serde::de::Error::custom("expected fewer shares"))
}

fn starting_cash<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
    let cash = Money::deserialize(from)?;
    if (1..=100_000_000_000).contains(&cash.0) {
        return Ok(cash);
    }
    Err(serde::de::Error::custom("expected starting cash from \"0.01\" to \"1000000000.00\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_capital_letters() {
        for code in ["USD", "ZWG", "EUR", "INR"] {
            let currency = Currency::parse(code).expect("a code");
            assert_eq!(currency.code(), code);
        }
        for text in ["", "usd", "US", "USDX", "U$D", "ÄB"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
        assert_eq!(Currency::default(), Currency::USD);
    }

    #[test]
    fn fees_are_rounded_up() {
        let fee = Fee { flat: Money(100), rate_bps: 25 };
        assert_eq!(fee.on(Money(10_000)), Some(Money(125)));
        assert_eq!(fee.on(Money(10_001)), Some(Money(126)));
        assert_eq!(Fee { flat: Money(0), rate_bps: 0 }.on(Money(5)), Some(Money(0)));
    }

    #[test]
    fn a_day_begins_where_the_rules_say() {
        let rules = XpRules { buy: 10, sell: 15, trades_per_day_max: 3, day_utc_offset_min: 120 };
        let late = UnixMicros(22 * 3600 * 1_000_000);
        assert_eq!(rules.day(late), 1);
        assert_eq!(rules.day(UnixMicros(late.0 - 1)), 0);
    }
}
