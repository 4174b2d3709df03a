//! Texts about stocks from CSV or TOML, without markup and control characters. Files may complete
//! each other; two different texts for the same field are rejected.

use std::collections::HashMap;

use csv::StringRecord;
use domain::{StockDescription, Symbol};
use serde::Deserialize;
use toml::Spanned;

use super::ImportError;
use super::header::DescriptionColumns;
use crate::markup::clean_text;

/// The longest text of a stock, in characters.
const TEXT_MAX: usize = 500;
/// The longest text with its markup, in bytes.
const RAW_MAX: usize = 16_384;

/// What a row has about a stock.
#[derive(Debug)]
pub(super) struct DescriptionRow {
    pub(super) texts: StockDescription,
    /// Whether the description is only the industry, for which any description is taken.
    pub(super) is_industry: bool,
    /// Texts that had markup.
    pub(super) markup: u64,
    /// Texts that had control characters.
    pub(super) controls: u64,
}

/// A line and its texts, or why it was refused.
pub(super) type DescriptionLine = (u64, Result<DescriptionRow, String>);

/// Cleans the texts of a row and counts those that it changes.
#[derive(Default)]
struct Cleaner {
    markup: u64,
    controls: u64,
}

impl Cleaner {
    /// A text as it is stored; `None` where it is empty.
    fn clean(&mut self, name: &str, text: &str) -> Result<Option<String>, String> {
        // Cleaning looks for the ends of tags, and so takes long for long texts.
        if text.len() > RAW_MAX {
            return Err(format!("{name} is longer than {TEXT_MAX} characters"));
        }
        let clean = clean_text(text);
        self.markup += u64::from(clean.had_markup);
        self.controls += u64::from(clean.had_controls);
        let text = clean.text.into_owned();
        if text.chars().count() > TEXT_MAX {
            return Err(format!("{name} is longer than {TEXT_MAX} characters"));
        }
        Ok((!text.is_empty()).then_some(text))
    }

    fn found(self, texts: StockDescription, is_industry: bool) -> DescriptionRow {
        let Self { markup, controls } = self;
        DescriptionRow { texts, is_industry, markup, controls }
    }
}

/// The texts of a row's stock.
pub(super) fn read_texts(
    columns: &DescriptionColumns,
    record: &StringRecord,
) -> Result<DescriptionRow, String> {
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let symbol = Symbol::parse(cell(columns.symbol))
        .map_err(|error| format!("expected a symbol, got {:?}: {error}", cell(columns.symbol)))?;
    let mut cleaner = Cleaner::default();
    let mut text = |name: &str, column: Option<usize>| match column {
        Some(at) => cleaner.clean(name, cell(at)),
        None => Ok(None),
    };
    let (name, category) = (text("name", columns.name)?, text("category", columns.category)?);
    let (own, industry) =
        (text("description", columns.description)?, text("industry", columns.industry)?);
    let is_industry = own.is_none() && industry.is_some();
    let texts = StockDescription {
        symbol,
        name,
        category,
        description: own.or(industry),
        kid_friendly_description: text("the text for children", columns.kid_description)?,
        fun_fact: text("fun fact", columns.fun_fact)?,
    };
    Ok(cleaner.found(texts, is_industry))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    stocks: Vec<Spanned<CatalogueEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueEntry {
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
pub(super) fn read_toml(text: &str) -> Result<Vec<DescriptionLine>, ImportError> {
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

impl CatalogueEntry {
    fn read(self) -> Result<DescriptionRow, String> {
        let symbol = Symbol::parse(&self.symbol)
            .map_err(|error| format!("expected a symbol, got {:?}: {error}", self.symbol))?;
        let mut cleaner = Cleaner::default();
        let mut text = |name: &str, text: Option<String>| {
            cleaner.clean(name, text.as_deref().unwrap_or_default())
        };
        let texts = StockDescription {
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
        Ok(cleaner.found(texts, false))
    }
}

/// Texts and, for each of them, the file that it came from.
#[derive(Debug)]
struct JoinedDescription {
    texts: StockDescription,
    is_industry: bool,
    files: [usize; 5],
}

/// What several files have about stocks.
#[derive(Debug, Default)]
pub(super) struct JoinedDescriptions {
    stocks: Vec<JoinedDescription>,
    positions: HashMap<Symbol, usize>,
}

impl JoinedDescriptions {
    /// Adds what a file has about a stock.
    ///
    /// # Errors
    /// When an earlier file has another text for the same thing; nothing is added then.
    pub(super) fn add(
        &mut self,
        found: DescriptionRow,
        file: usize,
        names: &[String],
    ) -> Result<(), String> {
        let DescriptionRow { mut texts, is_industry, .. } = found;
        let Some(position) = self.positions.get(&texts.symbol) else {
            self.positions.insert(texts.symbol.clone(), self.stocks.len());
            self.stocks.push(JoinedDescription { texts, is_industry, files: [file; 5] });
            return Ok(());
        };
        let known = &mut self.stocks[*position];
        // A description goes before an industry.
        if is_industry && !known.is_industry && known.texts.description.is_some() {
            texts.description = None;
        }
        let is_replaced = known.is_industry && !is_industry && texts.description.is_some();
        let mut old = known.texts.clone();
        old.description = old.description.filter(|_| !is_replaced);
        let pairs = fields(&mut old).into_iter().zip(fields(&mut texts));
        let differs = |(at, ((name, old), (_, new))): (usize, TextPair<'_>)| {
            (old.is_some() && new.is_some() && old != new).then_some((at, name))
        };
        let different = pairs.enumerate().find_map(differs);
        if let Some((at, name)) = different {
            let other = names.get(known.files[at]).map_or("another file", String::as_str);
            return Err(format!("{other} has another {name} of {}", texts.symbol));
        }
        known.texts = old;
        if texts.description.is_some() {
            known.is_industry = is_industry;
        }
        let pairs = fields(&mut known.texts).into_iter().zip(fields(&mut texts));
        for (at, ((_, old), (_, new))) in pairs.enumerate() {
            if old.is_none() && new.is_some() {
                *old = new.take();
                known.files[at] = file;
            }
        }
        Ok(())
    }

    /// All of them, in the order in which they were found.
    pub(super) fn finish(self) -> Vec<StockDescription> {
        self.stocks.into_iter().map(|stock| stock.texts).collect()
    }
}

/// A text by its name.
type NamedText<'t> = (&'static str, &'t mut Option<String>);
/// The same text of two descriptions.
type TextPair<'t> = (NamedText<'t>, NamedText<'t>);

fn fields(texts: &mut StockDescription) -> [NamedText<'_>; 5] {
    [
        ("name", &mut texts.name),
        ("category", &mut texts.category),
        ("description", &mut texts.description),
        ("text for children", &mut texts.kid_friendly_description),
        ("fun fact", &mut texts.fun_fact),
    ]
}
