//! Orders of players and the notes on their trades.

use sha2::{Digest, Sha256};

use crate::Quantity;
use crate::text::{TextError, TextKind, tidy};

/// The side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A purchase.
    Buy,
    /// A sale.
    Sell,
}

impl Side {
    /// The name in the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// An order to trade at the market price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The stock.
    pub stock_id: i64,
    /// Buy or sell.
    pub side: Side,
    /// The number of shares, above zero.
    pub quantity: Quantity,
}

/// A request of a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To trade, perhaps with a note.
    Trade(Order, Option<Note>),
    /// To explain an earlier trade of the player with a note, or to replace its note.
    Annotate {
        /// The version of the trade.
        about_version: i64,
        /// The stock traded.
        stock_id: i64,
        /// The note.
        note: Note,
    },
    /// To unlock the achievements whose condition the player meets already.
    Award,
}

/// A player's reason for a trade: 1 to 280 characters of text and line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

/// Why a text is not a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has no characters, or only white space.
    #[error("a note is not empty")]
    Empty,
    /// It has more than [`Note::LENGTH_MAX`] characters.
    #[error("a note has at most {} characters", Note::LENGTH_MAX)]
    TooLong,
    /// It has a forbidden character.
    #[error("a note has no {0}")]
    Unfit(TextError),
}

impl Note {
    /// The most characters of a note.
    pub const LENGTH_MAX: usize = 280;

    /// Normalizes and checks the text; line breaks are kept.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = tidy(text, TextKind::Note).map_err(NoteError::Unfit)?;
        match text.chars().take(Self::LENGTH_MAX + 1).count() {
            0 => Err(NoteError::Empty),
            length if length > Self::LENGTH_MAX => Err(NoteError::TooLong),
            _ => Ok(Self(text)),
        }
    }

    /// The note's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of visible characters: neither white space nor characters without a width.
    pub fn visible_characters(&self) -> i64 {
        i64::try_from(self.0.chars().filter(|c| is_visible(*c)).count()).unwrap_or(i64::MAX)
    }

    /// A key that ignores case and invisible characters: the first 64 bits of a SHA-256.
    pub fn text_key(&self) -> i64 {
        let visible: String = self.0.chars().filter(|c| is_visible(*c)).collect();
        let hash: [u8; 32] = Sha256::digest(visible.to_lowercase()).into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Whether a character is visible: not white space, controls, joiners, variation selectors, tags
/// and blank letters.
fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Note {
        Note::parse(text).expect("a note")
    }

    #[test]
    fn only_characters_that_can_be_seen_are_counted() {
        for (text, visible) in [
            (".", 1),
            ("it is cheap", 9),
            ("it is cheap!", 10),
            ("a\u{200b}\u{2060}\u{3164}\u{2800}\n b", 2),
            ("ndinoda \u{1f600}", 8),
        ] {
            assert_eq!(note(text).visible_characters(), visible, "{text:?}");
        }
    }

    #[test]
    fn the_key_of_a_text_ignores_case_and_space() {
        let key = |text| note(text).text_key();
        assert_eq!(key("It is cheap."), key("it  IS\ncheap\u{200b} ."));
        assert_ne!(key("It is cheap."), key("It is cheap!"));
    }
}
