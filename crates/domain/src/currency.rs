//! The currency of a game.

mod iso_4217;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::iso_4217::Listed;
use crate::MinorUnit;

/// Why a game cannot be played in a currency.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CurrencyError {
    /// Not three capital letters, or no active code.
    #[error("expected the code of a currency in use (ISO 4217) like \"USD\", got {0:?}")]
    Unknown(String),
    /// Its amounts have four digits.
    #[error("expected a currency whose amounts have 0, 2 or 3 digits after the point; {0} has 4")]
    TooFine(String),
    /// A metal, a basket of currencies or a test code.
    #[error("expected a currency with a minor unit (ISO 4217); {0} has none")]
    NoMinorUnit(String),
}

/// The currency of a game, by its ISO 4217 code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// Zimbabwe Gold, which people call ZiG.
    pub const ZWG: Self = Self(*b"ZWG");

    /// The currency of a code; `None` unless it is three capital letters.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The currency of an active code, and its minor unit.
    ///
    /// # Errors
    /// The code, and why a game cannot be played in it.
    pub fn parse_active(code: &str) -> Result<(Self, MinorUnit), CurrencyError> {
        let currency = Self::parse(code).ok_or_else(|| CurrencyError::Unknown(code.to_owned()))?;
        Ok((currency, currency.minor_unit()?))
    }

    /// The minor unit that ISO 4217 has for the code. A game keeps the one of its rules.
    ///
    /// # Errors
    /// The code, and why a game cannot be played in it.
    pub fn minor_unit(&self) -> Result<MinorUnit, CurrencyError> {
        let code = || self.code().to_owned();
        match iso_4217::find(self.code()) {
            Listed::Unit(unit) => Ok(unit),
            Listed::TooFine => Err(CurrencyError::TooFine(code())),
            Listed::NotApplicable => Err(CurrencyError::NoMinorUnit(code())),
            Listed::Unknown => Err(CurrencyError::Unknown(code())),
        }
    }

    /// The code (ISO 4217).
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
    type Error = CurrencyError;
    fn try_from(code: String) -> Result<Self, CurrencyError> {
        Self::parse(&code).ok_or(CurrencyError::Unknown(code))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
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
    fn a_currency_in_use_has_a_minor_unit_and_others_are_refused_by_name() {
        let unit = |code| {
            Currency::parse_active(code).map(|(currency, unit)| {
                assert_eq!(currency.code(), code);
                unit
            })
        };
        for code in ["USD", "ZWG", "EUR", "HUF", "IDR", "MGA", "SLE", "XCG"] {
            assert_eq!(unit(code), Ok(MinorUnit::Hundredth), "{code}");
        }
        for code in ["JPY", "KRW", "VND", "CLP", "ISK", "XOF", "XAF", "UGX"] {
            assert_eq!(unit(code), Ok(MinorUnit::Whole), "{code}");
        }
        for code in ["KWD", "BHD", "OMR", "JOD", "IQD", "LYD", "TND"] {
            assert_eq!(unit(code), Ok(MinorUnit::Thousandth), "{code}");
        }
        for (code, reason) in [
            ("CLF", "CLF has 4"),
            ("UYW", "UYW has 4"),
            ("XAU", "XAU has none"),
            ("XXX", "XXX has none"),
            ("ABC", "got \"ABC\""),
            ("ZWL", "got \"ZWL\""),
            ("usd", "got \"usd\""),
            ("", "got \"\""),
        ] {
            let refused = unit(code).expect_err("refused").to_string();
            assert!(refused.ends_with(reason), "{refused}");
        }
    }
}
