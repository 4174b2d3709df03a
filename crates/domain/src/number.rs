//! The numbers of the game: [`Money`], [`Price`] and [`Quantity`], whole numbers in a small unit
//! with checked arithmetic through `i128`. There are no floats, and rounding never creates money. A
//! game has one currency.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::MinorUnit;
use crate::ratio::{Ratio, divide_rounded};

/// Why a text is not a number of this type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NumberError {
    /// Not of the form `123` or `123.45`.
    #[error("expected a decimal number, got {0:?}")]
    NotANumber(String),
    /// More digits after the point than the unit has.
    #[error("expected {}, got {text:?}", digits_allowed(*.max))]
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

fn digits_allowed(max: u32) -> String {
    match max {
        0 => "no digits after the point".to_owned(),
        max => format!("at most {max} digits after the point"),
    }
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

/// `units` of 10^-`scale` with at least `least` digits after the point and no further zeros.
fn scaled_text(units: i64, scale: u32, least: u32) -> String {
    let size = |digits: u32| usize::try_from(digits).unwrap_or(0);
    let digits = format!("{:0width$}", units.unsigned_abs(), width = size(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - size(scale));
    let trimmed = fraction.trim_end_matches('0').len().max(size(least));
    let sign = if units < 0 { "-" } else { "" };
    if trimmed == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", &fraction[..trimmed])
}

/// An amount of money in the game's [`MinorUnit`]; a difference may be negative. It has a text only
/// together with that unit. In a file of rules it is the text in the unit of the file.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Money(pub i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Reads `"10000.00"`; no sign, and at most as many digits after the point as the unit has.
    pub fn parse(text: &str, unit: MinorUnit) -> Result<Self, NumberError> {
        parse_scaled(text, unit.digits()).map(Self)
    }

    /// `10000`, `10000.00` or `10000.000`: always with all digits of the unit.
    pub fn to_text(self, unit: MinorUnit) -> String {
        scaled_text(self.0, unit.digits(), unit.digits())
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

impl TryFrom<String> for Money {
    type Error = NumberError;
    fn try_from(text: String) -> Result<Self, NumberError> {
        Self::parse(&text, MinorUnit::of_file())
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_text(MinorUnit::of_file())
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

    /// With at least the digits of the unit, and up to four where it has them.
    pub fn to_text(self, unit: MinorUnit) -> String {
        scaled_text(self.0, 4, unit.digits())
    }

    /// The cost of `quantity` for a buyer, rounded up to a minor unit. `None` beyond 64 bits.
    pub fn cost_rounded_up(self, quantity: Quantity, unit: MinorUnit) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(quantity.0);
        let by = unit.product_units();
        i64::try_from(product.div_euclid(by) + i128::from(product.rem_euclid(by) > 0))
            .ok()
            .map(Money)
    }

    /// The proceeds of `quantity` for a seller, rounded down to a minor unit. `None` beyond 64
    /// bits.
    pub fn value_rounded_down(self, quantity: Quantity, unit: MinorUnit) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(quantity.0);
        i64::try_from(product.div_euclid(unit.product_units())).ok().map(Money)
    }
}

/// Two to four digits after the point, for logs and settings; what players read has
/// [`Price::to_text`].
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(MinorUnit::Hundredth))
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
        price.to_text(MinorUnit::of_file())
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
        f.write_str(&scaled_text(self.0, 6, 0))
    }
}

/// The average cost of one share; 0 without shares.
pub fn average_price(cost: Money, quantity: Quantity, unit: MinorUnit) -> Price {
    Price(divide_rounded(i128::from(cost.0) * unit.product_units(), quantity.0.into()))
}

#[cfg(test)]
mod tests {
    use super::MinorUnit::{Hundredth, Thousandth, Whole};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_average_is_rounded_to_the_unit_of_a_price() {
        let average = |cost, quantity, unit| average_price(Money(cost), Quantity(quantity), unit).0;
        assert_eq!(average(1_000, 3_000_000, Hundredth), 33_333);
        assert_eq!(average(2_000, 3_000_000, Hundredth), 66_667);
        assert_eq!(average(8, 100_000_000, Hundredth), 8);
        assert_eq!(average(500, 0, Hundredth), 0);
        assert_eq!(average(1_000, 3_000_000, Whole), 3_333_333);
        assert_eq!(average(1_000, 3_000_000, Thousandth), 3_333);
    }

    #[test]
    fn money_is_written_with_the_digits_of_its_unit() {
        let texts = |money: i64| [Whole, Hundredth, Thousandth].map(|u| Money(money).to_text(u));
        assert_eq!(texts(943_015), ["943015", "9430.15", "943.015"]);
        assert_eq!(texts(-5), ["-5", "-0.05", "-0.005"]);
        assert_eq!(texts(0), ["0", "0.00", "0.000"]);
        assert_eq!(texts(150_000), ["150000", "1500.00", "150.000"]);
    }

    #[test]
    fn prices_show_the_digits_of_the_unit_and_more_only_where_they_have_them() {
        let texts = |price: i64| [Whole, Hundredth, Thousandth].map(|u| Price(price).to_text(u));
        assert_eq!(texts(1_899_500), ["189.95", "189.95", "189.950"]);
        assert_eq!(texts(9575), ["0.9575"; 3]);
        assert_eq!(texts(9600), ["0.96", "0.96", "0.960"]);
        assert_eq!(texts(15_000_000), ["1500", "1500.00", "1500.000"]);
        assert_eq!(Price(15_000_000).to_string(), "1500.00");
    }

    #[test]
    fn bad_numbers_are_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1,0", "0x1", "NaN", "１"] {
            let refused = Money::parse(text, Hundredth);
            assert!(matches!(refused, Err(NumberError::NotANumber(_))), "{text:?}");
        }
        for (text, unit, reason) in [
            ("1.005", Hundredth, "expected at most 2 digits after the point, got \"1.005\""),
            ("10.5", Whole, "expected no digits after the point, got \"10.5\""),
            ("10.0", Whole, "expected no digits after the point, got \"10.0\""),
            ("1.0000", Thousandth, "expected at most 3 digits after the point, got \"1.0000\""),
        ] {
            assert_eq!(Money::parse(text, unit).expect_err("refused").to_string(), reason);
        }
        assert!(matches!(Quantity::parse("10000000000000"), Err(NumberError::TooLarge(_))));
        let long = Money::parse(&"9".repeat(400), Hundredth);
        assert!(matches!(long, Err(NumberError::TooLarge(_))));
    }

    #[test]
    fn amounts_and_prices_are_compared_as_ratios() {
        assert_eq!(Money(-2).part_of(Money(3)).percent(2), -6667);
        assert_eq!(Price(10_125).change_since(Price(10_000)).percent(2), 125);
    }

    fn unit() -> impl Strategy<Value = MinorUnit> {
        prop_oneof![Just(Whole), Just(Hundredth), Just(Thousandth)]
    }

    proptest! {
        #[test]
        fn numbers_survive_their_text(units in 0i64.., unit in unit()) {
            prop_assert_eq!(Money::parse(&Money(units).to_text(unit), unit), Ok(Money(units)));
            prop_assert_eq!(Price::parse(&Price(units).to_text(unit)), Ok(Price(units)));
            prop_assert_eq!(Quantity::parse(&Quantity(units).to_string()), Ok(Quantity(units)));
        }

        #[test]
        fn rounding_never_creates_money(
            price in 1i64..10_000_000_000, a in 1i64..1_000_000_000, b in 1i64..1_000_000_000,
            unit in unit(),
        ) {
            let price = Price(price);
            let bought = price.cost_rounded_up(Quantity(a + b), unit).expect("fits");
            let sold = |q| price.value_rounded_down(Quantity(q), unit).expect("fits");
            prop_assert!(sold(a).0 + sold(b).0 <= bought.0);
            prop_assert!(bought.0 - sold(a + b).0 <= 1);
        }

        #[test]
        fn the_formula_of_the_sql_equals_the_exact_value(
            price in 1i64..=Price::MAX.0, quantity in 0i64..=100_000_000_000_000, unit in unit(),
        ) {
            // As `{value:…}` in `store`: no step exceeds 64 bits within the limits of a holding.
            let whole = (quantity / 1_000_000).checked_mul(price);
            let part = (quantity % 1_000_000).checked_mul(price).map(|part| part / 1_000_000);
            let sum = whole.zip(part).and_then(|(whole, part)| whole.checked_add(part));
            let value = sum.map(|sum| Money(sum / unit.price_units()));
            prop_assert_eq!(value, Price(price).value_rounded_down(Quantity(quantity), unit));
            prop_assert!(value.is_some());
        }
    }
}
