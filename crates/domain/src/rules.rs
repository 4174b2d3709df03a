//! The rules of one game as read from `config/game.toml`: starting cash, XP, levels, fee,
//! achievements. Code contains no business number; invalid numbers are rejected while parsing.

mod amount_keys;
mod limits;
mod participation;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, Serializer};

pub use self::amount_keys::AmountKeys;
pub use self::limits::{HOLDING_SESSIONS_MAX, LimitStanding, PortfolioShare};
pub use self::participation::{LateJoin, RankingRules};
use crate::limited::limited;
use crate::{
    Achievements, Amount, Currency, Levels, MinorUnit, Money, Price, Quantity, Side, Symbol,
    TradeXp, UnixMicros, XpRules, XpStanding,
};

/// The rules of a game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Rules {
    /// The version of the file format, 1 or 2. The limits need 2.
    #[serde(default = "first_format", deserialize_with = "limited::<_, _, 1, 2>")]
    pub format: i64,
    /// The name of the currency. A game has one currency and converts nothing.
    #[serde(default)]
    pub currency: Currency,
    /// What amounts are counted in. A file leaves it out: it is the currency's, see [`AmountKeys`].
    #[serde(default = "MinorUnit::of_file", skip_serializing_if = "MinorUnit::is_hundredth")]
    pub minor_unit: MinorUnit,
    /// Cash of a new player.
    #[serde(deserialize_with = "starting_cash")]
    pub starting_cash: Money,
    /// Whether fractions of a share can be traded.
    pub fractional_shares: bool,
    /// The most whole shares of an order.
    #[serde(serialize_with = "whole_shares", deserialize_with = "quantity_max")]
    pub quantity_max: Quantity,
    /// The oldest quote that orders fill at, in seconds.
    #[serde(deserialize_with = "limited::<_, _, 1, 1_000_000_000>")]
    pub quote_age_max_s: i64,
    /// The price that an order fills at.
    #[serde(default)]
    pub fill: FillMode,
    /// With [`FillMode::Now`] in a live market: the oldest a quote may be for an order to fill at
    /// once, in seconds. `None`: the default, see [`Rules::now_age_max_s`].
    #[serde(default, deserialize_with = "age", skip_serializing_if = "Option::is_none")]
    pub now_age_max_s: Option<i64>,
    /// The most pending orders of a player.
    #[serde(
        default = "default_pending_orders_max",
        deserialize_with = "limited::<_, _, 1, 1_000>"
    )]
    pub pending_orders_max: i64,
    /// The distance of ask and bid in addition to a tick, in hundredths of a percent of the price.
    #[serde(default = "default_spread_bps", deserialize_with = "limited::<_, _, 0, 1_000>")]
    pub spread_bps: i64,
    /// The stocks that may be bought, in addition to those of `categories`. Both empty: all.
    #[serde(default)]
    pub stocks: Vec<Symbol>,
    /// The categories whose stocks may be bought.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The ids of the stocks that may be bought, as [`Rules::permit_stocks_of`] finds them.
    #[serde(skip)]
    pub permitted_stocks: BTreeSet<i64>,
    /// The largest share of the portfolio that a holding may become by a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_max: Option<PortfolioShare>,
    /// The most trades of a player in a session of the market.
    #[serde(
        default,
        deserialize_with = "trades_per_session_max",
        skip_serializing_if = "Option::is_none"
    )]
    pub trades_per_session_max: Option<i64>,
    /// The lowest price at which a stock may be bought.
    #[serde(default, deserialize_with = "price_min", skip_serializing_if = "Option::is_none")]
    pub price_min: Option<Price>,
    /// The least amount of an order. A whole holding may be sold whatever its amount.
    #[serde(
        default,
        deserialize_with = "order_value_min",
        skip_serializing_if = "Option::is_none"
    )]
    pub order_value_min: Option<Amount>,
    /// How many sessions have to end after the last purchase of a stock before its shares may be
    /// sold, that of the purchase included.
    #[serde(default, deserialize_with = "limited::<_, _, 0, HOLDING_SESSIONS_MAX>")]
    pub holding_sessions_min: i64,
    /// When players may join, and with which cash.
    #[serde(default)]
    pub late_join: LateJoin,
    /// Who is on the leaderboard by return.
    #[serde(default)]
    pub ranking: RankingRules,
    /// XP for trades.
    pub xp: XpRules,
    /// Level thresholds.
    pub levels: Levels,
    /// The fee of a trade.
    pub fee: Fee,
    /// The achievements.
    #[serde(default)]
    pub achievements: Achievements,
}

/// The price that an order fills at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
        rules.check_fields().map_err(serde::de::Error::custom)?;
        Ok(rules)
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.minor_unit.in_file(|| Self::serialize(self, to))
    }
}

impl Rules {
    /// Checks fields against each other. An error begins with the key that is wrong.
    fn check_fields(&self) -> Result<(), String> {
        let unit = MinorUnit::of_file();
        if self.minor_unit != unit {
            return Err(format!("minor_unit: the amounts were parsed with {}", unit.digits()));
        }
        if let Some(age) = self.now_age_max_s.filter(|age| *age > self.quote_age_max_s) {
            let most = self.quote_age_max_s;
            return Err(format!(
                "now_age_max_s: expected at most quote_age_max_s ({most}), got {age}"
            ));
        }
        self.xp.check_day()?;
        self.check_late_join()?;
        match self.newer_fields().find(|(_, is_set)| *is_set) {
            Some((key, _)) if self.format < 2 => Err(format!(
                "{key}: expected format = 2 in a file with this key, got {}",
                self.format
            )),
            _ => Ok(()),
        }
    }

    /// Whether an order can be rejected by a limit of format 2.
    pub fn has_limits(&self) -> bool {
        self.limits().iter().any(|(_, is_set)| *is_set)
    }

    /// The fields of format 2, and whether they differ from their default.
    fn newer_fields(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let others = [
            ("late_join", self.late_join != LateJoin::default()),
            ("ranking", !self.ranking.ranks_all()),
            ("day_zone", self.xp.day_zone.is_some()),
        ];
        self.limits().into_iter().chain(others)
    }

    fn limits(&self) -> [(&'static str, bool); 7] {
        [
            ("stocks", !self.stocks.is_empty()),
            ("categories", !self.categories.is_empty()),
            ("position_max", self.position_max.is_some()),
            ("trades_per_session_max", self.trades_per_session_max.is_some()),
            ("price_min", self.price_min.is_some()),
            ("order_value_min", self.order_value_min.is_some()),
            ("holding_sessions_min", self.holding_sessions_min > 0),
        ]
    }

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

    /// Whether a player with this standing may earn this XP.
    fn allows_xp(&self, xp: i64, standing: &XpStanding) -> bool {
        let total = standing.total_xp.checked_add(xp);
        total.is_some_and(|total| total <= self.xp_max(standing.is_invested))
    }

    /// The most XP that a player may have after a trade or an achievement.
    pub(crate) fn xp_max(&self, is_invested: bool) -> i64 {
        if is_invested { i64::MAX } else { self.xp.uninvested_max }
    }

    /// Achievements whose fixed threshold the starting cash reaches: every player's first trade
    /// unlocks them.
    pub fn achievements_reached_at_start(&self) -> Vec<&str> {
        let reached = self.achievements.iter().filter(|a| a.kind.is_reached_by(self.starting_cash));
        reached.map(|achievement| achievement.code.as_str()).collect()
    }
}

/// The fee of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// A fixed amount a trade.
    pub flat: Money,
    /// A share of the traded amount, in hundredths of a percent (0 to 10,000).
    #[serde(deserialize_with = "limited::<_, _, 0, 10_000>")]
    pub rate_bps: i64,
}

impl Fee {
    /// The fee on a trade of `amount`, rounded up to a minor unit. `None` beyond 64 bits.
    pub fn on(self, amount: Money) -> Option<Money> {
        let share = i128::from(amount.0.max(0)) * i128::from(self.rate_bps);
        let rounded = share / 10_000 + i128::from(share % 10_000 > 0);
        i64::try_from(rounded).ok()?.checked_add(self.flat.0).map(Money)
    }
}

/// The most starting cash, in minor units.
const STARTING_CASH_MAX: i64 = 100_000_000_000;
/// The default of `now_age_max_s`, unless `quote_age_max_s` is lower.
const NOW_AGE_MAX_S: i64 = 60;

fn first_format() -> i64 {
    1
}

fn default_pending_orders_max() -> i64 {
    20
}

fn age<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    limited::<_, _, 1, 1_000_000_000>(from).map(Some)
}

fn trades_per_session_max<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<i64>, D::Error> {
    limited::<_, _, 1, 1_000_000>(from).map(Some)
}

fn price_min<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Price>, D::Error> {
    let price = Price::deserialize(from)?;
    if (1..=Price::MAX.0).contains(&price.0) {
        return Ok(Some(price));
    }
    Err(serde::de::Error::custom("expected a price from \"0.0001\" to \"1000000.00\""))
}

fn order_value_min<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Amount>, D::Error> {
    let least = Amount::deserialize(from)?;
    if least.is_positive() {
        return Ok(Some(least));
    }
    Err(serde::de::Error::custom("expected an amount above zero"))
}

/// The spread of rules that do not set it.
fn default_spread_bps() -> i64 {
    5
}

fn quantity_max<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Quantity, D::Error> {
    let whole = limited::<_, _, 1, 100_000_000>(from)?;
    Quantity::whole(whole).ok_or_else(|| serde::de::Error::custom("expected fewer shares"))
}

fn whole_shares<S: Serializer>(quantity: &Quantity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(quantity.0 / Quantity::SHARE)
}

fn starting_cash<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
    let cash = Money::deserialize(from)?;
    if (1..=STARTING_CASH_MAX).contains(&cash.0) {
        return Ok(cash);
    }
    let [least, most] =
        [1, STARTING_CASH_MAX].map(|cash| Money(cash).to_text(MinorUnit::of_file()));
    let text = format!("expected starting cash from \"{least}\" to \"{most}\"");
    Err(serde::de::Error::custom(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_up() {
        let fee = Fee { flat: Money(100), rate_bps: 25 };
        assert_eq!(fee.on(Money(10_000)), Some(Money(125)));
        assert_eq!(fee.on(Money(10_001)), Some(Money(126)));
        assert_eq!(Fee { flat: Money(0), rate_bps: 0 }.on(Money(5)), Some(Money(0)));
    }

    fn built_in() -> Rules {
        toml::from_str(include_str!("../../../config/game.toml")).expect("good")
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
        let none = Rules { xp: XpRules { buy: 0, ..rules.xp.clone() }, ..rules.clone() };
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
