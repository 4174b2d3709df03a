//! Detects the layout of a file: its delimiter, header rows and columns. Two columns with the same
//! meaning and unknown units are rejected.

mod column_names;

use csv::StringRecord;
use domain::Symbol;

use self::column_names::{
    CURRENCIES, ColumnKind, NAMES, OTHERS, SIGNS, is_price, is_unit, plain_name,
};
use crate::currency::PriceUnit;

/// Rows among which the header is looked for: exports begin with titles.
pub(super) const HEADER_ROWS_MAX: usize = 20;

/// The columns of prices of one stock, and their places behind the decimal mark beyond those that
/// are written: prices in cents have two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PriceColumns {
    pub(super) open: Option<usize>,
    pub(super) high: Option<usize>,
    pub(super) low: Option<usize>,
    pub(super) close: usize,
    pub(super) volume: Option<usize>,
    pub(super) places: u32,
}

/// The columns of daily bars, a bar a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BarColumns {
    pub(super) date: usize,
    pub(super) symbol: Option<usize>,
    pub(super) prices: PriceColumns,
    pub(super) currency: Option<usize>,
    pub(super) period: Option<usize>,
    pub(super) series: Option<usize>,
    /// The currency that the header names, behind the names of prices.
    pub(super) named: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DescriptionColumns {
    pub(super) symbol: usize,
    pub(super) name: Option<usize>,
    pub(super) category: Option<usize>,
    pub(super) industry: Option<usize>,
    pub(super) description: Option<usize>,
    pub(super) kid_description: Option<usize>,
    pub(super) fun_fact: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileLayout {
    /// A bar a row.
    Bars(BarColumns),
    /// A day a row, with columns for each stock.
    Wide(Vec<(Symbol, PriceColumns)>),
    /// A stock a row.
    Texts(DescriptionColumns),
}

/// A header: its rows, its width and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layout: FileLayout,
    /// Columns up to the last one that has a name.
    pub(super) width: usize,
    /// Rows up to its last one.
    pub(super) rows: usize,
}

impl Header {
    /// Finds the header in the first rows of a file; `None` if they have no header.
    ///
    /// # Errors
    /// What is wrong with a header that is one.
    pub(super) fn find(rows: &[StringRecord]) -> Result<Option<Self>, String> {
        for at in 0..rows.len().min(HEADER_ROWS_MAX) {
            if let Some((layout, more)) = read(&rows[at..])? {
                let named = (1..).zip(rows[at].iter()).filter(|(_, name)| !name.trim().is_empty());
                let width = named.last().map_or(0, |(width, _)| width);
                return Ok(Some(Self { layout, width, rows: at + 1 + more }));
            }
        }
        Ok(None)
    }
}

/// The layout that these rows begin with, and how many of them belong to it beside the first.
fn read(rows: &[StringRecord]) -> Result<Option<(FileLayout, usize)>, String> {
    if let [first, second, third, ..] = rows
        && let Some(layout) = read_wide(first, second, third)?
    {
        return Ok(Some((layout, 2)));
    }
    let Some(row) = rows.first() else { return Ok(None) };
    let columns = HeaderColumns::of(row);
    let close = columns.find(ColumnKind::Close)?.or(columns.find(ColumnKind::AdjustedClose)?);
    if let Some((date, close)) = columns.find(ColumnKind::Date)?.zip(close) {
        return Ok(Some((FileLayout::Bars(bars(&columns, date, close)?), 0)));
    }
    Ok(texts(&columns)?.map(|texts| (FileLayout::Texts(texts), 0)))
}

fn bars(columns: &HeaderColumns, date: usize, close: usize) -> Result<BarColumns, String> {
    let (open, high, low) = (
        columns.find(ColumnKind::Open)?,
        columns.find(ColumnKind::High)?,
        columns.find(ColumnKind::Low)?,
    );
    let mut units = [open, high, low, Some(close)].into_iter().flatten().map(|at| columns.unit(at));
    let unit = units.next().unwrap_or(Ok(ColumnUnit::default()))?;
    for other in units {
        if other? != unit {
            return Err("the prices of the header are in different units".to_owned());
        }
    }
    Ok(BarColumns {
        date,
        symbol: columns.find(ColumnKind::Symbol)?,
        prices: PriceColumns {
            open,
            high,
            low,
            close,
            volume: columns.find(ColumnKind::Volume)?,
            places: unit.places,
        },
        currency: columns.currency()?,
        period: columns.find(ColumnKind::Period)?,
        series: columns.find(ColumnKind::PriceSeries)?,
        named: unit.currency,
    })
}

fn texts(columns: &HeaderColumns) -> Result<Option<DescriptionColumns>, String> {
    let Some(symbol) = columns.find(ColumnKind::Symbol)? else { return Ok(None) };
    let found = DescriptionColumns {
        symbol,
        name: columns.find(ColumnKind::Name)?,
        category: columns.find(ColumnKind::Category)?,
        industry: columns.find(ColumnKind::Industry)?,
        description: columns.find(ColumnKind::Description)?,
        kid_description: columns.find(ColumnKind::KidDescription)?,
        fun_fact: columns.find(ColumnKind::FunFact)?,
    };
    let texts =
        [found.name, found.category, found.description, found.kid_description, found.fun_fact];
    Ok(texts.iter().any(Option::is_some).then_some(found))
}

/// The two rows of names that pandas writes for a table with several stocks, and the row with the
/// name of the dates below them.
fn read_wide(
    first: &StringRecord,
    second: &StringRecord,
    third: &StringRecord,
) -> Result<Option<FileLayout>, String> {
    let dates = third.get(0).map(plain_name).unwrap_or_default();
    let is_alone = third.iter().skip(1).all(|cell| cell.trim().is_empty());
    if !is_alone || !NAMES[0].1.contains(&dates.as_str()) || first.len() < 2 {
        return Ok(None);
    }
    let fields = |row: &StringRecord| -> Option<Vec<Option<ColumnKind>>> {
        row.iter().skip(1).map(known).collect()
    };
    let (fields, symbols) = match (fields(first), fields(second)) {
        (Some(fields), _) => (fields, second),
        (None, Some(fields)) => (fields, first),
        (None, None) => return Ok(None),
    };
    let mut stocks: Vec<(Symbol, Vec<(ColumnKind, usize)>)> = Vec::new();
    for (at, (field, symbol)) in (1..).zip(fields.into_iter().zip(symbols.iter().skip(1))) {
        let symbol = Symbol::parse(symbol)
            .map_err(|error| format!("expected a symbol in the header, got {symbol:?}: {error}"))?;
        let Some(field) = field else { continue };
        let known = match stocks.iter().position(|(known, _)| *known == symbol) {
            Some(known) => &mut stocks[known],
            None => {
                stocks.push((symbol.clone(), Vec::new()));
                let last = stocks.len() - 1;
                &mut stocks[last]
            }
        };
        if known.1.iter().any(|(other, _)| *other == field) {
            return Err(format!("the header has {field:?} of {symbol} twice"));
        }
        known.1.push((field, at));
    }
    let stocks = stocks.into_iter().map(|(symbol, columns)| {
        let find = |field| columns.iter().find(|(known, _)| *known == field).map(|(_, at)| *at);
        let close = find(ColumnKind::Close).or(find(ColumnKind::AdjustedClose));
        let close = close.ok_or_else(|| format!("the header has no close of {symbol}"))?;
        let prices = PriceColumns {
            open: find(ColumnKind::Open),
            high: find(ColumnKind::High),
            low: find(ColumnKind::Low),
            close,
            volume: find(ColumnKind::Volume),
            places: 0,
        };
        Ok((symbol, prices))
    });
    stocks.collect::<Result<Vec<_>, String>>().map(|stocks| Some(FileLayout::Wide(stocks)))
}

/// The field of a column of pandas; `Some(None)` for one that is left alone, `None` for a name that
/// is unknown.
fn known(name: &str) -> Option<Option<ColumnKind>> {
    let name = plain_name(name);
    if OTHERS.contains(&name.as_str()) {
        return Some(None);
    }
    let prices = &NAMES[2..8];
    prices.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(field, _)| Some(*field))
}

/// In what the prices of a column are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ColumnUnit {
    places: u32,
    currency: Option<String>,
}

/// The names of a row, and what stands in brackets behind them.
struct HeaderColumns(Vec<(String, String)>);

impl HeaderColumns {
    fn of(row: &StringRecord) -> Self {
        Self(row.iter().map(split_unit).collect())
    }

    /// The column of a field. The first of its names goes before the others.
    fn find(&self, field: ColumnKind) -> Result<Option<usize>, String> {
        let names = NAMES.iter().find(|(known, _)| *known == field).map_or(&[][..], |(_, n)| n);
        for name in names {
            let mut found = (0..).zip(&self.0).filter(|(_, (column, _))| column == name);
            let first = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                return Err(format!("the header has {name:?} twice"));
            }
            if first.is_some() {
                return Ok(first);
            }
        }
        Ok(None)
    }

    /// The column of currencies. Which of several holds the currency of the prices is not known.
    fn currency(&self) -> Result<Option<usize>, String> {
        let names = NAMES.iter().find(|(known, _)| *known == ColumnKind::Currency);
        let names = names.map_or(&[][..], |(_, names)| names);
        let is_currency =
            |name: &str| names.contains(&name) || CURRENCIES.iter().any(|word| name.contains(word));
        let mut found = (0..).zip(&self.0).filter(|(_, (column, _))| is_currency(column));
        let first = found.next();
        match (first, found.next()) {
            (Some((_, (one, _))), Some((_, (two, _)))) => {
                Err(format!("the header has two columns of currencies: {one:?} and {two:?}"))
            }
            (first, _) => Ok(first.map(|(at, _)| at)),
        }
    }

    fn unit(&self, at: usize) -> Result<ColumnUnit, String> {
        let text = self.0[at].1.as_str();
        if let Some((_, currency)) = SIGNS.iter().find(|(sign, _)| *sign == text) {
            return Ok(ColumnUnit { places: 0, currency: currency.map(str::to_owned) });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let (code, in_cents) = match words[..] {
            [] => (None, false),
            ["c" | "cents" | "cent"] => (None, true),
            [code, "c" | "cents" | "cent"] => (Some(code), true),
            [code] => (Some(code), false),
            _ => return Err(format!("the header has prices in an unknown unit: {text:?}")),
        };
        let unknown = || format!("the header has prices in an unknown unit: {text:?}");
        // A word in small letters is no currency, unless it is a smaller unit.
        let is_code = |code: &str, unit: &PriceUnit| {
            unit.places > 0 || code.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        let unit = |code| PriceUnit::parse(code).filter(|unit| is_code(code, unit));
        let unit = code.map(|code| unit(code).ok_or_else(unknown)).transpose()?;
        let places = unit.as_ref().map_or(0, |unit| unit.places) + if in_cents { 2 } else { 0 };
        Ok(ColumnUnit { places, currency: unit.map(|unit| unit.currency) })
    }
}

/// A column's name and the unit behind it, in brackets or not: `Close (US$)`, `Close EUR`.
fn split_unit(name: &str) -> (String, String) {
    let name = name.trim();
    let parts = name.strip_suffix([')', ']']).and_then(|rest| rest.rsplit_once(['(', '[']));
    if let Some((name, unit)) = parts {
        return (plain_name(name), unit.trim().to_owned());
    }
    let whole = plain_name(name);
    let sign = SIGNS.iter().find_map(|(sign, _)| Some((name.strip_suffix(sign)?, *sign)));
    let code = || name.rsplit_once([' ', '_']).filter(|(_, code)| is_unit(code));
    match sign.or_else(code) {
        Some((name, unit)) if is_price(&plain_name(name)) && !is_price(&whole) => {
            (plain_name(name), unit.to_owned())
        }
        _ => (whole, String::new()),
    }
}
