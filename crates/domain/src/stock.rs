//! Stocks and their daily bars, as market sources, imports, providers and the store exchange them.

use serde::Deserialize;

use crate::{Day, Price, Symbol};

/// A stock with its texts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockInfo {
    /// The ticker symbol.
    pub symbol: Symbol,
    /// The company's usual name.
    pub name: String,
    /// The category of its business, like `Tech`.
    pub category: String,
    /// The description for adults.
    pub description: String,
    /// The description for a reader of nine.
    pub kid_friendly_description: String,
    /// A fact that is true and fun to read.
    pub fun_fact: Option<String>,
}

/// The texts of a stock that a file or the operator provides; `None` leaves a text unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockDescription {
    /// The ticker symbol.
    pub symbol: Symbol,
    /// The company's usual name.
    pub name: Option<String>,
    /// The category of its business.
    pub category: Option<String>,
    /// The description for adults.
    pub description: Option<String>,
    /// The description for children.
    pub kid_friendly_description: Option<String>,
    /// A fact that is true and fun to read.
    pub fun_fact: Option<String>,
}

impl StockDescription {
    /// Replaces the texts of `stock` that this description has.
    pub fn apply(&self, stock: &mut StockInfo) {
        let set = |old: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                old.clone_from(new);
            }
        };
        set(&mut stock.name, &self.name);
        set(&mut stock.category, &self.category);
        set(&mut stock.description, &self.description);
        set(&mut stock.kid_friendly_description, &self.kid_friendly_description);
        if self.fun_fact.is_some() {
            stock.fun_fact.clone_from(&self.fun_fact);
        }
    }
}

/// The prices of a stock on one trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyBar {
    /// The day in the exchange's time zone.
    pub day: Day,
    /// The first price, if known.
    pub open: Option<Price>,
    /// The highest price, if known.
    pub high: Option<Price>,
    /// The lowest price, if known.
    pub low: Option<Price>,
    /// The last price.
    pub close: Price,
    /// The number of shares traded, if known.
    pub volume: Option<i64>,
}
