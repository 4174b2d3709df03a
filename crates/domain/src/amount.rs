//! An amount as a rules file writes it: money (`"10.00"`), or a share of the starting cash
//! (`"0.1%"`), so that one file suits games with any starting cash.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Money, Price};

/// The largest share, a thousand times the starting cash, in millionths.
const SHARE_MAX: i64 = 1_000_000_000;
const MILLION: i128 = 1_000_000;

/// Money, or a share of the starting cash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// An amount of money that does not depend on the starting cash.
    Fixed(Money),
    /// Millionths of the starting cash.
    Share(i64),
}

impl Amount {
    /// Parses `"10.00"` or `"0.1%"`; a percentage has at most four digits after the point.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            // A ten-thousandth of a percent is a millionth.
            Some(percent) => Price::parse(percent.trim_end())
                .ok()
                .filter(|share| share.0 <= SHARE_MAX)
                .map(|share| Self::Share(share.0)),
            None => Money::parse(text).ok().map(Self::Fixed),
        }
    }

    /// The amount in a game with this starting cash; a share is rounded up to a cent.
    pub fn of(self, starting_cash: Money) -> Money {
        match self {
            Self::Fixed(money) => money,
            Self::Share(millionths) => {
                let product = i128::from(starting_cash.0) * i128::from(millionths);
                let rounded = product.div_euclid(MILLION) + i128::from(product % MILLION > 0);
                Money(i64::try_from(rounded).unwrap_or(i64::MAX))
            }
        }
    }

    /// Whether it is above zero in every game.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::Fixed(Money(1..)) | Self::Share(1..))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(money) => money.fmt(f),
            Self::Share(millionths) => write!(f, "{}%", Price(*millionths)),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| {
            format!(
                "expected an amount like \"10.00\", or a share of the starting cash like \
                 \"0.1%\", got {text:?}"
            )
        })
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_money_or_a_share_of_the_starting_cash() {
        let of = |text, cash| Amount::parse(text).map(|amount| amount.of(Money(cash)).0);
        assert_eq!(of("10.00", 1), Some(1_000));
        assert_eq!(of("0.1%", 1_000_000), Some(1_000));
        assert_eq!(of("10 %", 10_000_000), Some(1_000_000));
        assert_eq!(of("0.0001%", 1_000_000), Some(1));
        assert_eq!(of("0.1%", 1), Some(1), "rounded up to a cent");
        assert_eq!(of("100000%", 100_000_000_000), Some(100_000_000_000_000));
    }

    #[test]
    fn other_texts_are_no_amounts() {
        for text in ["", "%", "-1%", "1.00001%", "1.005", "10 %%", "% 10", "100001%", "ten"] {
            assert_eq!(Amount::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_amount_is_written_as_it_is_read() {
        for text in ["10.00", "0.10%", "0.0001%"] {
            assert_eq!(Amount::parse(text).unwrap().to_string(), text);
        }
    }
}
