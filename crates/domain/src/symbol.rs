//! The symbol of a stock: trimmed, upper-cased, checked. Whether the stock exists is not checked.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a symbol.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a symbol is 1 to 20 characters of A to Z, 0 to 9, dot, hyphen, &, ^, = and +, one of them a \
     letter or a digit, and begins with a letter, a digit, dot, hyphen or ^"
)]
pub struct SymbolError;

/// A stock's symbol as exchanges and data vendors write it: `AAPL`, `BRK.B`, `M&M.NS`, `^GSPC`,
/// `EURUSD=X`. Some of its characters have a meaning in URLs and HTML and are encoded there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(String);

impl Symbol {
    /// The most characters of a symbol.
    pub const LENGTH_MAX: usize = 20;

    /// What [`Symbol::parse`] accepts, without blanks around it, as a regular expression of
    /// JSON Schema.
    pub const PATTERN: &str = "^(?=.*[0-9A-Za-z])[-.0-9A-Z^a-z][-&+.0-9=A-Z^a-z]{0,19}$";

    /// Trims and upper-cases `text`, then checks it.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let text = text.trim();
        let begins = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'^');
        let allowed = |b: u8| begins(b) || matches!(b, b'&' | b'=' | b'+');
        let is_symbol = text.len() <= Self::LENGTH_MAX
            && text.bytes().next().is_some_and(begins)
            && text.bytes().all(allowed)
            && text.bytes().any(|b| b.is_ascii_alphanumeric());
        if is_symbol { Ok(Self(text.to_ascii_uppercase())) } else { Err(SymbolError) }
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
    use std::collections::BTreeSet;

    use super::*;

    /// The characters of a class of a regular expression, without its brackets.
    fn members(class: &str) -> BTreeSet<char> {
        let characters: Vec<char> = class.chars().collect();
        let mut members = BTreeSet::new();
        let mut at = 0;
        while at < characters.len() {
            match characters[at..] {
                [from, '-', to, ..] => {
                    members.extend(from..=to);
                    at += 3;
                }
                [one, ..] => {
                    members.insert(one);
                    at += 1;
                }
                [] => {}
            }
        }
        members
    }

    #[test]
    fn the_pattern_matches_what_is_parsed() {
        let classes: Vec<&str> = Symbol::PATTERN
            .split('[')
            .skip(1)
            .map(|rest| rest.split_once(']').expect("its end").0)
            .collect();
        let [proper, first, rest] = classes[..] else { panic!("{classes:?}") };
        let accepted = |around: fn(char) -> String| -> BTreeSet<char> {
            let all = ('\0'..='\u{ff}').filter(|c| !c.is_whitespace());
            all.filter(|c| Symbol::parse(&around(*c)).is_ok()).collect()
        };
        assert_eq!(members(proper), accepted(|c| c.to_string()));
        assert_eq!(members(first), accepted(|c| format!("{c}A")));
        assert_eq!(members(rest), accepted(|c| format!("A{c}A")));
        let most = Symbol::LENGTH_MAX - 1;
        assert!(Symbol::PATTERN.ends_with(&format!("]{{0,{most}}}$")), "{}", Symbol::PATTERN);
    }

    #[test]
    fn symbols_are_trimmed_and_upper_cased() {
        assert_eq!(Symbol::parse("  brk.b ").map(String::from), Ok("BRK.B".to_owned()));
    }

    #[test]
    fn the_symbols_of_exchanges_are_symbols() {
        for text in [
            "A",
            "M&M.NS",
            "BAJAJ-AUTO.NS",
            "TATAMOTORS.NS",
            "^GSPC",
            "BRK.B",
            "0700.HK",
            "EURUSD=X",
            "ES=F",
            ".DJI",
            "L&TFH.NS",
            "005930.KS",
            "VOLV-B.ST",
            "ABC+",
            "12345678901234567890",
        ] {
            assert_eq!(Symbol::parse(text).map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "123456789012345678901",
            "A B",
            "A'",
            "Ä",
            "A%",
            "A_B",
            "A\0",
            "A/B",
            "A\"",
            "<B>",
            "A,B",
            ".",
            "..",
            "^",
            "-",
            "=A",
            "+A",
            "&A",
            "A;B",
        ] {
            assert_eq!(Symbol::parse(text), Err(SymbolError), "{text:?}");
        }
    }
}
