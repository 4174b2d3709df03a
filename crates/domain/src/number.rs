//! The numbers of the game: [`Money`], [`Price`] and [`Quantity`], whole numbers in a small unit
//! with checked arithmetic through `i128`. There are no floats, and rounding never creates money. A
//! game has one currency.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ratio::{Ratio, divide_rounded};

/// Why a text is not a number of this type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NumberError {
    /// Not of the form `123` or `123.45`.
    #[error("expected a decimal number, got {0:?}")]
    NotANumber(String),
    /// More digits after the point than the unit has.
    #[error("expected at most {max} digits after the point, got {text:?}")]
    TooFine {
        /// The text.
        text: String,
        /// The digits of the unit.
        max: u32,
    },
    /// More than 64 bits.
    #[error("number too large: {0:?}")]
    TooLarge(String),
}

/// Reads an unsigned decimal text as a count of units of 10^-`scale`.
fn parse_scaled(text: &str, scale: u32) -> Result<i64, NumberError> {
    let not_a_number = || NumberError::NotANumber(text.chars().take(40).collect());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return Err(not_a_number());
    }
    let fraction = fraction.unwrap_or("");
    let used = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    if used > scale {
        return Err(NumberError::TooFine { text: text.chars().take(40).collect(), max: scale });
    }
    let mut units: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        units = units * 10 + i128::from(digit - b'0');
        if units > i128::from(i64::MAX) {
            return Err(NumberError::TooLarge(text.chars().take(40).collect()));
        }
    }
    units *= 10i128.pow(scale - used);
    i64::try_from(units).map_err(|_| NumberError::TooLarge(text.chars().take(40).collect()))
}

/// Writes `units` of 10^-`scale` with at least `least` digits after the point and no further zeros.
fn write_scaled(f: &mut fmt::Formatter<'_>, units: i64, scale: usize, least: usize) -> fmt::Result {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let trimmed = fraction.trim_end_matches('0').len().max(least);
    let sign = if units < 0 { "-" } else { "" };
    if trimmed == 0 {
        return write!(f, "{sign}{whole}");
    }
    write!(f, "{sign}{whole}.{}", &fraction[..trimmed])
}

/// An amount of money in cents; a difference may be negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Money(pub i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Reads `"10000.00"`; no sign, at most two digits after the point.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse_scaled(text, 2).map(Self)
    }

    /// The sum, or `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` beyond 64 bits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `self` as a part of `whole`.
    pub fn part_of(self, whole: Self) -> Ratio {
        Ratio::of(self.0, whole.0)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 2, 2)
    }
}

impl TryFrom<String> for Money {
    type Error = NumberError;
    fn try_from(text: String) -> Result<Self, NumberError> {
        Self::parse(&text)
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

/// The price of one share in 1/10,000 of the currency's unit; always above zero in a quote.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Price(pub i64);

impl Price {
    /// The highest price of a trade: a million a share.
    pub const MAX: Self = Self(10_000_000_000);

    /// Reads `"189.95"` or `"0.9575"`; no sign, at most four digits after the point.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse_scaled(text, 4).map(Self)
    }

    /// The change from `before` to `self`, as a part of `before`.
    pub fn change_since(self, before: Self) -> Ratio {
        Ratio::change(before.0, self.0)
    }

    /// The nearest multiple of `tick` above zero.
    #[must_use]
    pub fn round_to_tick(self, tick: Self) -> Self {
        let tick = tick.0.max(1);
        Self((self.0.saturating_add(tick / 2) / tick).max(1).saturating_mul(tick))
    }

    /// The cost of `quantity` for a buyer, rounded up to a cent. `None` beyond 64 bits.
    pub fn cost_rounded_up(self, quantity: Quantity) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(quantity.0);
        i64::try_from(product.div_euclid(CENT) + i128::from(product.rem_euclid(CENT) > 0))
            .ok()
            .map(Money)
    }

    /// The proceeds of `quantity` for a seller, rounded down to a cent. `None` beyond 64 bits.
    pub fn value_rounded_down(self, quantity: Quantity) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(quantity.0);
        i64::try_from(product.div_euclid(CENT)).ok().map(Money)
    }
}

/// One cent in units of price × quantity: 10^4 × 10^6 / 10^2.
const CENT: i128 = 100_000_000;

/// Two to four digits after the point.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 4, 2)
    }
}

impl TryFrom<String> for Price {
    type Error = NumberError;
    fn try_from(text: String) -> Result<Self, NumberError> {
        Self::parse(&text)
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

/// A number of shares in millionths; a difference may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub i64);

impl Quantity {
    /// One share in units.
    pub const SHARE: i64 = 1_000_000;

    /// `shares` whole shares. `None` beyond 64 bits.
    pub fn whole(shares: i64) -> Option<Self> {
        shares.checked_mul(Self::SHARE).map(Self)
    }

    /// Reads `"3"` or `"0.25"`; no sign, at most six digits after the point.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse_scaled(text, 6).map(Self)
    }

    /// Whether it is a whole number of shares.
    pub fn is_whole(self) -> bool {
        self.0 % Self::SHARE == 0
    }
}

/// Without trailing zeros: `3`, `0.25`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, 6, 0)
    }
}

/// The average cost of one share; 0 without shares.
pub fn average_price(cost: Money, quantity: Quantity) -> Price {
    /// Cents per millionth of a share in units of a price: 10^4 × 10^6 / 10^2.
    const SCALE: i128 = 100_000_000;
    Price(divide_rounded(i128::from(cost.0) * SCALE, quantity.0.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_average_is_rounded_to_the_unit_of_a_price() {
        assert_eq!(average_price(Money(1_000), Quantity(3_000_000)), Price(33_333));
        assert_eq!(average_price(Money(2_000), Quantity(3_000_000)), Price(66_667));
        assert_eq!(average_price(Money(8), Quantity(100_000_000)), Price(8));
        assert_eq!(average_price(Money(500), Quantity(0)), Price(0));
    }

    #[test]
    fn money_is_written_with_two_places() {
        assert_eq!(Money(943_015).to_string(), "9430.15");
        assert_eq!(Money(-5).to_string(), "-0.05");
        assert_eq!(Money(0).to_string(), "0.00");
    }

    #[test]
    fn prices_show_two_places_and_more_only_where_they_have_them() {
        assert_eq!(Price(1_899_500).to_string(), "189.95");
        assert_eq!(Price(9575).to_string(), "0.9575");
        assert_eq!(Price(9600).to_string(), "0.96");
    }

    #[test]
    fn bad_numbers_are_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1,0", "0x1", "NaN", "１"] {
            assert!(matches!(Money::parse(text), Err(NumberError::NotANumber(_))), "{text:?}");
        }
        assert!(matches!(Money::parse("1.005"), Err(NumberError::TooFine { .. })));
        assert!(matches!(Quantity::parse("10000000000000"), Err(NumberError::TooLarge(_))));
        assert!(matches!(Money::parse(&"9".repeat(400)), Err(NumberError::TooLarge(_))));
    }

    #[test]
    fn amounts_and_prices_are_compared_as_ratios() {
        assert_eq!(Money(-2).part_of(Money(3)).percent(2), -6667);
        assert_eq!(Price(10_125).change_since(Price(10_000)).percent(2), 125);
    }

    proptest! {
        #[test]
        fn numbers_survive_their_text(units in 0i64..) {
            prop_assert_eq!(Money::parse(&Money(units).to_string()), Ok(Money(units)));
            prop_assert_eq!(Price::parse(&Price(units).to_string()), Ok(Price(units)));
            prop_assert_eq!(Quantity::parse(&Quantity(units).to_string()), Ok(Quantity(units)));
        }

        #[test]
        fn rounding_never_creates_money(
            price in 1i64..10_000_000_000, a in 1i64..1_000_000_000, b in 1i64..1_000_000_000,
        ) {
            let price = Price(price);
            let bought = price.cost_rounded_up(Quantity(a + b)).expect("fits");
            let sold = |q| price.value_rounded_down(Quantity(q)).expect("fits");
            prop_assert!(sold(a).0 + sold(b).0 <= bought.0);
            prop_assert!(bought.0 - sold(a + b).0 <= 1);
        }

        #[test]
        fn the_formula_of_the_sql_equals_the_exact_value(
            price in 1i64..10_000_000_000, quantity in 0i64..,
        ) {
            let value = (quantity / 100_000_000).checked_mul(price).and_then(|whole| {
                whole.checked_add(quantity % 100_000_000 * price / 100_000_000)
            });
            prop_assert_eq!(value.map(Money), Price(price).value_rounded_down(Quantity(quantity)));
        }
    }
}
