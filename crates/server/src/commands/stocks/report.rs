//! The report of an import: rejected and omitted lines, and closes that differ suspiciously. The
//! first of them are printed, all are written to a CSV file on request.

use std::fs::File;
use std::path::{Path, PathBuf};

use market::ImportNote;
use store::PriceJump;

use crate::error::CommandError;
use crate::term;

/// Lines that are printed.
const PRINTED_MAX: u64 = 20;
/// Price jumps that are printed.
const JUMPS_PRINTED_MAX: usize = 10;

pub(super) struct ImportReport {
    file: Option<(PathBuf, csv::Writer<File>)>,
    error: Option<csv::Error>,
    bad: u64,
}

impl ImportReport {
    /// Writes to the file, if one is given: CSV with `file,line,what,reason`.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = path else { return Ok(Self { file: None, error: None, bad: 0 }) };
        let file =
            File::create(path).map_err(|error| CommandError::Report(path.to_owned(), error))?;
        let mut report = Self {
            file: Some((path.to_owned(), csv::Writer::from_writer(file))),
            error: None,
            bad: 0,
        };
        report.write(["file", "line", "what", "reason"]);
        Ok(report)
    }

    /// Reports a line that was rejected or omitted.
    pub(super) fn note(&mut self, file: &str, note: &ImportNote) {
        let ImportNote { line, is_refused, is_bad, reason } = note;
        if *is_bad {
            self.bad += 1;
            if self.bad <= PRINTED_MAX {
                let left_out = if *is_refused { "" } else { " (left out)" };
                term::print_error(&format!("{file}:{line}: {reason}{left_out}"));
            }
        }
        let what = if *is_refused { "refused" } else { "left out" };
        self.write([file, &line.to_string(), what, reason]);
    }

    /// Prints how many malformed lines were not printed.
    pub(super) fn print_unlisted(&self) {
        let more = self.bad.saturating_sub(PRINTED_MAX);
        if more > 0 {
            term::print_error(&format!("{more} more bad lines (--report FILE lists all)"));
        }
    }

    /// Reports adjacent closes that differ so much that prices may not be adjusted for a split.
    pub(super) fn jumps(&mut self, jumps: &[PriceJump]) -> Result<(), CommandError> {
        for (number, jump) in jumps.iter().enumerate() {
            let PriceJump { symbol, before: (first, before), after: (then, after) } = jump;
            let text = format!("{symbol}: {before} on {first}, {after} on {then}");
            if number < JUMPS_PRINTED_MAX {
                term::print_error(&format!("warning: {text}"));
            }
            self.write(["", "", "warning", &text]);
        }
        if !jumps.is_empty() {
            term::print_error(&format!(
                "warning: {} neighboring closes differ by more than 40 %. The files must contain \
                 prices adjusted for splits: the game does not adjust them",
                jumps.len()
            ));
        }
        Ok(())
    }

    /// Flushes the file; returns the first error of writing it.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        let Some((path, writer)) = &mut self.file else { return Ok(()) };
        let failed = |error: std::io::Error| CommandError::Report(path.clone(), error);
        if let Some(error) = self.error.take() {
            return Err(failed(error.into()));
        }
        writer.flush().map_err(failed)
    }

    fn write(&mut self, row: [&str; 4]) {
        let Some((_, writer)) = &mut self.file else { return };
        if self.error.is_none() {
            self.error = writer.write_record(row).err();
        }
    }
}
