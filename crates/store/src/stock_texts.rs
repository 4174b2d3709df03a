//! The operator's descriptions of stocks, which take precedence over those of the market source,
//! and the units in which providers quote.

use domain::{StockDescription, StockInfo, Symbol};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

// Missing texts keep their stored value.
pub(crate) static SAVE: LazyStatement = LazyStatement::with_rows(
    "stock_texts.save",
    "symbol text, name text, category text, description text, kid_text text, fun_fact text",
    "WITH wanted AS ({rows})
     INSERT INTO stock_texts (symbol, name, category, description, kid_friendly_description,
         fun_fact)
     SELECT symbol, name, category, description, kid_text, fun_fact FROM wanted WHERE true
     ON CONFLICT (symbol) DO UPDATE SET
         name = COALESCE(excluded.name, stock_texts.name),
         category = COALESCE(excluded.category, stock_texts.category),
         description = COALESCE(excluded.description, stock_texts.description),
         kid_friendly_description = COALESCE(excluded.kid_friendly_description,
             stock_texts.kid_friendly_description),
         fun_fact = COALESCE(excluded.fun_fact, stock_texts.fun_fact)",
);

static ALL: LazyStatement = LazyStatement::new(
    "stock_texts.all",
    "SELECT symbol, name, category, description, kid_friendly_description, fun_fact
     FROM stock_texts ORDER BY symbol LIMIT 10000",
);

static SAVE_UNIT: LazyStatement = LazyStatement::new(
    "price_units.save",
    "INSERT INTO price_units (symbol, places) VALUES ($1, $2)
     ON CONFLICT (symbol) DO UPDATE SET places = excluded.places",
);

static UNITS: LazyStatement = LazyStatement::new(
    "price_units.all",
    "SELECT symbol, places FROM price_units ORDER BY symbol LIMIT 10000",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&SAVE, &ALL, &SAVE_UNIT, &UNITS];

row! {
    struct Texts {
        symbol: Symbol,
        name: Option<String>,
        category: Option<String>,
        description: Option<String>,
        kid_friendly_description: Option<String>,
        fun_fact: Option<String>,
    }
}

impl Store {
    /// All descriptions, 10,000 at most.
    pub async fn stock_texts(&self) -> Result<Vec<StockDescription>, StoreError> {
        let rows: Vec<Texts> = self.reader().fetch_all(&ALL, ()).await?;
        let read = |row: Texts| StockDescription {
            symbol: row.symbol,
            name: row.name,
            category: row.category,
            description: row.description,
            kid_friendly_description: row.kid_friendly_description,
            fun_fact: row.fun_fact,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Saves descriptions of listed stocks. If any stock is not listed, nothing is changed and the
    /// missing symbols are returned.
    ///
    /// # Errors
    /// `Unsuitable` beyond 63 categories.
    pub async fn describe_stocks(
        &self,
        texts: &[StockDescription],
    ) -> Result<Vec<Symbol>, StoreError> {
        let listed = self.all_stocks().await?;
        let find = |symbol: &Symbol| listed.iter().find(|row| row.symbol == *symbol);
        let unknown: Vec<Symbol> = texts
            .iter()
            .filter(|text| find(&text.symbol).is_none())
            .map(|text| text.symbol.clone())
            .collect();
        if !unknown.is_empty() {
            return Ok(unknown);
        }
        let described = texts.iter().filter_map(|text| {
            let mut stock = StockInfo::from(find(&text.symbol)?.clone());
            text.apply(&mut stock);
            Some(stock)
        });
        let described: Vec<StockInfo> = described.collect();
        self.save_described(&described, texts).await?;
        Ok(unknown)
    }

    /// Saves that providers quote a stock in units of 10^-`places` of the currency.
    pub async fn save_price_unit(&self, symbol: &Symbol, places: u32) -> Result<(), StoreError> {
        self.writer().execute(&SAVE_UNIT, (symbol.as_str(), i64::from(places))).await?;
        Ok(())
    }

    /// The stocks quoted in another unit than the currency, with its decimal places.
    pub async fn price_units(&self) -> Result<Vec<(Symbol, u32)>, StoreError> {
        let rows: Vec<(String, i64)> = self.reader().fetch_all(&UNITS, ()).await?;
        let read = |(symbol, places): (String, i64)| {
            Symbol::parse(&symbol).ok().zip(u32::try_from(places).ok())
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
