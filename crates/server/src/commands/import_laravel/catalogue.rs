//! The stocks and achievements of the earlier application, matched with those of the game.

use std::collections::{HashMap, HashSet};

use domain::{Price, Rules, Symbol};
use market::MarketSource;
use store::{LaravelDatabase, StockRow, StoreError};

use super::amounts::parse_scaled;

/// Digits of a price.
pub(super) const PRICE_SCALE: usize = 4;

/// A stock of the earlier application.
#[derive(Clone, Debug)]
pub(super) struct EarlierStock {
    pub(super) symbol: String,
    /// The id in the game; `None` if its market does not have the stock.
    pub(super) stock_id: Option<i64>,
    pub(super) last_price: Option<Price>,
}

/// An achievement of the earlier application.
#[derive(Clone, Debug)]
pub(super) struct EarlierAchievement {
    pub(super) name: String,
    /// The id in the rules.
    pub(super) achievement_id: Option<i64>,
}

/// Both by their earlier ids.
#[derive(Clone, Debug, Default)]
pub(super) struct EarlierCatalogue {
    pub(super) stocks: HashMap<i64, EarlierStock>,
    pub(super) achievements: HashMap<i64, EarlierAchievement>,
}

impl EarlierCatalogue {
    pub(super) async fn load(
        source: &mut LaravelDatabase,
        market: &MarketSource,
        listed: &[StockRow],
        rules: &Rules,
    ) -> Result<Self, StoreError> {
        let played: HashSet<Symbol> =
            market.stocks().into_iter().map(|stock| stock.symbol).collect();
        let ids: HashMap<&Symbol, i64> = listed
            .iter()
            .filter(|stock| played.contains(&stock.symbol))
            .map(|stock| (&stock.symbol, stock.stock_id))
            .collect();
        let stocks = source.stocks().await?.into_iter().map(|stock| {
            let symbol = stock.symbol.unwrap_or_default();
            let stock_id = Symbol::parse(&symbol).ok().and_then(|s| ids.get(&s).copied());
            let price = stock.current_price.and_then(|text| parse_scaled(&text, PRICE_SCALE));
            let last_price = price.map(|price| Price(price.units)).filter(|price| price.0 > 0);
            (stock.id, EarlierStock { symbol, stock_id, last_price })
        });
        let stocks = stocks.collect();
        let achievements = source.achievements().await?.into_iter().map(|earlier| {
            let name = earlier.name.unwrap_or_default();
            let achievement_id = find_achievement(&name, rules);
            (earlier.id, EarlierAchievement { name, achievement_id })
        });
        Ok(Self { stocks, achievements: achievements.collect() })
    }

    /// The symbol of a stock, for the report.
    pub(super) fn symbol(&self, stock_id: i64) -> String {
        let known = self.stocks.get(&stock_id).map(|stock| stock.symbol.clone());
        known.unwrap_or_else(|| format!("stock {stock_id}"))
    }
}

/// The achievement of the rules with this name or code, ignoring case.
fn find_achievement(name: &str, rules: &Rules) -> Option<i64> {
    let name = name.trim().to_lowercase();
    let code = name.replace([' ', '-'], "_");
    let is_it = |a: &&domain::Achievement| a.name.trim().to_lowercase() == name || a.code == code;
    rules.achievements.iter().find(is_it).map(|achievement| achievement.id)
}
