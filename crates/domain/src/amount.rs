//! An amount as a rules file writes it: money (`"10.00"`), or a share of the starting cash
//! (`"0.1%"`), so that one file suits games with any starting cash.

use serde::{Deserialize, Serialize};

use crate::{MinorUnit, Money, Price};

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
    /// Parses `"10.00"`, with the digits of the unit, or `"0.1%"`; a percentage has at most four
    /// digits after the point.
    pub fn parse(text: &str, unit: MinorUnit) -> Option<Self> {
        match text.strip_suffix('%') {
            // A ten-thousandth of a percent is a millionth.
            Some(percent) => Price::parse(percent.trim_end())
                .ok()
                .filter(|share| share.0 <= SHARE_MAX)
                .map(|share| Self::Share(share.0)),
            None => Money::parse(text, unit).ok().map(Self::Fixed),
        }
    }

    /// The amount in a game with this starting cash; a share is rounded up to a minor unit.
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

    /// As a file of rules with this unit has it.
    pub fn to_text(self, unit: MinorUnit) -> String {
        match self {
            Self::Fixed(money) => money.to_text(unit),
            Self::Share(millionths) => format!("{}%", Price(millionths)),
        }
    }

    /// Whether it is above zero in every game.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::Fixed(Money(1..)) | Self::Share(1..))
    }
}

impl TryFrom<String> for Amount {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let unit = MinorUnit::of_file();
        Self::parse(&text, unit).ok_or_else(|| {
            let digits = unit.digits_allowed();
            let like = Money(10 * 10_i64.pow(unit.digits())).to_text(unit);
            format!(
                "expected an amount like \"{like}\" with {digits}, or a share of the starting cash \
                 like \"0.1%\", got {text:?}"
            )
        })
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_text(MinorUnit::of_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Amount> {
        Amount::parse(text, MinorUnit::Hundredth)
    }

    #[test]
    fn an_amount_is_money_or_a_share_of_the_starting_cash() {
        let of = |text, cash| parse(text).map(|amount| amount.of(Money(cash)).0);
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
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_amount_is_written_as_it_is_read() {
        for text in ["10.00", "0.10%", "0.0001%"] {
            assert_eq!(parse(text).unwrap().to_text(MinorUnit::Hundredth), text);
        }
    }

    #[test]
    fn the_digits_of_an_amount_are_those_of_the_unit() {
        let of = |text, unit: MinorUnit| unit.in_file(|| Amount::try_from(String::from(text)));
        assert_eq!(of("10", MinorUnit::Whole), Ok(Amount::Fixed(Money(10))));
        assert_eq!(of("10.005", MinorUnit::Thousandth), Ok(Amount::Fixed(Money(10_005))));
        let refused = of("10.5", MinorUnit::Whole).expect_err("refused");
        let expected = "expected an amount like \"10\" with no digits after the point, or a share \
                        of the starting cash like \"0.1%\", got \"10.5\"";
        assert_eq!(refused, expected);
    }
}
