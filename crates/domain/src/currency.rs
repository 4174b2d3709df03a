//! The currency of a game.

use serde::{Deserialize, Serialize};

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
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        let expected = || format!("expected a currency like \"USD\" (ISO 4217), got {code:?}");
        Self::parse(&code).ok_or_else(expected)
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
}
