//! Counts and reports the rows that are skipped, rejected or left out of an import.

use csv::StringRecord;

use super::bars::{RowError, is_note};
use super::date::{DateOrder, read_day};
use super::row_reader::cell;
use super::{ImportError, ImportNote, ImportSummary};

pub(super) enum SkippedRow {
    OtherCurrency(String),
    OtherSeries(String),
    NoPrice,
    Note,
}

#[derive(Debug)]
pub(super) struct RowTally {
    pub(super) summary: ImportSummary,
    skip_bad: bool,
    dates: Option<DateOrder>,
}

impl RowTally {
    /// Bad rows are left out with `skip_bad`, and refused without.
    pub(super) fn new(skip_bad: bool, dates: Option<DateOrder>) -> Self {
        Self { summary: ImportSummary::default(), skip_bad, dates }
    }

    pub(super) fn take(
        &mut self,
        read: Result<Option<SkippedRow>, RowError>,
        line: u64,
        note: &mut dyn FnMut(ImportNote),
    ) -> Result<(), ImportError> {
        let skipped = match read {
            Ok(None) => return Ok(()),
            Ok(Some(skipped)) => skipped,
            Err(RowError::Refused(reason)) => {
                self.drop(line, reason, note);
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
        note(ImportNote { line, is_refused: false, is_bad: false, reason });
        Ok(())
    }

    pub(super) fn drop_unless_note(
        &mut self,
        record: &StringRecord,
        date: usize,
        (line, reason): (u64, String),
        note: &mut dyn FnMut(ImportNote),
    ) {
        let day = read_day(cell(record, Some(date)), self.dates);
        if day.is_err() && is_note(record, date) {
            self.summary.notes += 1;
            let reason = "a total, a note or a header".to_owned();
            note(ImportNote { line, is_refused: false, is_bad: false, reason });
        } else {
            self.drop(line, reason, note);
        }
    }

    pub(super) fn drop(&mut self, line: u64, reason: String, note: &mut dyn FnMut(ImportNote)) {
        let is_refused = !self.skip_bad;
        if is_refused {
            self.summary.refused += 1;
        } else {
            self.summary.bad += 1;
        }
        note(ImportNote { line, is_refused, is_bad: true, reason });
    }
}
