//! The rules of one game as read from `config/game.toml`: starting cash, XP, levels, fee,
//! achievements. Code contains no business number; invalid numbers are rejected while parsing.

use serde::Deserialize;

use crate::{Achievements, Amount, Levels, Money, Quantity, Side, UnixMicros};

/// Everything that decides how a game is played.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
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
    /// With [`FillMode::Now`] in a live market: the oldest a quote may be for an order to fill at
    /// once, in seconds. `None`: the default, see [`Rules::now_age_max_s`].
    #[serde(default, deserialize_with = "age")]
    pub now_age_max_s: Option<i64>,
    /// The most pending orders a player may have.
    #[serde(default = "default_pending_orders_max", deserialize_with = "pending_orders")]
    pub pending_orders_max: i64,
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
    /// The close of the session in which the order was accepted.
    Close,
}

/// The cross-field checks of a file of rules; everything else is checked field by field.
impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rules = Self::deserialize(from)?;
        match rules.now_age_max_s {
            Some(age) if age > rules.quote_age_max_s => Err(serde::de::Error::custom(format!(
                "expected now_age_max_s to be at most quote_age_max_s ({}), got {age}",
                rules.quote_age_max_s
            ))),
            _ => Ok(rules),
        }
    }
}

/// XP for trades, and what counts for it. The amounts keep XP from being earned by trades, notes
/// and holdings that are worth nothing.
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
    /// The least amount of a trade that earns XP and counts for achievements.
    #[serde(default = "default_value_min")]
    pub value_min: Amount,
    /// The least value of a holding that counts for achievements.
    #[serde(default = "default_holding_value_min")]
    pub holding_value_min: Amount,
    /// The most XP of a player without a holding that counts.
    #[serde(default = "default_uninvested_max", deserialize_with = "not_negative")]
    pub uninvested_max: i64,
    /// The fewest visible characters of a note that counts.
    #[serde(default = "default_note_characters_min", deserialize_with = "note_characters")]
    pub note_characters_min: i64,
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
        i64::from(now.plus_seconds(self.day_utc_offset_min * 60).day().0)
    }
}

impl Rules {
    /// The oldest a live quote may be for an order to fill at once, in seconds.
    pub fn now_age_max_s(&self) -> i64 {
        self.now_age_max_s.unwrap_or(NOW_AGE_MAX_S).min(self.quote_age_max_s)
    }

    /// Whether a trade of this amount earns XP and counts for achievements.
    pub fn is_trade_counted(&self, amount: Money) -> bool {
        amount.0.saturating_abs() >= self.xp.value_min.of(self.starting_cash).0
    }

    /// The value from which a holding counts for achievements.
    pub fn holding_value_min(&self) -> Money {
        self.xp.holding_value_min.of(self.starting_cash)
    }

    /// The XP of a trade of this amount, for a player with this standing.
    pub fn trade_xp(
        &self,
        side: Side,
        amount: Money,
        standing: &XpStanding,
        now: UnixMicros,
    ) -> TradeXp {
        let xp = match side {
            Side::Buy => self.xp.buy,
            Side::Sell => self.xp.sell,
        };
        let is_new_day = self.xp.day(now) > standing.xp_day;
        let earlier_trades = if is_new_day { 0 } else { standing.xp_day_trades };
        if xp == 0 {
            TradeXp::NotInRules
        } else if !self.is_trade_counted(amount) {
            TradeXp::AmountTooSmall
        } else if earlier_trades >= self.xp.trades_per_day_max {
            TradeXp::DayLimitReached
        } else if !self.allows_xp(xp, standing) {
            TradeXp::NotInvested
        } else {
            TradeXp::Earned(xp)
        }
    }

    /// Whether a player with this standing may earn so much XP.
    fn allows_xp(&self, xp: i64, standing: &XpStanding) -> bool {
        let total = standing.total_xp.checked_add(xp);
        total.is_some_and(|total| total <= self.xp_max(standing.is_invested))
    }

    /// The most XP that a player may have after a trade or an achievement.
    pub(crate) fn xp_max(&self, is_invested: bool) -> i64 {
        if is_invested { i64::MAX } else { self.xp.uninvested_max }
    }

    /// Achievements whose fixed threshold the starting cash reaches already, so that the first
    /// trade of every player unlocks them.
    pub fn achievements_reached_at_start(&self) -> Vec<&str> {
        let reached = self.achievements.iter().filter(|a| a.kind.is_reached_by(self.starting_cash));
        reached.map(|achievement| achievement.code.as_str()).collect()
    }
}

/// What decides, besides the trade itself, whether a player's next trade earns XP.
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
    /// So much.
    Earned(i64),
    /// The rules give none for this side.
    NotInRules,
    /// The amount is below `value_min`.
    AmountTooSmall,
    /// As many trades of the day as may earn XP have done so.
    DayLimitReached,
    /// The player has no holding that counts, and as much XP as is possible without one.
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
whole_number_between!(pending_orders, 1, 1_000);
whole_number_between!(shares, 1, 100_000_000);
whole_number_between!(note_characters, 1, 280);

/// What rules without `now_age_max_s` have, unless their quotes may not even be as old as that.
const NOW_AGE_MAX_S: i64 = 60;

fn default_pending_orders_max() -> i64 {
    20
}

fn age<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    positive(from).map(Some)
}

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

    fn xp_rules() -> XpRules {
        XpRules {
            buy: 10,
            sell: 15,
            trades_per_day_max: 3,
            day_utc_offset_min: 120,
            value_min: default_value_min(),
            holding_value_min: default_holding_value_min(),
            uninvested_max: default_uninvested_max(),
            note_characters_min: default_note_characters_min(),
        }
    }

    fn built_in() -> Rules {
        toml::from_str(include_str!("../../../config/game.toml")).expect("good")
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
        let old: XpRules =
            toml::from_str("buy = 10\nsell = 15\ntrades_per_day_max = 3").expect("good");
        assert_eq!(old, built_in().xp);
        assert_eq!(old, XpRules { day_utc_offset_min: 0, ..xp_rules() });
    }

    #[test]
    fn a_trade_earns_xp_or_the_reason_is_named() {
        let rules = built_in();
        let now = UnixMicros(86_400_000_000 * 9);
        let xp =
            |cents, standing: XpStanding| rules.trade_xp(Side::Buy, Money(cents), &standing, now);
        let new = XpStanding::default();
        assert_eq!(xp(999, new), TradeXp::AmountTooSmall);
        assert_eq!(xp(1_000, new), TradeXp::Earned(10));
        let busy = XpStanding { xp_day: 9, xp_day_trades: 3, ..new };
        assert_eq!(xp(1_000, busy), TradeXp::DayLimitReached);
        assert_eq!(xp(1_000, XpStanding { xp_day: 8, ..busy }), TradeXp::Earned(10));
        let rich = XpStanding { total_xp: 91, ..new };
        assert_eq!(xp(1_000, rich), TradeXp::NotInvested);
        assert_eq!(xp(1_000, XpStanding { total_xp: 90, ..new }), TradeXp::Earned(10));
        assert_eq!(xp(1_000, XpStanding { is_invested: true, ..rich }), TradeXp::Earned(10));
        let none = Rules { xp: XpRules { buy: 0, ..rules.xp }, ..rules.clone() };
        assert_eq!(none.trade_xp(Side::Buy, Money(1_000), &new, now), TradeXp::NotInRules);
    }

    #[test]
    fn an_order_fills_at_once_at_no_older_quote_than_may_be_traded_at() {
        let text = include_str!("../../../config/game.toml");
        let with = |age: &str| {
            let text = text.replacen("now_age_max_s = 60", age, 1);
            toml::from_str::<Rules>(&text).map(|rules| rules.now_age_max_s())
        };
        assert_eq!(with("now_age_max_s = 60"), Ok(60));
        assert_eq!(with("now_age_max_s = 900"), Ok(900));
        let refused = with("now_age_max_s = 901").expect_err("refused").to_string();
        assert!(refused.contains("at most quote_age_max_s (900), got 901"), "{refused}");
        assert!(with("now_age_max_s = 0").is_err());
        assert_eq!(with(""), Ok(60));
        let short = text.replacen("now_age_max_s = 60", "", 1);
        let short = short.replacen("quote_age_max_s = 900", "quote_age_max_s = 30", 1);
        let short: Rules = toml::from_str(&short).expect("a file from before the key");
        assert_eq!(short.now_age_max_s(), 30);
    }

    #[test]
    fn fixed_thresholds_below_the_starting_cash_are_found() {
        let rules = built_in();
        assert_eq!(rules.achievements_reached_at_start(), Vec::<&str>::new());
        let text = include_str!("../../../config/game.toml");
        let text = text.replacen("threshold = \"10%\"", "threshold = \"9000.00\"", 1);
        let fixed: Rules = toml::from_str(&text).expect("good");
        assert_eq!(fixed.achievements_reached_at_start(), ["value_11000"]);
    }

    #[test]
    fn relative_thresholds_follow_the_starting_cash() {
        for (cash, expected) in [
            (1_000_000, [1_100_000, 1_500_000, 2_000_000, 10_000, 100_000]),
            (10_000_000, [11_000_000, 15_000_000, 20_000_000, 100_000, 1_000_000]),
        ] {
            let rules = Rules { starting_cash: Money(cash), ..built_in() };
            let wanted: Vec<i64> = (11..=15)
                .map(|id| rules.achievements.find(id).expect("there"))
                .map(|a| a.kind.threshold(rules.starting_cash))
                .collect();
            assert_eq!(wanted, expected);
        }
    }
}
