//! The currencies that a file names: one for all rows and all files, unless the caller chooses one.

use std::collections::{BTreeSet, HashMap};

use csv::StringRecord;

use super::ImportError;
use crate::currency::PriceUnit;

#[derive(Default)]
pub(super) struct FileCurrencies {
    units: HashMap<String, Option<PriceUnit>>,
    pub(super) found: BTreeSet<String>,
    /// The first bar without a currency.
    pub(super) unnamed: Option<u64>,
    /// Rows without a currency, which are bad if another row of the file has one.
    pub(super) pending: Vec<(u64, StringRecord)>,
}

impl FileCurrencies {
    pub(super) fn unit_of(&mut self, text: &str) -> Result<Option<PriceUnit>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        if !self.units.contains_key(text) {
            let unit = PriceUnit::parse(text);
            self.found.extend(unit.as_ref().map(|unit| unit.currency.clone()));
            self.units.insert(text.to_owned(), unit);
        }
        match self.units.get(text) {
            Some(Some(unit)) => Ok(Some(unit.clone())),
            _ => Err(format!("expected a currency like USD, got {text:?}")),
        }
    }

    /// The one currency of this file and the files before it, which have `known`. Where the caller
    /// has `chosen` one, the file has to contain it.
    pub(super) fn agree(
        self,
        chosen: Option<&PriceUnit>,
        known: Option<String>,
    ) -> Result<Option<String>, ImportError> {
        let Self { mut found, unnamed, .. } = self;
        if let Some(wanted) = chosen {
            if !found.is_empty() && !found.contains(&wanted.currency) {
                return Err(ImportError::NoCurrency(wanted.currency.clone()));
            }
            return Ok(known);
        }
        if let (Some(line), Some(named)) = (unnamed, found.first()) {
            let text = format!(
                "line {line} has no currency, and other lines have {named}: name the currency of \
                 such lines with --currency, or leave them out with --skip-bad"
            );
            return Err(ImportError::Structure(text));
        }
        found.extend(known);
        if found.len() > 1 {
            let names: Vec<String> = found.into_iter().collect();
            return Err(ImportError::Currencies(names.join(" and ")));
        }
        Ok(found.pop_first())
    }
}
