//! The symbol of a stock: trimmed, upper-cased, checked. It does not know whether the stock exists.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a symbol.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a symbol is 1 to 12 characters of A to Z, 0 to 9, dot and hyphen")]
pub struct SymbolError;

/// A stock's symbol, `^[A-Z0-9.\-]{1,12}$`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(String);

impl Symbol {
    /// Trims and upper-cases `text`, then checks it.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let text = text.trim();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        if text.is_empty() || text.len() > 12 || !text.bytes().all(allowed) {
            return Err(SymbolError);
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// The symbol's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;
    fn try_from(text: String) -> Result<Self, SymbolError> {
        Self::parse(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_trimmed_and_upper_cased() {
        assert_eq!(Symbol::parse("  brk.b ").map(String::from), Ok("BRK.B".to_owned()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", " ", "TOOLONGSYMBOL", "A B", "A'", "Ä", "A%", "A_B", "A\0"] {
            assert_eq!(Symbol::parse(text), Err(SymbolError), "{text:?}");
        }
    }
}
