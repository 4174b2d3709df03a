//! The page of the market in one statement: stocks with price, change and watch mark, filtered and
//! sorted; and the closes for small charts. Prices are parameters.

use std::collections::HashMap;

use domain::{Day, PageRequest, Price};

use crate::decode::read_day;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::stocks::{StockColumns, contains_pattern};
use crate::{StockRow, Store, StoreError};

/// The limits of [`Store::recent_closes`]; the statement's limit is their product.
const CLOSES_STOCKS_MAX: usize = 20;
const CLOSES_DAYS_MAX: i32 = 100;

/// The sort key of the market page; ties are sorted by symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarketSort {
    #[default]
    Symbol,
    Name,
    Price,
    /// Change since the last close, in percent.
    Change,
}

impl MarketSort {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::Name => "name",
            Self::Price => "price",
            Self::Change => "change",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Symbol, Self::Name, Self::Price, Self::Change];
        all.into_iter().find(|sort| sort.as_str() == word)
    }
}

/// The filter and order of the market page.
#[derive(Clone, Copy, Debug, Default)]
pub struct MarketQuery<'a> {
    /// The player whose watched stocks are marked.
    pub player_id: Option<i64>,
    /// Matched exactly.
    pub category: Option<&'a str>,
    /// A substring of symbol or name, ignoring case.
    pub search: Option<&'a str>,
    pub only_watched: bool,
    pub sort: MarketSort,
    pub descending: bool,
}

/// A stock on the market page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketRow {
    pub stock: StockRow,
    /// Per share; 0 if there is none.
    pub price: Price,
    pub is_watched: bool,
}

// Only one of the four sort keys is not null.
static PAGE: LazyStatement = LazyStatement::new(
    "market.page",
    "WITH quotes AS MATERIALIZED ({quotes:$7:quotes}),
     found AS MATERIALIZED (
         SELECT s.stock_id, s.symbol, s.name, s.category, s.description,
             s.kid_friendly_description, s.fun_fact, COALESCE(q.price, 0) AS price,
             CAST(CASE WHEN w.stock_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS watched,
             CASE CAST($5 AS TEXT) WHEN 'symbol' THEN s.symbol
                 WHEN 'name' THEN lower(s.name) END AS word,
             CASE CAST($5 AS TEXT) WHEN 'price' THEN COALESCE(q.price, 0)
                 WHEN 'change' THEN COALESCE(q.change, 0) END AS number
         FROM stocks s
         LEFT JOIN quotes q ON q.stock_id = s.stock_id
         LEFT JOIN watches w ON w.player_id = $1 AND w.stock_id = s.stock_id
         WHERE (CAST($2 AS TEXT) IS NULL OR s.category = $2)
           AND (CAST($3 AS TEXT) IS NULL OR s.search_text LIKE $3 ESCAPE '\\')
           AND (CAST($4 AS BIGINT) = 0 OR w.stock_id IS NOT NULL)),
     placed AS MATERIALIZED (
         SELECT found.*, row_number() OVER (ORDER BY
             CASE WHEN CAST($6 AS BIGINT) = 0 THEN word END,
             CASE WHEN CAST($6 AS BIGINT) = 1 THEN word END DESC,
             CASE WHEN CAST($6 AS BIGINT) = 0 THEN number END,
             CASE WHEN CAST($6 AS BIGINT) = 1 THEN number END DESC,
             symbol) AS place
         FROM found),
     page AS (SELECT * FROM placed ORDER BY place LIMIT $8 OFFSET $9)
     SELECT t.total, p.stock_id, p.symbol, p.name, p.category, p.description,
         p.kid_friendly_description, p.fun_fact, p.price, p.watched
     FROM (SELECT count(*) AS total FROM found) t
     LEFT JOIN page p ON true
     ORDER BY p.place",
);

static CATEGORIES: LazyStatement = LazyStatement::new(
    "market.categories",
    "SELECT category FROM stocks GROUP BY category ORDER BY category LIMIT 100",
);

static CLOSES: LazyStatement = LazyStatement::with_rows(
    "market.recent_closes",
    "stock_id bigint",
    "WITH wanted AS MATERIALIZED ({rows})
     SELECT c.stock_id, c.day, c.close FROM wanted w
     JOIN stock_history c ON c.stock_id = w.stock_id AND c.day >= {$1} AND c.day <= {$2}
     ORDER BY c.stock_id, c.day LIMIT 2000",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PAGE, &CATEGORIES, &CLOSES];

row! {
    struct MarketRecord {
        total: i64,
        price: Option<i64>,
        watched: Option<i64>,
        ..stock: StockColumns
    }
}

impl MarketRecord {
    /// `None` for the row that carries only the total of an empty page.
    fn read(self) -> Option<MarketRow> {
        Some(MarketRow {
            stock: self.stock.read()?,
            price: Price(self.price?),
            is_watched: self.watched? != 0,
        })
    }
}

impl Store {
    /// A page of the market and the number of matching stocks, in one statement. `quotes_json` is
    /// `[[stock_id, price, change], …]`; changes are used only for sorting, so their unit does not
    /// matter.
    pub async fn market_page(
        &self,
        query: &MarketQuery<'_>,
        quotes_json: &str,
        page: PageRequest,
    ) -> Result<(Vec<MarketRow>, i64), StoreError> {
        let rows: Vec<MarketRecord> = self
            .reader()
            .fetch_all(
                &PAGE,
                (
                    query.player_id,
                    query.category,
                    query.search.map(contains_pattern),
                    i64::from(query.only_watched),
                    query.sort.as_str(),
                    i64::from(query.descending),
                    quotes_json,
                    page.per_page(),
                    page.offset(),
                ),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.total);
        Ok((rows.into_iter().filter_map(MarketRecord::read).collect(), total))
    }

    /// All categories by name, 63 at most.
    pub async fn stock_categories(&self) -> Result<Vec<String>, StoreError> {
        self.reader().fetch_scalars(&CATEGORIES, ()).await
    }

    /// The closes from `from` to `to` of the first 20 of these stocks, ascending, limited to the
    /// last 100 days. Stocks without closes are missing.
    pub async fn recent_closes(
        &self,
        stock_ids: &[i64],
        from: Day,
        to: Day,
    ) -> Result<HashMap<i64, Vec<(Day, Price)>>, StoreError> {
        let stock_ids = &stock_ids[..stock_ids.len().min(CLOSES_STOCKS_MAX)];
        let from = from.0.max(to.0.saturating_sub(CLOSES_DAYS_MAX - 1));
        let rows: Vec<(i64, i64, i64)> = self
            .reader()
            .fetch_all(
                &CLOSES,
                (
                    &RowSet::new(vec![RowSet::int(stock_ids, |id| *id)]),
                    i64::from(from),
                    i64::from(to.0),
                ),
            )
            .await?;
        let mut closes: HashMap<i64, Vec<(Day, Price)>> = HashMap::new();
        for (stock_id, day, close) in rows {
            closes.entry(stock_id).or_default().push((read_day(day)?, Price(close)));
        }
        Ok(closes)
    }
}
