//! Imports markets from files of daily bars and stock texts. Ambiguous content is rejected with
//! line and field; gaps and additional rows are tolerated and counted. The caller stores the
//! result.

mod bars;
mod currencies;
mod date;
mod descriptions;
mod header;
mod importer;
mod joined_bars;
mod line_reader;
mod number;
mod number_shape;
mod outcome;
mod row_reader;
mod text_reader;

use domain::{DailyBar, Day, Price, StockDescription, Symbol};
use thiserror::Error;

pub use self::date::DateOrder;
pub use self::importer::Importer;
pub use self::number_shape::DecimalMark;
use crate::currency::PriceUnit;

/// How files are read.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Only bars of this currency where a file names several; the unit of prices where it names
    /// none.
    pub currency: Option<PriceUnit>,
    /// What stands before decimals; found out where it is not named.
    pub decimal: Option<DecimalMark>,
    /// The order of day and month; without it, dates in which it matters are refused.
    pub dates: Option<DateOrder>,
    /// The stock of files that have no column of symbols.
    pub symbol: Option<Symbol>,
    /// The last day that a bar may have.
    pub today: Day,
    /// Leave bad rows out instead of refusing them.
    pub skip_bad: bool,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportNote {
    /// The line in which the row begins, from 1.
    pub line: u64,
    /// Whether it makes the import fail.
    pub is_refused: bool,
    /// Whether it is bad: refused, or left out because the caller wants it so.
    pub is_bad: bool,
    /// What was expected, and what was there.
    pub reason: String,
}

/// What was read, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Rows behind headers.
    pub rows: u64,
    /// Daily bars that were taken.
    pub bars: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Bad rows that were left out.
    pub bad: u64,
    /// Rows in other currencies.
    pub other_currencies: u64,
    /// Stocks and days without a price.
    pub without_price: u64,
    /// Totals, notes and repeated headers.
    pub notes: u64,
    /// Bars with prices that are finer than 0.0001.
    pub rounded: u64,
    /// Bars of which a price moved by more than half a percent when it was rounded.
    pub moved: u64,
    /// Bars whose high or low was widened by a step.
    pub widened: u64,
    /// Bars with an open, high or low of 0, which counts as missing.
    pub zeros: u64,
    /// Rows of other series than `EQ`.
    pub other_series: u64,
    /// Texts from which markup was removed.
    pub markup: u64,
    /// Texts from which control characters or marks of direction were removed.
    pub controls: u64,
}

/// What files have, joined.
#[derive(Clone, Debug)]
pub struct ImportedData {
    /// Stocks that have bars, by symbol, and their bars, ascending by day.
    pub stocks: Vec<(Symbol, Vec<DailyBar>)>,
    /// Texts about stocks.
    pub texts: Vec<StockDescription>,
    /// The currency of the prices (ISO 4217); `None` where no file names one.
    pub currency: Option<String>,
    /// The finest step of the prices: 0.01, 0.001 or 0.0001.
    pub tick: Price,
    pub summary: ImportSummary,
}

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The header is none of those that are known.
    #[error(
        "expected a header with date, symbol and close (daily bars) or with symbol and name, \
         category, description, kid_description or fun_fact (texts), got {0:?}"
    )]
    UnknownHeader(String),
    /// The header contradicts itself.
    #[error("{0}")]
    Header(String),
    /// The file has prices of several currencies.
    #[error("prices are in {0}: choose one with --currency")]
    Currencies(String),
    /// The file has no price of the currency.
    #[error("the file has no price in {0}")]
    NoCurrency(String),
    /// Bars whose stock is not named.
    #[error(
        "the file has no column of symbols: name its stock with --symbol, or name the file like \
         AAPL.csv"
    )]
    NoSymbol,
    /// It has more rows than are read.
    #[error("the file has more rows than are read")]
    TooLarge,
    /// Malformed quotes, line ends or encoding.
    #[error("{0}")]
    Structure(String),
    /// A number with two meanings.
    #[error(
        "line {line}: {text:?} can be read in two ways, and the file does not show in which: name \
         the mark before decimals with --decimal point or --decimal comma"
    )]
    Ambiguous { line: u64, text: String },
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It is no text.
    #[error("{0}")]
    NotText(String),
    /// It cannot be read.
    #[error("the file cannot be read")]
    Read(#[from] csv::Error),
}

impl From<text_reader::TextFormatError> for ImportError {
    fn from(what: text_reader::TextFormatError) -> Self {
        match what {
            text_reader::TextFormatError::Empty => Self::Empty,
            text_reader::TextFormatError::Format(what) => {
                Self::NotText(format!("expected CSV, got {what}"))
            }
            text_reader::TextFormatError::Nul => Self::NotText(
                "expected text, got NUL characters (UTF-16 needs a byte order mark)".to_owned(),
            ),
        }
    }
}

impl From<number::AmbiguousNumber> for ImportError {
    fn from(number::AmbiguousNumber { line, text }: number::AmbiguousNumber) -> Self {
        Self::Ambiguous { line, text }
    }
}
