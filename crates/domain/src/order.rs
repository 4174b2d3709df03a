//! What a player asks for: orders and notes, and the quote an order is settled at. What comes of
//! them is decided in `settle`.

use crate::text::{TextError, TextKind, tidy};
use crate::{BidAsk, Day, Price, Quantity, QuoteSource, UnixMicros};

/// Buying or selling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Cash to shares.
    Buy,
    /// Shares to cash.
    Sell,
}

impl Side {
    /// The word in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// An order to trade at the market's present price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The stock.
    pub stock_id: i64,
    /// The stock's category, 0 to 62.
    pub category_id: u8,
    /// Buy or sell.
    pub side: Side,
    /// How many shares; above zero.
    pub quantity: Quantity,
}

/// What a player asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To trade, perhaps with a note.
    Trade(Order, Option<Note>),
    /// To explain an earlier trade of the player with a note, or to replace its note.
    Annotate {
        /// The version of the trade.
        about_version: i64,
        /// The note.
        note: Note,
    },
}

/// Why a trade was made, in the player's own words: 1 to 280 characters of text and line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

/// Why a text is not a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has no characters, or only blanks.
    #[error("a note is not empty")]
    Empty,
    /// It has more characters than a note may have.
    #[error("a note has at most {} characters", Note::LENGTH_MAX)]
    TooLong,
    /// A character that no note has.
    #[error("a note has no {0}")]
    Unfit(TextError),
}

impl Note {
    /// The most characters a note has.
    pub const LENGTH_MAX: usize = 280;

    /// Normalises and checks the text; line breaks are kept.
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
}

/// A price with its time and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The price of one share, above zero: the middle of bid and ask, which holdings are valued at.
    pub price: Price,
    /// The step of the market's prices at this one; 0 where they have none.
    pub tick: Price,
    /// When the price was made.
    pub as_of: UnixMicros,
    /// The market's calendar day (in a replay, a day in history).
    pub market_day: Day,
    /// Where it comes from.
    pub source: QuoteSource,
}

impl Quote {
    /// What orders fill at under rules with this spread.
    pub fn sides(&self, spread_bps: i64) -> BidAsk {
        BidAsk::around(self.price, self.tick, spread_bps)
    }
}
