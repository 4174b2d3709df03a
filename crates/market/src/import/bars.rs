//! Parses a row into a daily bar, no price, or an error that names the field and what is expected.

use csv::StringRecord;
use domain::{DailyBar, Day, Price};

use super::header::PriceColumns;
use super::number::{AmbiguousNumber, NumberReader};
use crate::decimal::Decimal;

/// Words for a missing value.
const MISSING: [&str; 11] =
    ["-", "--", "nan", "null", "none", "n/a", "na", "n/d", "nil", "#n/a", "\u{2013}"];
/// The first words of notes and totals below a table.
const NOTES: [&str; 17] = [
    "total",
    "totals",
    "subtotal",
    "grand",
    "sum",
    "average",
    "mean",
    "note",
    "notes",
    "source",
    "disclaimer",
    "copyright",
    "generated",
    "prepared",
    "legend",
    "end",
    "page",
];
#[derive(Debug)]
pub(super) enum RowError {
    /// What was expected, and what was found.
    Refused(String),
    /// An earlier number was misread, so the file is rejected.
    Ambiguous(AmbiguousNumber),
}

impl From<String> for RowError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<AmbiguousNumber> for RowError {
    fn from(ambiguous: AmbiguousNumber) -> Self {
        Self::Ambiguous(ambiguous)
    }
}

/// What storing a bar changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BarChanges {
    /// A price was finer than it is stored.
    pub(super) is_rounded: bool,
    /// Rounding moved a price by more than half a percent.
    pub(super) is_moved: bool,
    /// Open or close were a step outside of high and low, which were widened.
    pub(super) is_widened: bool,
    /// Open, high or low of 0 count as missing.
    pub(super) has_zeros: bool,
}

enum CellValue {
    Missing,
    Zero,
    Number(Decimal),
}

/// Reads the prices of a stock in a row; `None` where the stock has no price that day.
pub(super) fn read_bar(
    marks: &mut NumberReader,
    (record, line): (&StringRecord, u64),
    columns: &PriceColumns,
    places: u32,
    day: Day,
) -> Result<Option<(DailyBar, BarChanges)>, RowError> {
    let mut changes = BarChanges::default();
    let mut finest = 0;
    let mut is_empty = true;
    let mut price = |name: &str, column: Option<usize>| -> Result<Option<Price>, RowError> {
        let text = column.map(|at| record.get(at).unwrap_or_default().trim()).unwrap_or_default();
        let number = match value(marks, line, name, text)? {
            CellValue::Missing => return Ok(None),
            CellValue::Zero => {
                changes.has_zeros |= name != "close";
                return Ok(None);
            }
            CellValue::Number(number) => number.shifted(places),
        };
        is_empty = false;
        finest = finest.max(number.places);
        let stored = number.stored().ok_or_else(|| format!("{name} is too high: {text:?}"))?;
        if stored.price.0 == 0 {
            let least = "the lowest price is 0.0001";
            return Err(format!("{name} would become 0: {least}, got {text:?}").into());
        }
        changes.is_rounded |= stored.is_rounded;
        changes.is_moved |= stored.is_moved;
        Ok(Some(stored.price))
    };
    let (open, high, low) =
        (price("open", columns.open)?, price("high", columns.high)?, price("low", columns.low)?);
    let close = price("close", Some(columns.close))?;
    let Some(close) = close else {
        if is_empty {
            return Ok(None);
        }
        let text = record.get(columns.close).unwrap_or_default().trim();
        return Err(if is_missing(text) {
            "close is missing".to_owned()
        } else {
            format!("close is not a price: {text:?}")
        }
        .into());
    };
    let mut bar = DailyBar { day, open, high, low, close, volume: None };
    changes.is_widened = widen(&mut bar, finest)?;
    bar.volume = volume(marks, line, record, columns)?;
    Ok(Some((bar, changes)))
}

fn value(
    marks: &mut NumberReader,
    line: u64,
    name: &str,
    text: &str,
) -> Result<CellValue, RowError> {
    if is_missing(text) {
        return Ok(CellValue::Missing);
    }
    // The dollar stands for several currencies: the column of currencies or the caller names one.
    match marks.read(line, text.strip_prefix('$').unwrap_or(text))? {
        Some(Decimal { mantissa: 0, .. }) => Ok(CellValue::Zero),
        Some(number) => Ok(CellValue::Number(number.without_noise())),
        None => Err(format!("{name} is not a price: {text:?}{}", hint(text)).into()),
    }
}

/// A hint for a number with the other decimal mark.
fn hint(text: &str) -> &'static str {
    let is_marked = text.contains([',', '.'])
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'));
    if is_marked { " (does the file write decimals in another way? see --decimal)" } else { "" }
}

/// Checks that the prices are consistent up to one step, and widens high and low. Returns whether
/// anything changed.
fn widen(bar: &mut DailyBar, places: u32) -> Result<bool, String> {
    let step = 10i64.pow(4 - places.min(4));
    let slack = |price: Price| step.min(price.0 / 100).max(1);
    let is_above = |price: Price, most: Price| price.0 > most.0 + slack(most);
    if bar.high.zip(bar.low).is_some_and(|(high, low)| is_above(low, high)) {
        return Err("high is below low".to_owned());
    }
    let (mut high, mut low) = (bar.high, bar.low);
    for (name, price) in [("close", Some(bar.close)), ("open", bar.open)] {
        let Some(price) = price else { continue };
        let is_outside = bar.high.is_some_and(|high| is_above(price, high))
            || bar.low.is_some_and(|low| is_above(low, price));
        if is_outside {
            let text = |price: Option<Price>| price.map_or("?".to_owned(), |p| p.to_string());
            let (low, high) = (text(bar.low), text(bar.high));
            return Err(format!("{name} {price} is not between low {low} and high {high}"));
        }
        high = high.map(|high| high.max(price));
        low = low.map(|low| low.min(price));
    }
    if let (Some(most), Some(least)) = (high, low) {
        (high, low) = (Some(most.max(least)), Some(least.min(most)));
    }
    let is_widened = (high, low) != (bar.high, bar.low);
    (bar.high, bar.low) = (high, low);
    Ok(is_widened)
}

/// Whole shares. Vendors that adjust volumes for splits write fractions, which are rounded.
fn volume(
    marks: &mut NumberReader,
    line: u64,
    record: &StringRecord,
    columns: &PriceColumns,
) -> Result<Option<i64>, RowError> {
    let text = columns.volume.and_then(|at| record.get(at)).unwrap_or_default().trim();
    if is_missing(text) {
        return Ok(None);
    }
    let number = match split_suffix(text) {
        None => marks.read_count(line, text)?,
        // Thousands of things have decimals, so that a group needs further proof.
        Some((number, exponent)) => {
            marks.read(line, number)?.and_then(|number| number.times(exponent))
        }
    };
    let number = number.and_then(Decimal::whole);
    number.map(Some).ok_or_else(|| format!("volume is not a number: {text:?}").into())
}

/// A number and the power of ten that the letter behind it stands for: `350.5K`.
fn split_suffix(text: &str) -> Option<(&str, i32)> {
    let (at, suffix) = text.char_indices().next_back()?;
    let exponent = match suffix {
        'K' | 'k' => 3,
        'M' | 'm' => 6,
        'B' | 'b' => 9,
        _ => return None,
    };
    Some((text[..at].trim_end(), exponent))
}

/// Whether a text is a word for a missing value.
pub(super) fn is_missing(text: &str) -> bool {
    text.is_empty()
        || !text.as_bytes()[0].is_ascii_digit()
            && MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a row without a date is a total or a note below the table: where its date should be is
/// nothing or the row's first text, which begins with a word that bars do not begin with, or is a
/// sentence of its own.
pub(super) fn is_note(record: &StringRecord, date: usize) -> bool {
    let mut filled = (0..).zip(record.iter().map(str::trim)).filter(|(_, cell)| !cell.is_empty());
    let Some((at, first)) = filled.next() else { return true };
    let has_other_date = record.get(date).is_some_and(|cell| !cell.trim().is_empty()) && at != date;
    if has_other_date {
        return false;
    }
    if first.starts_with(['*', '\u{2020}', '\u{a9}', '#']) {
        return true;
    }
    let word = first.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if NOTES.contains(&word.to_lowercase().as_str()) {
        return true;
    }
    let is_sentence = first.contains(char::is_whitespace)
        && first.chars().filter(|c| c.is_alphabetic()).count() > first.len() / 2;
    is_sentence && filled.next().is_none()
}
