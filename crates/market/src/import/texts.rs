//! Texts about stocks from CSV or TOML: any of name, category, description, text for children and
//! fun fact, the others stay as they are. Markup is removed.

use std::collections::HashMap;

use csv::StringRecord;
use domain::Symbol;
use serde::Deserialize;
use toml::Spanned;

use super::ImportError;
use super::header::TextColumns;
use crate::markup::strip_markup;

/// The longest text of a stock, in characters.
const TEXT_MAX: usize = 500;

/// What a file has about a stock; `None` for what it leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockDescription {
    /// Its symbol.
    pub symbol: Symbol,
    /// The company's name.
    pub name: Option<String>,
    /// What kind of business it is.
    pub category: Option<String>,
    /// For adults.
    pub description: Option<String>,
    /// For children.
    pub kid_friendly_description: Option<String>,
    /// Something to smile about.
    pub fun_fact: Option<String>,
}

/// A description and how many of its texts had markup.
pub(super) type Stripped = (StockDescription, u64);

/// A line and its description, or why it was refused.
pub(super) type Line = (u64, Result<Stripped, String>);

/// The text of a row's stock.
pub(super) fn read_texts(columns: &TextColumns, record: &StringRecord) -> Result<Stripped, String> {
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let symbol = Symbol::parse(cell(columns.symbol))
        .map_err(|error| format!("expected a symbol, got {:?}: {error}", cell(columns.symbol)))?;
    let mut stripped = 0;
    let mut text = |name: &str, column: Option<usize>| match column {
        Some(at) => clean(name, cell(at), &mut stripped),
        None => Ok(None),
    };
    let (name, category) = (text("name", columns.name)?, text("category", columns.category)?);
    let (own, industry) =
        (text("description", columns.description)?, text("industry", columns.industry)?);
    let found = StockDescription {
        symbol,
        name,
        category,
        description: own.or(industry),
        kid_friendly_description: text("the text for children", columns.kid_description)?,
        fun_fact: text("fun fact", columns.fun_fact)?,
    };
    Ok((found, stripped))
}

/// A text as it is stored; `None` where it is empty.
fn clean(name: &str, text: &str, stripped: &mut u64) -> Result<Option<String>, String> {
    let plain = strip_markup(text);
    *stripped += u64::from(plain.is_some());
    let text = plain.as_deref().unwrap_or(text).trim();
    if text.chars().count() > TEXT_MAX {
        return Err(format!("{name} is longer than {TEXT_MAX} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{name} has control characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    stocks: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    symbol: String,
    name: Option<String>,
    #[serde(alias = "sector")]
    category: Option<String>,
    description: Option<String>,
    #[serde(alias = "kid_text", alias = "kid_description")]
    kid_friendly_description: Option<String>,
    fun_fact: Option<String>,
}

/// Reads `[[stocks]]` of a TOML file, in the form of the built-in texts. Each stock with the line
/// on which its table begins, or why it was refused.
///
/// # Errors
/// When the file is no such TOML.
pub(super) fn read_toml(text: &str) -> Result<Vec<Line>, ImportError> {
    let line_at = |at: usize| {
        let lines = text.get(..at).unwrap_or(text).bytes().filter(|byte| *byte == b'\n').count();
        u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1)
    };
    let catalogue: Catalogue = toml::from_str(text).map_err(|error| {
        let line = line_at(error.span().map_or(0, |span| span.start));
        ImportError::Structure(format!("line {line}: {}", error.message()))
    })?;
    let entries = catalogue.stocks.into_iter();
    Ok(entries.map(|entry| (line_at(entry.span().start), entry.into_inner().read())).collect())
}

impl Entry {
    fn read(self) -> Result<Stripped, String> {
        let symbol = Symbol::parse(&self.symbol)
            .map_err(|error| format!("expected a symbol, got {:?}: {error}", self.symbol))?;
        let mut stripped = 0;
        let mut text = |name: &str, text: Option<String>| {
            clean(name, text.as_deref().unwrap_or_default(), &mut stripped)
        };
        let found = StockDescription {
            symbol,
            name: text("name", self.name)?,
            category: text("category", self.category)?,
            description: text("description", self.description)?,
            kid_friendly_description: text(
                "kid_friendly_description",
                self.kid_friendly_description,
            )?,
            fun_fact: text("fun_fact", self.fun_fact)?,
        };
        Ok((found, stripped))
    }
}

/// Joins what several files have about the same stocks: a later file adds to an earlier one, and
/// replaces what both have.
pub(super) fn join(texts: Vec<StockDescription>) -> Vec<StockDescription> {
    let mut joined: Vec<StockDescription> = Vec::new();
    let mut positions: HashMap<Symbol, usize> = HashMap::new();
    for text in texts {
        let Some(position) = positions.get(&text.symbol) else {
            positions.insert(text.symbol.clone(), joined.len());
            joined.push(text);
            continue;
        };
        let known = &mut joined[*position];
        let fill = |old: &mut Option<String>, new: Option<String>| {
            if new.is_some() {
                *old = new;
            }
        };
        fill(&mut known.name, text.name);
        fill(&mut known.category, text.category);
        fill(&mut known.description, text.description);
        fill(&mut known.kid_friendly_description, text.kid_friendly_description);
        fill(&mut known.fun_fact, text.fun_fact);
    }
    joined
}
