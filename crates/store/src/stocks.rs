//! Stocks. `closes` has their daily closes, the price board their present prices.

use std::collections::HashMap;

use domain::text::search_fold;
use domain::{PageRequest, StockDescription, StockInfo, Symbol};
use serde::Serialize;

use crate::imports::text_rows;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError, stock_texts};

/// A listed stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StockRow {
    pub stock_id: i64,
    pub symbol: Symbol,
    pub name: String,
    pub category: String,
    /// For adults.
    pub description: String,
    /// For children.
    pub kid_friendly_description: String,
    pub fun_fact: Option<String>,
}

impl From<StockRow> for StockInfo {
    fn from(row: StockRow) -> Self {
        Self {
            symbol: row.symbol,
            name: row.name,
            category: row.category,
            description: row.description,
            kid_friendly_description: row.kid_friendly_description,
            fun_fact: row.fun_fact,
        }
    }
}

/// The ids of a saved stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedStock {
    pub stock_id: i64,
    pub symbol: Symbol,
    /// 0 to 62.
    pub category_id: u8,
}

static PAGE: LazyStatement = LazyStatement::new(
    "stocks.page",
    "WITH found AS MATERIALIZED (
         SELECT * FROM stocks
         WHERE (CAST($1 AS TEXT) IS NULL OR category = $1)
           AND (CAST($2 AS TEXT) IS NULL OR search_text LIKE $2 ESCAPE '\\')),
     page AS (SELECT * FROM found ORDER BY symbol LIMIT $3 OFFSET $4)
     SELECT t.total, p.stock_id, p.symbol, p.name, p.category, p.description,
         p.kid_friendly_description, p.fun_fact
     FROM (SELECT count(*) AS total FROM found) t
     LEFT JOIN page p ON true
     ORDER BY p.symbol",
);

static FIND: LazyStatement = LazyStatement::new(
    "stocks.find",
    "SELECT stock_id, symbol, name, category, description,
         kid_friendly_description, fun_fact
     FROM stocks WHERE symbol = $1",
);

static ALL: LazyStatement = LazyStatement::new(
    "stocks.all",
    "SELECT stock_id, symbol, name, category, description,
         kid_friendly_description, fun_fact
     FROM stocks ORDER BY stock_id LIMIT 10000",
);

static CATEGORIES: LazyStatement = LazyStatement::new(
    "stocks.categories",
    "SELECT category, MIN(category_id) AS category_id FROM stocks GROUP BY category",
);

static SAVE: LazyStatement = LazyStatement::with_rows(
    "stocks.save",
    "symbol text, name text, category text, category_id bigint, description text, \
     kid_friendly_description text, fun_fact text, search_text text",
    "WITH wanted AS ({rows})
     INSERT INTO stocks (symbol, name, category, category_id, description,
         kid_friendly_description, fun_fact, search_text)
     SELECT symbol, name, category, category_id, description, kid_friendly_description,
         fun_fact, search_text FROM wanted
     WHERE true
     ON CONFLICT (symbol) DO UPDATE SET
         name = excluded.name, category = excluded.category,
         category_id = excluded.category_id, description = excluded.description,
         kid_friendly_description = excluded.kid_friendly_description,
         fun_fact = excluded.fun_fact, search_text = excluded.search_text
     RETURNING symbol, stock_id",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PAGE, &FIND, &ALL, &CATEGORIES, &SAVE];

row! {
    pub(crate) struct StockColumns {
        stock_id: Option<i64>,
        symbol: Option<String>,
        name: Option<String>,
        category: Option<String>,
        description: Option<String>,
        kid_friendly_description: Option<String>,
        fun_fact: Option<String>,
    }
}

impl StockColumns {
    pub(crate) fn read(self) -> Option<StockRow> {
        Some(StockRow {
            stock_id: self.stock_id?,
            symbol: Symbol::parse(&self.symbol?).ok()?,
            name: self.name?,
            category: self.category?,
            description: self.description?,
            kid_friendly_description: self.kid_friendly_description?,
            fun_fact: self.fun_fact,
        })
    }
}

/// A LIKE pattern that finds `text` anywhere in `search_text`, with wildcards escaped.
pub(crate) fn contains_pattern(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for c in search_fold(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// A page of stocks by symbol and the number of matches. `category` is exact; `search` is a
    /// substring of symbol or name, ignoring case.
    pub async fn stocks_page(
        &self,
        category: Option<&str>,
        search: Option<&str>,
        page: PageRequest,
    ) -> Result<(Vec<StockRow>, i64), StoreError> {
        row! {
            struct Counted {
                total: i64,
                ..row: StockColumns
            }
        }
        let pattern = search.map(contains_pattern);
        let rows: Vec<Counted> = self
            .reader()
            .fetch_all(&PAGE, (category, pattern, page.per_page(), page.offset()))
            .await?;
        let total = rows.first().map_or(0, |counted| counted.total);
        Ok((rows.into_iter().filter_map(|counted| counted.row.read()).collect(), total))
    }

    pub async fn find_stock(&self, symbol: &Symbol) -> Result<Option<StockRow>, StoreError> {
        let row: Option<StockColumns> =
            self.reader().fetch_optional(&FIND, (symbol.as_str(),)).await?;
        Ok(row.and_then(StockColumns::read))
    }

    /// All stocks by id, 10,000 at most.
    pub async fn all_stocks(&self) -> Result<Vec<StockRow>, StoreError> {
        let rows: Vec<StockColumns> = self.reader().fetch_all(&ALL, ()).await?;
        Ok(rows.into_iter().filter_map(StockColumns::read).collect())
    }

    /// Adds stocks or updates their texts; ids never change. Returns them in input order.
    ///
    /// # Errors
    /// `Unsuitable` beyond 63 categories.
    pub async fn save_stocks(&self, stocks: &[StockInfo]) -> Result<Vec<SavedStock>, StoreError> {
        self.save_described(stocks, &[]).await
    }

    /// The same, together with the operator's descriptions.
    pub(crate) async fn save_described(
        &self,
        stocks: &[StockInfo],
        texts: &[StockDescription],
    ) -> Result<Vec<SavedStock>, StoreError> {
        let mut tx = self.begin().await?;
        let known: Vec<(String, i64)> = tx.run().fetch_all(&CATEGORIES, ()).await?;
        let categories = number_categories(known, stocks)?;
        let rows = stock_rows(stocks, &categories);
        let saved: Vec<(String, i64)> = tx.run().fetch_all(&SAVE, (&rows,)).await?;
        if !texts.is_empty() {
            tx.run().execute(&stock_texts::SAVE, (&text_rows(texts),)).await?;
        }
        tx.commit().await?;
        let ids: HashMap<String, i64> = saved.into_iter().collect();
        let read = |stock: &StockInfo| {
            let stock_id = ids.get(stock.symbol.as_str()).copied()?;
            let category_id = category_of(stock, &categories);
            Some(SavedStock { stock_id, symbol: stock.symbol.clone(), category_id })
        };
        Ok(stocks.iter().filter_map(read).collect())
    }
}

fn category_of(stock: &StockInfo, categories: &HashMap<String, u8>) -> u8 {
    categories.get(&stock.category).copied().unwrap_or(0)
}

fn stock_rows(stocks: &[StockInfo], categories: &HashMap<String, u8>) -> RowSet {
    RowSet::new(vec![
        RowSet::text(stocks, |s| s.symbol.to_string()),
        RowSet::text(stocks, |s| s.name.clone()),
        RowSet::text(stocks, |s| s.category.clone()),
        RowSet::int(stocks, |s| i64::from(category_of(s, categories))),
        RowSet::text(stocks, |s| s.description.clone()),
        RowSet::text(stocks, |s| s.kid_friendly_description.clone()),
        RowSet::optional_text(stocks, |s| s.fun_fact.clone()),
        RowSet::text(stocks, |s| search_fold(&format!("{} {}", s.symbol, s.name))),
    ])
}

/// Assigns every category a number from 0 to 62; assigned numbers never change.
fn number_categories(
    known: Vec<(String, i64)>,
    stocks: &[StockInfo],
) -> Result<HashMap<String, u8>, StoreError> {
    let known = known.into_iter().filter_map(|(name, id)| Some((name, u8::try_from(id).ok()?)));
    let mut categories: HashMap<String, u8> = known.collect();
    for stock in stocks {
        if categories.contains_key(&stock.category) {
            continue;
        }
        let free = (0..63).find(|id| !categories.values().any(|used| used == id));
        let free = free.ok_or_else(|| {
            StoreError::Unsuitable("a market has at most 63 categories of stocks".to_owned())
        })?;
        categories.insert(stock.category.clone(), free);
    }
    Ok(categories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_taken_literally() {
        assert_eq!(contains_pattern(r"A%b_\"), r"%a\%b\_\\%");
    }
}
