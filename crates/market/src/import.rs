//! Markets from CSV files: daily bars, constituents and descriptions, told apart by their header.
//! Every line is checked, and each refusal says which line and why. It keeps nothing; what is read
//! is taken over by the caller, all of it or nothing.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};
use domain::{Day, Price, Symbol};
use thiserror::Error;

use crate::catalogue::StockText;
use crate::provider::DailyBar;
use crate::provider::number::{decimal_price, is_tiny};

/// The most refusals that are kept; the others are counted.
const REFUSALS_MAX: usize = 20;
/// The most bytes a file may have, unpacked.
const SIZE_MAX: u64 = 4 << 30;
/// The most rows a file may have.
const ROWS_MAX: u64 = 20_000_000;
/// The longest text of a stock, in characters.
const TEXT_MAX: usize = 500;

/// What to make of a file.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Only bars of this currency (ISO 4217), where the file names one.
    pub currency: Option<String>,
    /// The last day that a bar may have.
    pub today: Day,
}

/// Why a line was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRefused {
    /// The line, from 1.
    pub line: u64,
    /// What was expected, and what was there.
    pub reason: String,
}

/// What was read of a file.
#[derive(Clone, Debug, Default)]
pub struct ImportFile {
    /// Daily bars, in the file's order.
    pub bars: Vec<(Symbol, DailyBar)>,
    /// What is said about stocks.
    pub stocks: Vec<StockText>,
    /// Rows of other currencies, which were left out.
    pub left_out: u64,
    /// Bars with a price above zero that is smaller than the smallest one there is, which stands
    /// for it.
    pub tiny: u64,
    /// The first refusals.
    pub refused: Vec<LineRefused>,
    /// All refusals.
    pub refused_total: u64,
}

impl ImportFile {
    fn refuse(&mut self, line: u64, reason: String) {
        self.refused_total += 1;
        if self.refused.len() < REFUSALS_MAX {
            self.refused.push(LineRefused { line, reason });
        }
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The header is none of those that are known.
    #[error(
        "expected a header with date,symbol,close (daily bars), symbol,name,sector (constituents) \
         or symbol,kid_description,pro_description (descriptions), got {0:?}"
    )]
    UnknownHeader(String),
    /// The file has prices of several currencies.
    #[error("the file has prices in {0}: name one currency")]
    Currencies(String),
    /// The file has no price of the currency.
    #[error("the file has no price in {0}")]
    NoCurrency(String),
    /// It is larger than is read.
    #[error("the file is larger than is read")]
    TooLarge,
    /// It is no CSV or cannot be read.
    #[error("the file cannot be read")]
    Read(#[from] csv::Error),
}

/// Which columns stand where.
struct Columns(HashMap<String, usize>);

impl Columns {
    fn read(header: &StringRecord) -> Self {
        // A byte order mark is no part of the first name.
        let name = |text: &str| text.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
        Self(header.iter().map(name).zip(0..).collect())
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.0.contains_key(*name))
    }

    fn get<'r>(&self, record: &'r StringRecord, name: &str) -> &'r str {
        self.0.get(name).and_then(|at| record.get(*at)).unwrap_or_default().trim()
    }
}

/// Reads a file, whatever of the three kinds it is.
///
/// # Errors
/// When nothing of it can be read; a bad line is a refusal.
pub fn read_import(file: impl Read, options: &ImportOptions) -> Result<ImportFile, ImportError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(file.take(SIZE_MAX));
    let header = reader.headers()?.clone();
    let columns = Columns::read(&header);
    let mut found = ImportFile::default();
    let mut rows = Rows { reader, record: StringRecord::new(), count: 0 };
    if columns.has(&["date", "symbol", "close"]) {
        read_bars(&mut rows, &columns, options, &mut found)?;
    } else if columns.has(&["symbol", "kid_description", "pro_description"]) {
        while let Some(line) = rows.next()? {
            match description(&columns, &rows.record) {
                Ok(stock) => found.stocks.push(stock),
                Err(reason) => found.refuse(line, reason),
            }
        }
    } else if columns.has(&["symbol", "name", "sector"]) {
        while let Some(line) = rows.next()? {
            match constituent(&columns, &rows.record) {
                Ok(stock) => found.stocks.push(stock),
                Err(reason) => found.refuse(line, reason),
            }
        }
    } else {
        let header: Vec<&str> = header.iter().take(12).collect();
        return Err(ImportError::UnknownHeader(header.join(",")));
    }
    Ok(found)
}

struct Rows<R> {
    reader: csv::Reader<R>,
    record: StringRecord,
    count: u64,
}

impl<R: Read> Rows<R> {
    /// Reads the next row; its line, or `None` after the last.
    fn next(&mut self) -> Result<Option<u64>, ImportError> {
        if !self.reader.read_record(&mut self.record)? {
            return Ok(None);
        }
        self.count += 1;
        if self.count > ROWS_MAX || self.reader.position().byte() >= SIZE_MAX {
            return Err(ImportError::TooLarge);
        }
        let position = self.record.position();
        Ok(Some(position.map_or(0, csv::Position::line)))
    }
}

fn read_bars<R: Read>(
    rows: &mut Rows<R>,
    columns: &Columns,
    options: &ImportOptions,
    found: &mut ImportFile,
) -> Result<(), ImportError> {
    let mut currencies = BTreeSet::new();
    let mut symbols: HashMap<String, (Symbol, BTreeSet<i32>)> = HashMap::new();
    while let Some(line) = rows.next()? {
        let record = &rows.record;
        let currency = columns.get(record, "currency");
        if !currency.is_empty() && !currencies.contains(currency) {
            currencies.insert(currency.to_owned());
        }
        let wanted = options.currency.as_deref();
        if !currency.is_empty() && wanted.is_some_and(|wanted| wanted != currency) {
            found.left_out += 1;
            continue;
        }
        match bar(columns, record, options.today) {
            Ok((text, bar, is_tiny)) => {
                found.tiny += u64::from(is_tiny);
                let Some((symbol, days)) = known(&mut symbols, text) else {
                    found.refuse(line, format!("expected a symbol, got {text:?}"));
                    continue;
                };
                if days.insert(bar.day.0) {
                    found.bars.push((symbol.clone(), bar));
                } else {
                    found.refuse(line, format!("{symbol} has a bar of {} already", bar.day));
                }
            }
            Err(reason) => found.refuse(line, reason),
        }
    }
    match &options.currency {
        None if currencies.len() > 1 => {
            let names: Vec<String> = currencies.into_iter().collect();
            Err(ImportError::Currencies(names.join(" and ")))
        }
        Some(wanted) if !currencies.is_empty() && !currencies.contains(wanted) => {
            Err(ImportError::NoCurrency(wanted.clone()))
        }
        _ => Ok(()),
    }
}

/// A stock that was seen, and its days; `None` where the text is no symbol.
fn known<'s>(
    symbols: &'s mut HashMap<String, (Symbol, BTreeSet<i32>)>,
    text: &str,
) -> Option<&'s mut (Symbol, BTreeSet<i32>)> {
    if !symbols.contains_key(text) {
        let symbol = Symbol::parse(text).ok()?;
        symbols.insert(text.to_owned(), (symbol, BTreeSet::new()));
    }
    symbols.get_mut(text)
}

fn bar<'r>(
    columns: &Columns,
    record: &'r StringRecord,
    today: Day,
) -> Result<(&'r str, DailyBar, bool), String> {
    let get = |name| columns.get(record, name);
    let day = Day::parse(get("date"))
        .ok_or_else(|| format!("expected a date like 2013-02-08, got {:?}", get("date")))?;
    if day > today {
        return Err(format!("{day} has not been yet"));
    }
    let prices = ["open", "high", "low", "close"];
    let has_tiny = prices.iter().any(|name| is_tiny(columns.get(record, name)));
    let price = |name| {
        let text = columns.get(record, name);
        if text.is_empty() {
            return Ok(None);
        }
        if has_tiny && is_tiny(text) {
            return Ok(Some(Price(1)));
        }
        decimal_price(text).map(Some).ok_or_else(|| format!("{name} is not a price: {text:?}"))
    };
    let (open, high, low) = (price("open")?, price("high")?, price("low")?);
    let close = price("close")?.ok_or("close is missing")?;
    let inside =
        |price: Price| high.is_none_or(|high| price <= high) && low.is_none_or(|low| price >= low);
    if high.zip(low).is_some_and(|(high, low)| high < low) {
        return Err("high is below low".to_owned());
    }
    if !inside(close) || open.is_some_and(|open| !inside(open)) {
        return Err("open and close must be between low and high".to_owned());
    }
    let volume = match get("volume") {
        "" => None,
        text => Some(volume(text).ok_or_else(|| format!("volume is not a number: {text:?}"))?),
    };
    Ok((get("symbol"), DailyBar { day, open, high, low, close, volume }, has_tiny))
}

/// Whole shares; some files write them with a fraction of 0.
fn volume(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    (whole >= 0 && fraction.bytes().all(|digit| digit == b'0')).then_some(whole)
}

fn constituent(columns: &Columns, record: &StringRecord) -> Result<StockText, String> {
    let symbol = symbol_of(columns, record)?;
    let (name, sector) = (text_of(columns, record, "name")?, text_of(columns, record, "sector")?);
    let name = if name.is_empty() { symbol.to_string() } else { name };
    let industry = text_of(columns, record, "industry")?;
    Ok(StockText {
        symbol,
        name,
        category: if sector.is_empty() { "Other".to_owned() } else { sector },
        description: industry,
        kid_friendly_description: String::new(),
        fun_fact: None,
    })
}

fn description(columns: &Columns, record: &StringRecord) -> Result<StockText, String> {
    let fun_fact = text_of(columns, record, "fun_fact")?;
    Ok(StockText {
        symbol: symbol_of(columns, record)?,
        name: String::new(),
        category: String::new(),
        description: text_of(columns, record, "pro_description")?,
        kid_friendly_description: text_of(columns, record, "kid_description")?,
        fun_fact: Some(fun_fact).filter(|text| !text.is_empty()),
    })
}

fn symbol_of(columns: &Columns, record: &StringRecord) -> Result<Symbol, String> {
    let text = columns.get(record, "symbol");
    Symbol::parse(text).map_err(|_| format!("expected a symbol, got {text:?}"))
}

fn text_of(columns: &Columns, record: &StringRecord, name: &str) -> Result<String, String> {
    let text = columns.get(record, name);
    if text.chars().count() > TEXT_MAX {
        return Err(format!("{name} is longer than {TEXT_MAX} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{name} has control characters"));
    }
    Ok(text.to_owned())
}

/// Joins what several files say about the same stocks: a later file adds what an earlier one left
/// open.
pub fn join_texts(texts: Vec<StockText>) -> Vec<StockText> {
    let mut joined: Vec<StockText> = Vec::new();
    let mut places: HashMap<Symbol, usize> = HashMap::new();
    for text in texts {
        let Some(place) = places.get(&text.symbol) else {
            places.insert(text.symbol.clone(), joined.len());
            joined.push(text);
            continue;
        };
        let known = &mut joined[*place];
        let fill = |old: &mut String, new: String| {
            if !new.is_empty() {
                *old = new;
            }
        };
        fill(&mut known.name, text.name);
        fill(&mut known.category, text.category);
        fill(&mut known.description, text.description);
        fill(&mut known.kid_friendly_description, text.kid_friendly_description);
        known.fun_fact = text.fun_fact.or(known.fun_fact.take());
    }
    for stock in &mut joined {
        if stock.name.is_empty() {
            stock.name = stock.symbol.to_string();
        }
        if stock.category.is_empty() {
            "Other".clone_into(&mut stock.category);
        }
        if stock.kid_friendly_description.is_empty() {
            stock.kid_friendly_description.clone_from(&stock.description);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, currency: Option<&str>) -> Result<ImportFile, ImportError> {
        let currency = currency.map(str::to_owned);
        let today = Day::parse("2026-11-27").unwrap();
        read_import(text.as_bytes(), &ImportOptions { currency, today })
    }

    #[test]
    fn bars_are_read_whatever_the_order_of_their_columns() {
        let text = "symbol,volume,close,date,open,high,low,note\n\
                    A,1824755,32.54,2013-02-08,32.53,32.73,32.48,x\n\
                    BRK.B,,98.765432,2013-02-08,,,,\n";
        let found = read(text, None).unwrap();
        assert_eq!((found.bars.len(), found.refused_total), (2, 0));
        let (symbol, bar) = &found.bars[0];
        assert_eq!(
            (symbol.as_str(), bar.close, bar.volume),
            ("A", Price(325_400), Some(1_824_755))
        );
        let (_, bar) = &found.bars[1];
        assert_eq!((bar.open, bar.close, bar.volume), (None, Price(987_654), None));
    }

    #[test]
    fn every_bad_line_is_named_with_its_reason() {
        let head = "date,symbol,open,high,low,close,volume\n";
        for (line, reason) in [
            ("2013-02-30,A,1,1,1,1,1", "a date like"),
            ("2027-01-01,A,1,1,1,1,1", "has not been yet"),
            ("2013-02-08,A B,1,1,1,1,1", "expected a symbol, got \"A B\""),
            ("2013-02-08,A,1,1,1,abc,1", "close is not a price: \"abc\""),
            ("2013-02-08,A,1,1,1,0,1", "close is not a price: \"0\""),
            ("2013-02-08,A,1,1,1,,1", "close is missing"),
            ("2013-02-08,A,1,1,2,1,1", "high is below low"),
            ("2013-02-08,A,1,2,1,3,1", "between low and high"),
            ("2013-02-08,A,1,1,1,1,x", "volume is not a number"),
            ("2013-02-08,OK,1,1,1,1,1", "has a bar of 2013-02-08 already"),
            ("2013-02-08", "close is missing"),
        ] {
            let found = read(&format!("{head}2013-02-08,OK,1,1,1,1,1\n{line}\n"), None).unwrap();
            assert_eq!((found.refused_total, found.bars.len()), (1, 1), "{line}");
            assert_eq!(found.refused[0].line, 3, "{line}");
            let told = &found.refused[0].reason;
            assert!(told.contains(reason), "{line}: {told}");
        }
        let many = format!("{head}{}", "x,A,1,1,1,1,1\n".repeat(50));
        let found = read(&many, None).unwrap();
        assert_eq!((found.refused_total, found.refused.len()), (50, 20));
    }

    #[test]
    fn one_currency_is_read_at_a_time() {
        let text = "date,symbol,close,currency\n2024-04-05,A,100,ZWL\n2024-04-08,A,2,ZWG\n";
        let error = read(text, None).unwrap_err().to_string();
        assert_eq!(error, "the file has prices in ZWG and ZWL: name one currency");
        let found = read(text, Some("ZWG")).unwrap();
        assert_eq!((found.bars.len(), found.left_out), (1, 1));
        let error = read(text, Some("USD")).unwrap_err().to_string();
        assert_eq!(error, "the file has no price in USD");
        let plain = read("date,symbol,close\n2024-04-05,A,100\n", Some("USD")).unwrap();
        assert_eq!(plain.bars.len(), 1, "a file without a currency has the one that is named");
    }

    #[test]
    fn a_price_below_the_smallest_is_kept_as_that_and_told() {
        let text = "date,symbol,open,close\n2024-04-08,A,0.000018,0.0002\n2024-04-09,A,1,1\n";
        let found = read(text, None).unwrap();
        assert_eq!((found.bars.len(), found.tiny), (2, 1));
        assert_eq!(found.bars[0].1.open, Some(Price(1)));
    }

    #[test]
    fn texts_of_several_files_are_joined() {
        let constituents = "symbol,name,sector,industry\nA,Agilent,Health Care,Equipment\n";
        let descriptions = "symbol,kid_description,pro_description,fun_fact\n\
                            A,\"Makes tools, for labs.\",Laboratory instruments.,\n";
        let mut texts = read(constituents, None).unwrap().stocks;
        texts.extend(read(descriptions, None).unwrap().stocks);
        let joined = join_texts(texts);
        assert_eq!(joined.len(), 1);
        let stock = &joined[0];
        assert_eq!((stock.name.as_str(), stock.category.as_str()), ("Agilent", "Health Care"));
        assert_eq!(stock.description, "Laboratory instruments.");
        assert_eq!(stock.kid_friendly_description, "Makes tools, for labs.");
    }

    #[test]
    fn a_file_of_another_kind_is_refused_by_its_header() {
        let error = read("a,b\n1,2\n", None).unwrap_err().to_string();
        assert!(error.contains("expected a header with") && error.ends_with("got \"a,b\""));
        let marked = "\u{feff}date,symbol,close\n2024-04-05,A,100\n";
        assert_eq!(read(marked, None).unwrap().bars.len(), 1, "a byte order mark does no harm");
    }
}
