//! Reads files into one market: classifies each row and joins the bars and texts of all files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufRead, Read};
use std::path::Path;

use csv::StringRecord;
use domain::{Day, Symbol};

use super::bars::{RowError, is_note, read_bar};
use super::currencies::FileCurrencies;
use super::date::read_day;
use super::descriptions::{self, DescriptionRow, JoinedDescriptions};
use super::header::{BarColumns, DescriptionColumns, FileLayout, Header, PriceColumns};
use super::joined_bars::JoinedBars;
use super::number::NumberReader;
use super::outcome::{RowTally, SkippedRow};
use super::row_reader::{self, RowReader, cell, check_width};
use super::text_reader;
use super::{ImportError, ImportNote, ImportOptions, ImportSummary, ImportedData};
use crate::currency::PriceUnit;

/// The first day that a bar may have.
const FIRST_DAY: Day = Day(-62_091);
/// Extensions that are removed from a file's name to get the symbol.
const ENDINGS: [&str; 4] = [".gz", ".csv", ".txt", ".tsv"];

/// Joins the bars and texts of files into one market.
#[derive(Debug)]
pub struct Importer {
    options: ImportOptions,
    files: Vec<String>,
    stocks: JoinedBars,
    texts: JoinedDescriptions,
    currency: Option<String>,
    tally: RowTally,
}

struct FileContext<'f> {
    number: usize,
    marks: NumberReader,
    currencies: FileCurrencies,
    note: &'f mut dyn FnMut(ImportNote),
}

impl Importer {
    pub fn new(options: ImportOptions) -> Self {
        Self {
            tally: RowTally::new(options.skip_bad, options.dates),
            options,
            files: Vec::new(),
            stocks: JoinedBars::default(),
            texts: JoinedDescriptions::default(),
            currency: None,
        }
    }

    pub fn summary(&self) -> &ImportSummary {
        &self.tally.summary
    }

    /// Reads a file of bars or texts. `note` receives each row that is not imported.
    ///
    /// # Errors
    /// A file that cannot be imported; a bad row is a note instead.
    pub fn read(
        &mut self,
        name: &str,
        file: impl Read,
        note: &mut dyn FnMut(ImportNote),
    ) -> Result<(), ImportError> {
        let (sample, text) = text_reader::open(file)?;
        let (mut rows, header, delimiter) = row_reader::open(&sample, text)?;
        let number = self.files.len();
        self.files.push(name.to_owned());
        let marks = NumberReader::new(delimiter, self.options.decimal);
        let mut file = FileContext { number, marks, currencies: FileCurrencies::default(), note };
        match &header.layout {
            FileLayout::Bars(columns) => self.read_bars(&mut rows, &header, columns, &mut file)?,
            FileLayout::Wide(columns) => self.read_wide(&mut rows, &header, columns, &mut file)?,
            FileLayout::Texts(columns) => {
                self.read_texts(&mut rows, &header, columns, &mut file)?
            }
        }
        self.tally.summary.rows += rows.count;
        if let Some(ambiguous) = file.marks.finish() {
            return Err(ambiguous.into());
        }
        let (chosen, known) = (self.options.currency.as_ref(), self.currency.clone());
        self.currency = file.currencies.agree(chosen, known)?;
        Ok(())
    }

    /// Reads `[[stocks]]` of a TOML file.
    ///
    /// # Errors
    /// A malformed file; a bad stock is a note instead.
    pub fn read_toml(
        &mut self,
        name: &str,
        text: &str,
        note: &mut dyn FnMut(ImportNote),
    ) -> Result<(), ImportError> {
        let (mut known, file) = (HashMap::new(), self.files.len());
        self.files.push(name.to_owned());
        for (line, found) in descriptions::read_toml(text)? {
            self.tally.summary.rows += 1;
            self.take_texts((file, line), found, &mut known, note);
        }
        Ok(())
    }

    pub fn finish(self) -> ImportedData {
        let (stocks, tick) = self.stocks.finish();
        ImportedData {
            stocks,
            texts: self.texts.finish(),
            currency: self.currency.or(self.options.currency.map(|unit| unit.currency)),
            tick,
            summary: self.tally.summary,
        }
    }

    fn read_bars<R: BufRead>(
        &mut self,
        rows: &mut RowReader<R>,
        header: &Header,
        columns: &BarColumns,
        file: &mut FileContext<'_>,
    ) -> Result<(), ImportError> {
        let own = self.options.symbol.clone();
        let own = own.or_else(|| symbol_of_file(&self.files[file.number]));
        if columns.symbol.is_none() && own.is_none() {
            return Err(ImportError::NoSymbol);
        }
        let own = own.as_ref().map(Symbol::as_str).unwrap_or_default();
        if let Some(named) = &columns.named {
            file.currencies.found.insert(named.clone());
        }
        while let Some(line) = rows.next()? {
            let record = &rows.record;
            if let Err(reason) = rows.check_span() {
                self.tally.drop(line, reason, file.note);
                continue;
            }
            if let Err(reason) = check_width(record, header.width) {
                self.tally.drop_unless_note(record, columns.date, (line, reason), file.note);
                continue;
            }
            if self.is_pending(record, columns) {
                file.currencies.pending.push((line, record.clone()));
                continue;
            }
            let read = self.read_row(record, line, columns, own, file);
            self.tally.take(read, line, file.note)?;
        }
        for (line, record) in std::mem::take(&mut file.currencies.pending) {
            if let Some(named) = file.currencies.found.first() {
                let reason = format!("the row has no currency, and other rows have {named}");
                self.tally.drop_unless_note(&record, columns.date, (line, reason), file.note);
                continue;
            }
            let read = self.read_row(&record, line, columns, own, file);
            self.tally.take(read, line, file.note)?;
        }
        Ok(())
    }

    /// Whether a row without a currency is read after all others. It is bad only if another row has
    /// a currency.
    fn is_pending(&self, record: &StringRecord, columns: &BarColumns) -> bool {
        self.options.skip_bad
            && self.options.currency.is_none()
            && columns.currency.is_some()
            && cell(record, columns.currency).is_empty()
    }

    /// Reads the bar of a row, or returns why it is skipped.
    fn read_row(
        &mut self,
        record: &StringRecord,
        line: u64,
        columns: &BarColumns,
        own: &str,
        file: &mut FileContext<'_>,
    ) -> Result<Option<SkippedRow>, RowError> {
        let text = cell(record, Some(columns.date));
        let day = match read_day(text, self.options.dates) {
            Ok(day) => day,
            Err(_) if is_note(record, columns.date) || is_header(record, columns) => {
                return Ok(Some(SkippedRow::Note));
            }
            Err(reason) => return Err(reason.into()),
        };
        self.check_day(day)?;
        let period = cell(record, columns.period);
        if !["", "D", "d", "1d", "daily"].contains(&period) {
            return Err(format!("expected daily bars (D), got {period:?}").into());
        }
        let series = cell(record, columns.series);
        if !["", "EQ"].contains(&series) {
            return Ok(Some(SkippedRow::OtherSeries(series.to_owned())));
        }
        let named = match columns.currency {
            Some(at) => file.currencies.unit_of(cell(record, Some(at)))?,
            None => columns.named.clone().map(|currency| PriceUnit { currency, places: 0 }),
        };
        let is_unnamed = columns.currency.is_some() && named.is_none();
        let unit = named.or_else(|| self.options.currency.clone());
        let mut places = columns.prices.places;
        if let Some(unit) = unit {
            let wanted = self.options.currency.as_ref();
            if wanted.is_some_and(|wanted| wanted.currency != unit.currency) {
                return Ok(Some(SkippedRow::OtherCurrency(unit.currency)));
            }
            places = places.max(unit.places);
        }
        let symbol = columns.symbol.map_or(own, |at| cell(record, Some(at)));
        let (marks, number) = (&mut file.marks, file.number);
        let row = (record, line);
        let skipped = self.add(symbol, row, (&columns.prices, places), day, marks, number)?;
        if is_unnamed && skipped.is_none() {
            file.currencies.unnamed.get_or_insert(line);
        }
        Ok(skipped)
    }

    /// Reads prices and adds the bar of a stock.
    fn add(
        &mut self,
        symbol: &str,
        row: (&StringRecord, u64),
        (columns, places): (&PriceColumns, u32),
        day: Day,
        marks: &mut NumberReader,
        file: usize,
    ) -> Result<Option<SkippedRow>, RowError> {
        let Some((bar, changes)) = read_bar(marks, row, columns, places, day)? else {
            return Ok(Some(SkippedRow::NoPrice));
        };
        self.stocks.add(symbol, bar, file, &self.files)?;
        let count = &mut self.tally.summary;
        count.bars += 1;
        count.rounded += u64::from(changes.is_rounded);
        count.moved += u64::from(changes.is_moved);
        count.widened += u64::from(changes.is_widened);
        count.zeros += u64::from(changes.has_zeros);
        Ok(None)
    }

    fn read_wide<R: BufRead>(
        &mut self,
        rows: &mut RowReader<R>,
        header: &Header,
        columns: &[(Symbol, PriceColumns)],
        file: &mut FileContext<'_>,
    ) -> Result<(), ImportError> {
        let places = self.options.currency.as_ref().map_or(0, |unit| unit.places);
        while let Some(line) = rows.next()? {
            let record = &rows.record;
            if let Err(reason) = rows.check_span() {
                self.tally.drop(line, reason, file.note);
                continue;
            }
            let day = check_width(record, header.width).and_then(|()| {
                let day = read_day(cell(record, Some(0)), self.options.dates)?;
                self.check_day(day).map(|()| day)
            });
            let day = match day {
                Ok(day) => day,
                Err(reason) => {
                    self.tally.drop_unless_note(record, 0, (line, reason), file.note);
                    continue;
                }
            };
            for (symbol, prices) in columns {
                let (row, number) = ((record, line), file.number);
                let prices = (prices, places);
                let read = self.add(symbol.as_str(), row, prices, day, &mut file.marks, number);
                self.tally.take(read, line, file.note)?;
            }
        }
        Ok(())
    }

    fn read_texts<R: BufRead>(
        &mut self,
        rows: &mut RowReader<R>,
        header: &Header,
        columns: &DescriptionColumns,
        file: &mut FileContext<'_>,
    ) -> Result<(), ImportError> {
        let mut known = HashMap::new();
        while let Some(line) = rows.next()? {
            let record = &rows.record;
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let found = check_width(record, header.width);
            let found = found.and_then(|()| descriptions::read_texts(columns, record));
            self.take_texts((file.number, line), found, &mut known, file.note);
        }
        Ok(())
    }

    fn take_texts(
        &mut self,
        (file, line): (usize, u64),
        found: Result<DescriptionRow, String>,
        known: &mut HashMap<Symbol, u64>,
        note: &mut dyn FnMut(ImportNote),
    ) {
        let read = found.and_then(|found| {
            let symbol = &found.texts.symbol;
            match known.entry(symbol.clone()) {
                Entry::Occupied(first) => {
                    return Err(format!("line {} describes {symbol} already", first.get()));
                }
                Entry::Vacant(free) => free.insert(line),
            };
            let (markup, controls) = (found.markup, found.controls);
            self.texts.add(found, file, &self.files)?;
            Ok((markup, controls))
        });
        match read {
            Ok((markup, controls)) => {
                self.tally.summary.markup += markup;
                self.tally.summary.controls += controls;
            }
            Err(reason) => self.tally.drop(line, reason, note),
        }
    }

    fn check_day(&self, day: Day) -> Result<(), String> {
        if day < FIRST_DAY {
            return Err(format!("{day} is before {FIRST_DAY}, the first day that is read"));
        }
        if day <= self.options.today { Ok(()) } else { Err(format!("{day} is in the future")) }
    }
}

/// Whether a row repeats the header, as in concatenated files.
fn is_header(record: &StringRecord, columns: &BarColumns) -> bool {
    let row = [record.clone()];
    let found = Header::find(&row).ok().flatten();
    found.is_some_and(|header| header.layout == FileLayout::Bars(columns.clone()))
}

/// The symbol in a file's name, in capital letters: `AAPL.csv`, `BRK-B.csv.gz`.
fn symbol_of_file(name: &str) -> Option<Symbol> {
    let mut name = Path::new(name).file_name()?.to_str()?;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
        name = shorter;
    }
    let is_loud = name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    Symbol::parse(name).ok().filter(|_| is_loud)
}
