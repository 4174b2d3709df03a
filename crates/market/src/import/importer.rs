//! Reads files into one market: classifies each row and joins the bars and texts of all files.

use std::collections::btree_map::Entry as DayEntry;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};
use std::path::Path;

use csv::StringRecord;
use domain::{DailyBar, Day, Price, Symbol};

use super::bars::{RowError, is_note, read_bar};
use super::date::read_day;
use super::descriptions::{self, DescriptionRow, JoinedDescriptions};
use super::header::{BarColumns, DescriptionColumns, FileLayout, Header, PriceColumns};
use super::number::NumberReader;
use super::outcome::{FileCurrencies, SkippedRow};
use super::row_reader::{self, RowReader};
use super::{ImportError, ImportNote, ImportOptions, ImportSummary, ImportedData};
use crate::currency::PriceUnit;

/// The first day that a bar may have.
const FIRST_DAY: Day = Day(-62_091);
/// Endings that are no part of a symbol in a file's name.
const ENDINGS: [&str; 4] = [".gz", ".csv", ".txt", ".tsv"];

/// Reads files into one market.
#[derive(Debug)]
pub struct Importer {
    pub(super) options: ImportOptions,
    files: Vec<String>,
    positions: HashMap<String, usize>,
    stocks: Vec<StockBars>,
    texts: JoinedDescriptions,
    pub(super) currency: Option<String>,
    tick: Price,
    pub(super) summary: ImportSummary,
}

#[derive(Debug)]
struct StockBars {
    symbol: Symbol,
    bars: Vec<DailyBar>,
    /// In which file each day was.
    days: BTreeMap<i32, usize>,
}

/// What a file is read with.
pub(super) struct FileContext<'f> {
    number: usize,
    marks: NumberReader,
    currencies: FileCurrencies,
    pub(super) note: &'f mut dyn FnMut(ImportNote),
}

impl Importer {
    pub fn new(options: ImportOptions) -> Self {
        Self {
            options,
            files: Vec::new(),
            positions: HashMap::new(),
            stocks: Vec::new(),
            texts: JoinedDescriptions::default(),
            currency: None,
            tick: Price(100),
            summary: ImportSummary::default(),
        }
    }

    pub fn summary(&self) -> &ImportSummary {
        &self.summary
    }

    /// Reads a file, whatever it has. Each row that is not taken is handed to `note`.
    ///
    /// # Errors
    /// When nothing of it can be trusted; a bad row is a note.
    pub fn read(
        &mut self,
        name: &str,
        file: impl Read,
        note: &mut dyn FnMut(ImportNote),
    ) -> Result<(), ImportError> {
        let (sample, text) = row_reader::open_text(file)?;
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
        self.summary.rows += rows.count;
        if let Some(ambiguous) = file.marks.finish() {
            return Err(ambiguous.into());
        }
        self.agree_on_currency(file.currencies)
    }

    /// Reads `[[stocks]]` of a TOML file.
    ///
    /// # Errors
    /// When it is no such file; a bad stock is a note.
    pub fn read_toml(
        &mut self,
        name: &str,
        text: &str,
        note: &mut dyn FnMut(ImportNote),
    ) -> Result<(), ImportError> {
        let (mut known, file) = (HashMap::new(), self.files.len());
        self.files.push(name.to_owned());
        for (line, found) in descriptions::read_toml(text)? {
            self.summary.rows += 1;
            self.take_texts((file, line), found, &mut known, note);
        }
        Ok(())
    }

    /// All of it, joined.
    pub fn finish(self) -> ImportedData {
        let mut stocks: Vec<(Symbol, Vec<DailyBar>)> =
            self.stocks.into_iter().map(|stock| (stock.symbol, stock.bars)).collect();
        stocks.retain(|(_, bars)| !bars.is_empty());
        stocks.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
        for (_, bars) in &mut stocks {
            bars.sort_unstable_by_key(|bar| bar.day);
        }
        ImportedData {
            stocks,
            texts: self.texts.finish(),
            currency: self.currency.or(self.options.currency.map(|unit| unit.currency)),
            tick: self.tick,
            summary: self.summary,
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
                self.drop(line, reason, file.note);
                continue;
            }
            if let Err(reason) = check_width(record, header.width) {
                self.drop_unless_note(record, columns.date, (line, reason), file);
                continue;
            }
            if self.is_pending(record, columns) {
                file.currencies.pending.push((line, record.clone()));
                continue;
            }
            let read = self.read_row(record, line, columns, own, file);
            self.take(read, line, file)?;
        }
        for (line, record) in std::mem::take(&mut file.currencies.pending) {
            if let Some(named) = file.currencies.found.first() {
                let reason = format!("the row has no currency, and other rows have {named}");
                self.drop_unless_note(&record, columns.date, (line, reason), file);
                continue;
            }
            let read = self.read_row(&record, line, columns, own, file);
            self.take(read, line, file)?;
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

    /// A bar of a row, or why it has none.
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
        let stock = self.stock(symbol)?;
        let stock = &mut self.stocks[stock];
        match stock.days.entry(day.0) {
            DayEntry::Vacant(free) => {
                free.insert(file);
            }
            DayEntry::Occupied(taken) => {
                let other = *taken.get();
                let other = if other == file { "the file" } else { &self.files[other] };
                let symbol = &stock.symbol;
                return Err(format!("{other} has a bar of {symbol} of {day} already").into());
            }
        }
        stock.bars.push(bar);
        self.tick = self.tick.min(tick_of(&bar));
        let count = &mut self.summary;
        count.bars += 1;
        count.rounded += u64::from(changes.is_rounded);
        count.moved += u64::from(changes.is_moved);
        count.widened += u64::from(changes.is_widened);
        count.zeros += u64::from(changes.has_zeros);
        Ok(None)
    }

    /// The position of a stock, which is added where it is new.
    fn stock(&mut self, text: &str) -> Result<usize, String> {
        if let Some(position) = self.positions.get(text) {
            return Ok(*position);
        }
        let symbol = Symbol::parse(text)
            .map_err(|error| format!("expected a symbol, got {text:?}: {error}"))?;
        let position = match self.positions.entry(symbol.to_string()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let position = self.stocks.len();
                free.insert(position);
                self.stocks.push(StockBars { symbol, bars: Vec::new(), days: BTreeMap::new() });
                position
            }
        };
        self.positions.insert(text.to_owned(), position);
        Ok(position)
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
                self.drop(line, reason, file.note);
                continue;
            }
            let day = check_width(record, header.width).and_then(|()| {
                let day = read_day(cell(record, Some(0)), self.options.dates)?;
                self.check_day(day).map(|()| day)
            });
            let day = match day {
                Ok(day) => day,
                Err(reason) => {
                    self.drop_unless_note(record, 0, (line, reason), file);
                    continue;
                }
            };
            for (symbol, prices) in columns {
                let (row, number) = ((record, line), file.number);
                let prices = (prices, places);
                let read = self.add(symbol.as_str(), row, prices, day, &mut file.marks, number);
                self.take(read, line, file)?;
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
                self.summary.markup += markup;
                self.summary.controls += controls;
            }
            Err(reason) => self.drop(line, reason, note),
        }
    }

    fn check_day(&self, day: Day) -> Result<(), String> {
        if day < FIRST_DAY {
            return Err(format!("{day} is before {FIRST_DAY}, the first day that is read"));
        }
        if day <= self.options.today { Ok(()) } else { Err(format!("{day} is in the future")) }
    }
}

pub(super) fn cell(record: &StringRecord, column: Option<usize>) -> &str {
    column.and_then(|at| record.get(at)).unwrap_or_default().trim()
}

/// Refuses a row with other fields than the header has; empty ones at the end do no harm.
fn check_width(record: &StringRecord, width: usize) -> Result<(), String> {
    let fields = record.len();
    if fields < width || record.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
        return Err(format!("expected {width} fields as in the header, got {fields}"));
    }
    Ok(())
}

/// Whether a row repeats the header, as files do that were made of several.
fn is_header(record: &StringRecord, columns: &BarColumns) -> bool {
    let row = [record.clone()];
    let found = Header::find(&row).ok().flatten();
    found.is_some_and(|header| header.layout == FileLayout::Bars(columns.clone()))
}

/// The finest step of a bar's prices.
fn tick_of(bar: &DailyBar) -> Price {
    let prices = [Some(bar.close), bar.open, bar.high, bar.low];
    let steps = prices.into_iter().flatten().map(|price| match price.0 {
        price if price % 100 == 0 => 100,
        price if price % 10 == 0 => 10,
        _ => 1,
    });
    Price(steps.min().unwrap_or(100))
}

/// The symbol that a file is named after, in capital letters: `AAPL.csv`, `BRK-B.csv.gz`.
fn symbol_of_file(name: &str) -> Option<Symbol> {
    let mut name = Path::new(name).file_name()?.to_str()?;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
        name = shorter;
    }
    let is_loud = name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    Symbol::parse(name).ok().filter(|_| is_loud)
}
