//! The lines of an import that were refused or left out, and closes that are far apart: the first
//! of them on the terminal, all of them in a file where one is wanted.

use std::fs::File;
use std::path::{Path, PathBuf};

use market::ImportNote;
use store::PriceJump;

use crate::error::Failure;
use crate::term;

/// The most lines on the terminal.
const SHOWN_MAX: u64 = 20;
/// The most neighbouring closes on the terminal.
const JUMPS_SHOWN_MAX: usize = 10;

/// What an import did not take as it was.
pub(super) struct Report {
    file: Option<(PathBuf, csv::Writer<File>)>,
    fault: Option<csv::Error>,
    bad: u64,
}

impl Report {
    /// Writes to the file, if one is named: CSV with `file,line,what,reason`.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self { file: None, fault: None, bad: 0 }) };
        let file = File::create(path).map_err(|error| Failure::Report(path.to_owned(), error))?;
        let mut report = Self {
            file: Some((path.to_owned(), csv::Writer::from_writer(file))),
            fault: None,
            bad: 0,
        };
        report.write(["file", "line", "what", "reason"]);
        Ok(report)
    }

    /// A row of a file that was not taken.
    pub(super) fn note(&mut self, file: &str, note: &ImportNote) {
        let ImportNote { line, is_refused, is_bad, reason } = note;
        if *is_bad {
            self.bad += 1;
            if self.bad <= SHOWN_MAX {
                let left_out = if *is_refused { "" } else { " (left out)" };
                term::complain(&format!("{file}:{line}: {reason}{left_out}"));
            }
        }
        let what = if *is_refused { "refused" } else { "left out" };
        self.write([file, &line.to_string(), what, reason]);
    }

    /// Counts the bad rows that were not listed on the terminal.
    pub(super) fn unlisted(&self) {
        let more = self.bad.saturating_sub(SHOWN_MAX);
        if more > 0 {
            term::complain(&format!("{more} more bad lines (--report FILE lists all)"));
        }
    }

    /// Neighbouring closes that are so far apart that a split may not have been adjusted for.
    pub(super) fn jumps(&mut self, jumps: &[PriceJump]) -> Result<(), Failure> {
        for (number, jump) in jumps.iter().enumerate() {
            let PriceJump { symbol, before: (first, before), after: (then, after) } = jump;
            let text = format!("{symbol}: {before} on {first}, {after} on {then}");
            if number < JUMPS_SHOWN_MAX {
                term::complain(&format!("warning: {text}"));
            }
            self.write(["", "", "warning", &text]);
        }
        if !jumps.is_empty() {
            term::complain(&format!(
                "warning: {} neighbouring closes differ by more than 40 %. Prices must be adjusted \
                 for splits: nothing else does it",
                jumps.len()
            ));
        }
        Ok(())
    }

    /// Makes sure that all of it is in the file.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let Some((path, writer)) = &mut self.file else { return Ok(()) };
        let failed = |error: std::io::Error| Failure::Report(path.clone(), error);
        if let Some(fault) = self.fault.take() {
            return Err(failed(fault.into()));
        }
        writer.flush().map_err(failed)
    }

    fn write(&mut self, row: [&str; 4]) {
        let Some((_, writer)) = &mut self.file else { return };
        if self.fault.is_none() {
            self.fault = writer.write_record(row).err();
        }
    }
}
