//! Reads the rows below the header of a file, each with the line in which it begins.

use std::io::{BufRead, BufReader, Cursor};

use csv::{ReaderBuilder, StringRecord};

use super::ImportError;
use super::header::{HEADER_ROWS_MAX, Header};
use super::line_reader::LineReader;
use super::text_reader::TextReader;

/// The most rows a file may have.
const ROWS_MAX: u64 = 20_000_000;
/// The delimiters, in the order of the attempts.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file's rows.
pub(super) struct RowReader<R> {
    reader: csv::Reader<LineReader<R>>,
    pub(super) record: StringRecord,
    pub(super) count: u64,
}

impl<R: BufRead> RowReader<R> {
    fn new(input: R, delimiter: u8, line: u64) -> Self {
        let lines = LineReader::new(input, delimiter, line);
        let mut builder = ReaderBuilder::new();
        builder.flexible(true).has_headers(false).delimiter(delimiter);
        Self { reader: builder.from_reader(lines), record: StringRecord::new(), count: 0 }
    }

    /// Reads the next row. Returns its line, or `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<u64>, ImportError> {
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        }
        self.count += 1;
        if self.count > ROWS_MAX {
            return Err(ImportError::TooLarge);
        }
        Ok(Some(self.reader.get_ref().record_line()))
    }

    /// Rejects a row with a quoted field that spans lines, which may be rows themselves.
    pub(super) fn check_span(&self) -> Result<(), String> {
        match self.reader.get_ref().span() {
            None => Ok(()),
            Some((opened, ends)) => {
                Err(format!("the quoted field opened in line {opened} ends in line {ends}"))
            }
        }
    }

    fn error(&self, error: csv::Error) -> ImportError {
        match self.reader.get_ref().fault() {
            None => ImportError::Read(error),
            Some(fault) => ImportError::Structure(fault.to_owned()),
        }
    }
}

/// Opens the rows of a text below its header.
pub(super) fn open<'a>(
    sample: &[u8],
    text: TextReader<'a>,
) -> Result<(RowReader<BufReader<TextReader<'a>>>, Header, u8), ImportError> {
    let named = named_delimiter(sample);
    let delimiters = named.map_or_else(|| DELIMITERS.to_vec(), |named| vec![named]);
    let mut refused = None;
    for delimiter in delimiters {
        let mut rows = RowReader::new(Cursor::new(sample), delimiter, 0);
        if named.is_some() {
            rows.next()?;
        }
        match Header::find(&first_rows(&mut rows)) {
            Ok(Some(header)) => {
                let mut rows = RowReader::new(BufReader::new(text), delimiter, 0);
                for _ in 0..header.rows + usize::from(named.is_some()) {
                    rows.next()?;
                }
                rows.count = 0;
                return Ok((rows, header, delimiter));
            }
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) => Err(ImportError::Header(error)),
        None => Err(ImportError::UnknownHeader(first_line(sample))),
    }
}

/// The first rows, without one that is cut off by the end of the sample.
fn first_rows(rows: &mut RowReader<Cursor<&[u8]>>) -> Vec<StringRecord> {
    let mut found = Vec::new();
    while found.len() < HEADER_ROWS_MAX + 2 && rows.next().is_ok_and(|line| line.is_some()) {
        found.push(rows.record.clone());
    }
    found
}

/// The delimiter that a line `sep=;` names, as spreadsheets write it before the header.
fn named_delimiter(sample: &[u8]) -> Option<u8> {
    let line = sample.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if delimiter.is_ascii() => {
            Some(*delimiter)
        }
        // The tab was trimmed.
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] => Some(b'\t'),
        _ => None,
    }
}

fn first_line(sample: &[u8]) -> String {
    let mut lines = sample.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    String::from_utf8_lossy(line).chars().take(120).collect()
}

/// Rejects a row with other fields than the header; additional empty fields are allowed.
pub(super) fn check_width(record: &StringRecord, width: usize) -> Result<(), String> {
    let fields = record.len();
    if fields < width || record.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
        return Err(format!("expected {width} fields as in the header, got {fields}"));
    }
    Ok(())
}

/// A trimmed field; empty where the row or the file has none.
pub(super) fn cell(record: &StringRecord, column: Option<usize>) -> &str {
    column.and_then(|at| record.get(at)).unwrap_or_default().trim()
}
