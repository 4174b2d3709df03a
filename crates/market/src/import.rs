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

/// The options of an import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Only bars of this currency where a file names several; the unit of prices where it names
    /// none.
    pub currency: Option<PriceUnit>,
    /// The decimal mark; detected if it is not set.
    pub decimal: Option<DecimalMark>,
    /// The order of day and month; without it, ambiguous dates are rejected.
    pub dates: Option<DateOrder>,
    /// The stock of files that have no column of symbols.
    pub symbol: Option<Symbol>,
    /// The last day that a bar may have.
    pub today: Day,
    /// Skip bad rows instead of rejecting the import.
    pub skip_bad: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportNote {
    /// The line in which the row begins, from 1.
    pub line: u64,
    /// Whether it makes the import fail.
    pub is_refused: bool,
    /// Whether it is bad: rejected, or skipped by `skip_bad`.
    pub is_bad: bool,
    /// What was expected, and what was found.
    pub reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Rows below headers.
    pub rows: u64,
    /// Imported daily bars.
    pub bars: u64,
    /// Rejected rows.
    pub refused: u64,
    /// Skipped bad rows.
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

/// The joined content of the files.
#[derive(Clone, Debug)]
pub struct ImportedData {
    /// Stocks that have bars, by symbol, and their bars, ascending by day.
    pub stocks: Vec<(Symbol, Vec<DailyBar>)>,
    pub texts: Vec<StockDescription>,
    /// The currency of the prices (ISO 4217); `None` where no file names one.
    pub currency: Option<String>,
    /// The finest step of the prices: 0.01, 0.001 or 0.0001.
    pub tick: Price,
    pub summary: ImportSummary,
}

/// Why a file cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The header is unknown.
    #[error(
        "expected a header with date, symbol and close (daily bars) or with symbol and name, \
         category, description, kid_description or fun_fact (texts), got {0:?}"
    )]
    UnknownHeader(String),
    /// The header is contradictory.
    #[error("{0}")]
    Header(String),
    /// The file has prices of several currencies.
    #[error("prices are in {0}: choose one with --currency")]
    Currencies(String),
    /// The file has no price of the currency.
    #[error("the file has no price in {0}")]
    NoCurrency(String),
    /// Neither the file nor the options name the stock.
    #[error(
        "the file has no column of symbols: name its stock with --symbol, or name the file like \
         AAPL.csv"
    )]
    NoSymbol,
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
    #[error("the file is empty")]
    Empty,
    /// The file is not text.
    #[error("{0}")]
    NotText(String),
    #[error("the file cannot be read")]
    Read(#[from] csv::Error),
}

impl From<std::io::Error> for ImportError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error.into())
    }
}

impl From<number::AmbiguousNumber> for ImportError {
    fn from(number::AmbiguousNumber { line, text }: number::AmbiguousNumber) -> Self {
        Self::Ambiguous { line, text }
    }
}
