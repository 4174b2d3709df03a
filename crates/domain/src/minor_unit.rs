//! The minor unit of a currency: what amounts of money are counted in, and how many digits after
//! the point they have as text.

use std::cell::Cell;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The smallest amount of a currency, as ISO 4217 defines it. Rules without the key count in
/// hundredths, which every game did before there was a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MinorUnit {
    /// The currency's unit itself, as of the yen.
    Whole,
    /// A hundredth of it.
    #[default]
    Hundredth,
    /// A thousandth of it, as of the Kuwaiti dinar.
    Thousandth,
}

/// The units of one share.
const QUANTITY_UNITS: i128 = 1_000_000;

thread_local! {
    /// The unit of the rules that this thread parses or writes: serde passes no context to fields.
    static OF_FILE: Cell<MinorUnit> = const { Cell::new(MinorUnit::Hundredth) };
}

impl MinorUnit {
    /// The unit with this number of digits: 0, 2 or 3.
    pub const fn of_digits(digits: i64) -> Option<Self> {
        match digits {
            0 => Some(Self::Whole),
            2 => Some(Self::Hundredth),
            3 => Some(Self::Thousandth),
            _ => None,
        }
    }

    /// The digits after the point of an amount.
    pub const fn digits(self) -> u32 {
        match self {
            Self::Whole => 0,
            Self::Hundredth => 2,
            Self::Thousandth => 3,
        }
    }

    /// How many units of a price, ten-thousandths, it is worth.
    pub const fn price_units(self) -> i64 {
        match self {
            Self::Whole => 10_000,
            Self::Hundredth => 100,
            Self::Thousandth => 10,
        }
    }

    /// How many units of price × quantity it is worth: 10^10 are one unit of the currency.
    pub const fn product_units(self) -> i128 {
        self.price_units() as i128 * QUANTITY_UNITS
    }

    /// The digits that an amount may have, in words.
    pub(crate) const fn digits_allowed(self) -> &'static str {
        match self {
            Self::Whole => "no digits after the point",
            Self::Hundredth => "at most 2 digits after the point",
            Self::Thousandth => "at most 3 digits after the point",
        }
    }

    /// Runs `work`, in which amounts of a file of rules are parsed or written with this unit. It
    /// must not be a future: the unit is that of the thread.
    pub fn in_file<T>(self, work: impl FnOnce() -> T) -> T {
        struct Restore(MinorUnit);
        impl Drop for Restore {
            fn drop(&mut self) {
                OF_FILE.set(self.0);
            }
        }
        let _restore = Restore(OF_FILE.replace(self));
        work()
    }

    /// The unit of the file of rules that is being parsed or written; hundredths outside of one.
    pub(crate) fn of_file() -> Self {
        OF_FILE.get()
    }

    pub(crate) fn is_hundredth(&self) -> bool {
        *self == Self::Hundredth
    }
}

/// By its number of digits.
impl Serialize for MinorUnit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(self.digits())
    }
}

impl<'de> Deserialize<'de> for MinorUnit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let digits = i64::deserialize(from)?;
        Self::of_digits(digits)
            .ok_or_else(|| D::Error::custom(format!("expected 0, 2 or 3, got {digits}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_unit_is_a_power_of_ten_of_the_unit_of_a_price() {
        for unit in [MinorUnit::Whole, MinorUnit::Hundredth, MinorUnit::Thousandth] {
            assert_eq!(unit.price_units() * 10_i64.pow(unit.digits()), 10_000);
            assert_eq!(unit.product_units() * 10_i128.pow(unit.digits()), 10_i128.pow(10));
            assert_eq!(MinorUnit::of_digits(unit.digits().into()), Some(unit));
        }
        assert_eq!([1, 4, -1].map(MinorUnit::of_digits), [None; 3]);
    }

    #[test]
    fn the_unit_of_a_file_ends_with_it_also_after_a_panic() {
        let inner = MinorUnit::Whole.in_file(|| {
            let within = MinorUnit::Thousandth.in_file(MinorUnit::of_file);
            (within, MinorUnit::of_file())
        });
        assert_eq!(inner, (MinorUnit::Thousandth, MinorUnit::Whole));
        let panicked = std::panic::catch_unwind(|| MinorUnit::Whole.in_file(|| panic!("within")));
        assert!(panicked.is_err());
        assert_eq!(MinorUnit::of_file(), MinorUnit::Hundredth);
    }
}
