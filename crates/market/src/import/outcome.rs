//! Counts and reports rows that are skipped, rejected or left out, and checks that all files have
//! the same currency.

use std::collections::{BTreeSet, HashMap};

use csv::StringRecord;

use super::bars::{RowError, is_note};
use super::date::read_day;
use super::importer::{FileContext, Importer, cell};
use super::{ImportError, ImportNote};
use crate::currency::PriceUnit;

/// A row that is no bar.
pub(super) enum SkippedRow {
    OtherCurrency(String),
    OtherSeries(String),
    NoPrice,
    Note,
}

/// The currencies that a file names.
#[derive(Default)]
pub(super) struct FileCurrencies {
    units: HashMap<String, Option<PriceUnit>>,
    pub(super) found: BTreeSet<String>,
    /// The first bar that names none.
    pub(super) unnamed: Option<u64>,
    /// Rows that name none, which are bad if another row of the file names one.
    pub(super) pending: Vec<(u64, StringRecord)>,
}

impl Importer {
    pub(super) fn take(
        &mut self,
        read: Result<Option<SkippedRow>, RowError>,
        line: u64,
        file: &mut FileContext<'_>,
    ) -> Result<(), ImportError> {
        let skipped = match read {
            Ok(None) => return Ok(()),
            Ok(Some(skipped)) => skipped,
            Err(RowError::Refused(reason)) => {
                self.drop(line, reason, file.note);
                return Ok(());
            }
            Err(RowError::Ambiguous(ambiguous)) => return Err(ambiguous.into()),
        };
        let (count, reason) = match skipped {
            SkippedRow::OtherCurrency(currency) => {
                (&mut self.summary.other_currencies, format!("a price in {currency}"))
            }
            SkippedRow::OtherSeries(series) => (
                &mut self.summary.other_series,
                format!("a row of the series {series:?}, and only EQ is taken"),
            ),
            SkippedRow::NoPrice => (&mut self.summary.without_price, "no price".to_owned()),
            SkippedRow::Note => (&mut self.summary.notes, "a total, a note or a header".to_owned()),
        };
        *count += 1;
        (file.note)(ImportNote { line, is_refused: false, is_bad: false, reason });
        Ok(())
    }

    pub(super) fn drop_unless_note(
        &mut self,
        record: &StringRecord,
        date: usize,
        (line, reason): (u64, String),
        file: &mut FileContext<'_>,
    ) {
        let day = read_day(cell(record, Some(date)), self.options.dates);
        if day.is_err() && is_note(record, date) {
            self.summary.notes += 1;
            let reason = "a total, a note or a header".to_owned();
            (file.note)(ImportNote { line, is_refused: false, is_bad: false, reason });
        } else {
            self.drop(line, reason, file.note);
        }
    }

    /// A bad row.
    pub(super) fn drop(&mut self, line: u64, reason: String, note: &mut dyn FnMut(ImportNote)) {
        let is_refused = !self.options.skip_bad;
        if is_refused {
            self.summary.refused += 1;
        } else {
            self.summary.bad += 1;
        }
        note(ImportNote { line, is_refused, is_bad: true, reason });
    }

    /// Takes over the one currency of a file, which is that of the files before it.
    pub(super) fn agree_on_currency(&mut self, file: FileCurrencies) -> Result<(), ImportError> {
        let FileCurrencies { mut found, unnamed, .. } = file;
        if let Some(wanted) = &self.options.currency {
            if !found.is_empty() && !found.contains(&wanted.currency) {
                return Err(ImportError::NoCurrency(wanted.currency.clone()));
            }
            return Ok(());
        }
        if let (Some(line), Some(named)) = (unnamed, found.first()) {
            let text = format!(
                "line {line} has no currency, and other lines have {named}: name the currency of \
                 such lines with --currency, or leave them out with --skip-bad"
            );
            return Err(ImportError::Structure(text));
        }
        found.extend(self.currency.clone());
        if found.len() > 1 {
            let names: Vec<String> = found.into_iter().collect();
            return Err(ImportError::Currencies(names.join(" and ")));
        }
        self.currency = found.pop_first();
        Ok(())
    }
}

impl FileCurrencies {
    /// The unit that a row names.
    pub(super) fn unit_of(&mut self, text: &str) -> Result<Option<PriceUnit>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        if !self.units.contains_key(text) {
            let unit = PriceUnit::parse(text);
            self.found.extend(unit.as_ref().map(|unit| unit.currency.clone()));
            self.units.insert(text.to_owned(), unit);
        }
        match self.units.get(text) {
            Some(Some(unit)) => Ok(Some(unit.clone())),
            _ => Err(format!("expected a currency like USD, got {text:?}")),
        }
    }
}
