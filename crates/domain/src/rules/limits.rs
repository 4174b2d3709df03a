//! The limits of rules of format 2: which stocks may be bought, how much of the portfolio one may
//! be, how often and how early a player may trade. `settle` applies them; pages show them before an
//! order is entered.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Day, Money, Player, Price, Quantity, Quote, Ratio, Rejection, Rules, Side, Symbol};

/// The most sessions of `holding_sessions_min`: as many days as a price board remembers.
pub const HOLDING_SESSIONS_MAX: i64 = 60;
/// The whole of a portfolio, in millionths.
const WHOLE: i64 = 1_000_000;

/// A share of the portfolio's value in millionths, above zero and at most all of it; `"25%"` in a
/// file of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortfolioShare(i64);

impl PortfolioShare {
    /// Parses `"25%"`; a percentage has at most four digits after the point.
    pub fn parse(text: &str) -> Option<Self> {
        // A ten-thousandth of a percent is a millionth, as of a price.
        let share = Price::parse(text.strip_suffix('%')?.trim_end()).ok()?.0;
        (1..=WHOLE).contains(&share).then_some(Self(share))
    }

    /// The share as a part of the whole.
    pub fn ratio(self) -> Ratio {
        Ratio::of(self.0, WHOLE)
    }

    /// Whether `part` is a larger share of `whole`. Nothing exceeds the whole, at whichever prices
    /// both are valued.
    fn is_exceeded_by(self, part: Money, whole: Money) -> bool {
        self.0 < WHOLE
            && i128::from(part.0) * i128::from(WHOLE) > i128::from(whole.0) * i128::from(self.0)
    }
}

impl fmt::Display for PortfolioShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Price(self.0).to_string();
        write!(f, "{}%", text.strip_suffix(".00").unwrap_or(&text))
    }
}

impl TryFrom<String> for PortfolioShare {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let expected = || format!("expected a share like \"25%\", at most \"100%\", got {text:?}");
        Self::parse(&text).ok_or_else(expected)
    }
}

impl From<PortfolioShare> for String {
    fn from(share: PortfolioShare) -> Self {
        share.to_string()
    }
}

/// What the limits depend on besides the order: the player's state, and the holding of the stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitStanding {
    /// Cash and the value of all holdings.
    pub portfolio_value: Money,
    /// The session of the market of the last trade.
    pub session_day: Day,
    /// The trades of that session.
    pub session_trades: i64,
    /// The shares held of the stock.
    pub held: Quantity,
    /// The session of the last purchase of the stock.
    pub bought_on: Day,
    /// The newest session whose purchases may be sold, if there is one.
    pub sellable_session: Option<Day>,
}

impl Rules {
    /// Finds the stocks that may be bought in a market with these stocks: id, symbol, category.
    /// Until then, rules that name stocks or categories permit none.
    ///
    /// # Errors
    /// A stock or category of the rules is not in the market.
    pub fn permit_stocks_of<'a>(
        &mut self,
        market: impl IntoIterator<Item = (i64, &'a Symbol, &'a str)>,
    ) -> Result<(), String> {
        let stocks: Vec<_> = market.into_iter().collect();
        let unknown = self.stocks.iter().find(|one| stocks.iter().all(|(_, s, _)| s != one));
        if let Some(symbol) = unknown {
            return Err(format!("stocks: expected stocks of the market, got {symbol}"));
        }
        let has = |name: &String| stocks.iter().any(|(.., category)| category == name);
        if let Some(unknown) = self.categories.iter().find(|name| !has(name)) {
            let known: BTreeSet<&str> = stocks.iter().map(|(.., category)| *category).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(format!("categories: expected categories of {known}, got {unknown}"));
        }
        let permitted = stocks.iter().filter(|(_, symbol, category)| {
            self.stocks.contains(symbol) || self.categories.iter().any(|name| name == category)
        });
        self.permitted_stocks = permitted.map(|(stock_id, ..)| *stock_id).collect();
        Ok(())
    }

    /// Whether the stock may be bought. Shares of every stock may be sold.
    pub fn permits_stock(&self, stock_id: i64) -> bool {
        let permits_all = self.stocks.is_empty() && self.categories.is_empty();
        permits_all || self.permitted_stocks.contains(&stock_id)
    }

    /// The least amount of an order, except for the sale of a whole holding.
    pub fn order_value_min(&self) -> Option<Money> {
        self.order_value_min.map(|least| least.of(self.starting_cash))
    }

    /// Checks the limits that reject every order of this stock and side, whatever its quantity. An
    /// order that passes can still be too small, or too large a purchase.
    ///
    /// # Errors
    /// The rejection of all these orders.
    pub fn check_limits(
        &self,
        side: Side,
        stock_id: i64,
        quote: &Quote,
        standing: &LimitStanding,
    ) -> Result<(), Rejection> {
        if side == Side::Buy && !self.permits_stock(stock_id) {
            return Err(Rejection::StockNotAllowed);
        }
        let is_reached = |most: i64| standing.trades_of(quote.market_day) >= most;
        if self.trades_per_session_max.is_some_and(is_reached) {
            return Err(Rejection::SessionTradesLimit);
        }
        match side {
            Side::Buy if self.price_min.is_some_and(|least| quote.price < least) => {
                Err(Rejection::PriceTooLow)
            }
            Side::Buy if self.is_position_full(quote, standing) => Err(Rejection::PositionLimit),
            Side::Sell if self.is_held_too_short(standing, quote.market_day) => {
                Err(Rejection::HoldingTooShort)
            }
            Side::Buy | Side::Sell => Ok(()),
        }
    }

    /// Whether the shares were bought too few finished sessions ago. A purchase after `today` is of
    /// an earlier pass of a market that starts over.
    fn is_held_too_short(&self, standing: &LimitStanding, today: Day) -> bool {
        let is_sellable = standing.bought_on > today
            || standing.sellable_session.is_some_and(|day| standing.bought_on <= day);
        self.holding_sessions_min > 0 && standing.held.0 > 0 && !is_sellable
    }

    /// Whether the holding is as large a share already as it may become. A purchase adds to it and
    /// nothing to the portfolio's value.
    fn is_position_full(&self, quote: &Quote, standing: &LimitStanding) -> bool {
        let value = quote.price.value_rounded_down(standing.held, self.minor_unit);
        let value = value.unwrap_or(Money(i64::MAX));
        let with_one_more = Money(value.0.saturating_add(1));
        self.check_position(with_one_more, Some(standing.portfolio_value)).is_err()
    }

    /// Checks a holding as a purchase would leave it, in a portfolio of this value; `None` is
    /// beyond 64 bits.
    pub(crate) fn check_position(
        &self,
        holding: Money,
        portfolio: Option<Money>,
    ) -> Result<(), Rejection> {
        let portfolio = portfolio.ok_or(Rejection::BeyondLimits)?;
        match self.position_max {
            Some(most) if most.is_exceeded_by(holding, portfolio) => Err(Rejection::PositionLimit),
            _ => Ok(()),
        }
    }
}

impl LimitStanding {
    /// The trades of the session of this day.
    pub fn trades_of(&self, day: Day) -> i64 {
        if day == self.session_day { self.session_trades } else { 0 }
    }
}

impl Player {
    /// What limits of orders of this stock depend on.
    pub(crate) fn limit_standing(&self, stock_id: i64) -> LimitStanding {
        let held = self.holdings.get(&stock_id);
        LimitStanding {
            // Compared with a holding only.
            portfolio_value: Money(self.cash.0.saturating_add(self.holdings_value.0)),
            session_day: self.session_day,
            session_trades: self.session_trades,
            held: held.map_or(Quantity(0), |held| held.quantity),
            bought_on: held.map_or_else(Day::default, |held| held.bought_on),
            sellable_session: self.sellable_session,
        }
    }

    /// Counts a trade of the session of this day.
    pub(crate) fn count_session_trade(&mut self, day: Day) {
        let earlier_trades = if day == self.session_day { self.session_trades } else { 0 };
        (self.session_day, self.session_trades) = (day, earlier_trades + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_portfolio_is_a_percentage_above_zero_and_up_to_all_of_it() {
        for (text, written) in [("25%", "25%"), ("0.5 %", "0.50%"), ("33.3333%", "33.3333%")] {
            assert_eq!(PortfolioShare::parse(text).map(|s| s.to_string()), Some(written.into()));
        }
        assert_eq!(PortfolioShare::parse("100%"), Some(PortfolioShare(WHOLE)));
        for text in ["", "25", "0%", "100.0001%", "-5%", "0.00001%", "a%", "25%%"] {
            assert_eq!(PortfolioShare::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_share_is_exceeded_by_one_cent_more() {
        let quarter = PortfolioShare::parse("25%").expect("a share");
        assert!(!quarter.is_exceeded_by(Money(250_000), Money(1_000_000)));
        assert!(quarter.is_exceeded_by(Money(250_001), Money(1_000_000)));
        let whole = PortfolioShare::parse("100%").expect("a share");
        assert!(!whole.is_exceeded_by(Money(2), Money(1)));
    }
}
