//! Names, categories and texts of the embedded stocks and of the made-up stocks of a simulation.

use domain::{StockInfo, Symbol};
use serde::Deserialize;

use crate::names::{CATEGORIES, category_of, name_of, symbol_of};

const EMBEDDED: &str = include_str!("../data/stocks.toml");
const LICENCE: &str = include_str!("../data/LICENSE.skfolio.BSD-3-Clause.txt");

/// The 20 stocks of the embedded series, in its order.
pub fn embedded_stocks() -> Vec<StockInfo> {
    #[derive(Deserialize)]
    struct Catalogue {
        stocks: Vec<StockInfo>,
    }
    let read = toml::from_str::<Catalogue>(EMBEDDED);
    read.expect("invariant: the embedded catalogue is well formed").stocks
}

/// The first `count` made-up stocks, at most 10,000; always the same ones.
pub fn simulated_stocks(count: u32) -> Vec<StockInfo> {
    let count = usize::try_from(count.min(10_000)).unwrap_or(0);
    (0..count).map(simulated_stock).collect()
}

/// The licence of the embedded closes, which accompanies every copy of the program.
pub fn data_licence() -> &'static str {
    LICENCE
}

fn simulated_stock(stock: usize) -> StockInfo {
    let (name, category) = (name_of(stock), CATEGORIES[category_of(stock)].0);
    let symbol = Symbol::parse(&symbol_of(stock));
    StockInfo {
        symbol: symbol.expect("invariant: made-up symbols are symbols"),
        description: format!(
            "{name} is a made-up company in the category {category}. Its price is drawn by a \
             random process and stands for no real stock."
        ),
        kid_friendly_description: format!(
            "{name} is not a real company. The computer made it up, so that you can practice."
        ),
        fun_fact: None,
        name,
        category: category.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::PriceSeries;
    use std::collections::HashSet;

    fn assert_complete(stock: &StockInfo) {
        let texts = [Some(&stock.description), Some(&stock.kid_friendly_description)];
        for text in texts.into_iter().chain([stock.fun_fact.as_ref()]).flatten() {
            assert!((40..=250).contains(&text.chars().count()), "{}: {text}", stock.symbol);
            // A plain apostrophe ends the attributes of pages that write texts into them.
            let is_plain = |c: char| c.is_ascii() && c != '\'' || c == '\u{2019}';
            let is_good = text.chars().all(is_plain) && text.ends_with('.');
            assert!(is_good, "{}: {text}", stock.symbol);
        }
        assert!((2..=100).contains(&stock.name.len()) && stock.name.is_ascii());
        assert!(!stock.name.contains('\''));
        assert!(CATEGORIES.iter().any(|category| category.0 == stock.category));
    }

    #[test]
    fn the_embedded_stocks_are_those_of_the_series_in_its_order() {
        let symbols: Vec<_> = embedded_stocks().into_iter().map(|stock| stock.symbol).collect();
        assert_eq!(symbols, PriceSeries::embedded().symbols);
    }

    #[test]
    fn every_embedded_text_is_complete_and_short() {
        let stocks = embedded_stocks();
        stocks.iter().for_each(assert_complete);
        assert!(stocks.iter().all(|stock| stock.fun_fact.is_some()));
        let categories: HashSet<_> = stocks.iter().map(|stock| &stock.category).collect();
        assert_eq!(categories.len(), 8);
    }

    #[test]
    fn made_up_stocks_are_complete_and_stay_the_same_when_more_are_requested() {
        let stocks = simulated_stocks(10_001);
        assert_eq!(stocks.len(), 10_000);
        stocks.iter().for_each(assert_complete);
        assert_eq!(stocks[..50], simulated_stocks(50));
    }

    #[test]
    fn the_licence_is_whole() {
        assert!(data_licence().starts_with("BSD 3-Clause License"));
        assert!(data_licence().contains("Copyright (c) 2023-2026 The skfolio developers."));
    }
}
