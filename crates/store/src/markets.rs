//! Reads imported markets: lists them, finds one by name, and loads its closes. `imports` writes
//! them. Callers decide what of the history becomes public.

use domain::{Day, Price, StockInfo, Symbol};

use crate::decode::read_day;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

const MARKETS_MAX: i64 = 100;
/// The price step of a market without bars: 0.01.
const TICK_MAX: i64 = 100;

row! {
    /// A market in the list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MarketInfo {
        pub market_id: i64,
        pub name: String,
        pub exchange: String,
        pub currency: String,
        /// The price step in 1/10,000, if known.
        pub tick: Option<i64>,
        /// The number of stocks with bars.
        pub stocks: i64,
        pub bars: i64,
        /// Days since 1970.
        pub first_day: Option<i64>,
        /// Days since 1970.
        pub last_day: Option<i64>,
    }
}

/// The result of a look-up by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketMatch {
    pub market_id: i64,
    /// ISO 4217.
    pub currency: String,
    /// The price step: 0.01, 0.001 or 0.0001.
    pub tick: Price,
}

row! {
    /// A stock of a market in the list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MarketStockInfo {
        pub symbol: String,
        pub name: String,
        pub category: String,
        pub bars: i64,
        /// Days since 1970.
        pub first_day: Option<i64>,
        /// Days since 1970.
        pub last_day: Option<i64>,
    }
}

/// The closes of a stock of a market, ascending by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketCloses {
    pub stock: StockInfo,
    /// Day and close.
    pub closes: Vec<(Day, Price)>,
}

static LIST: LazyStatement = LazyStatement::new(
    "markets.list",
    "SELECT m.market_id, m.name, m.exchange, m.currency, m.tick,
         count(DISTINCT b.market_stock_id) AS stocks, count(b.day) AS bars,
         MIN(b.day) AS first_day, MAX(b.day) AS last_day
     FROM markets m
     LEFT JOIN market_stocks s ON s.market_id = m.market_id
     LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
     WHERE m.kind = 'imported'
     GROUP BY m.market_id, m.name, m.exchange, m.currency, m.tick
     ORDER BY m.name LIMIT $1",
);

static FIND: LazyStatement = LazyStatement::new(
    "markets.find",
    "SELECT market_id, currency, tick FROM markets WHERE name = $1 AND kind = 'imported'",
);

// For markets imported before price steps were stored.
pub(crate) static TICK: LazyStatement = LazyStatement::new(
    "market_bars.tick",
    "SELECT CAST(MIN(CASE
         WHEN b.close % 100 = 0 AND COALESCE(b.open, 0) % 100 = 0
             AND COALESCE(b.high, 0) % 100 = 0 AND COALESCE(b.low, 0) % 100 = 0 THEN 100
         WHEN b.close % 10 = 0 AND COALESCE(b.open, 0) % 10 = 0
             AND COALESCE(b.high, 0) % 10 = 0 AND COALESCE(b.low, 0) % 10 = 0 THEN 10
         ELSE 1 END) AS BIGINT) AS tick
     FROM market_stocks s JOIN market_bars b ON b.market_stock_id = s.market_stock_id
     WHERE s.market_id = $1",
);

// One text per stock, because transferring a row per close costs more than parsing.
static CLOSES: LazyStatement = LazyStatement::by_engine(
    "market_bars.closes",
    "SELECT s.symbol, s.name, s.category, s.description, s.kid_friendly_description,
             s.fun_fact, group_concat(b.day || ':' || b.close, ' ') AS closes
         FROM market_stocks s JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1 GROUP BY s.market_stock_id ORDER BY s.symbol",
    "SELECT s.symbol, s.name, s.category, s.description, s.kid_friendly_description,
             s.fun_fact, string_agg(b.day || ':' || b.close, ' ') AS closes
         FROM market_stocks s JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1 GROUP BY s.market_stock_id ORDER BY s.symbol",
);

static STOCKS_PAGE: LazyStatement = LazyStatement::new(
    "market_stocks.page",
    "SELECT s.symbol, s.name, s.category, count(b.day) AS bars, MIN(b.day) AS first_day,
         MAX(b.day) AS last_day
     FROM market_stocks s LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
     WHERE s.market_id = $1 AND s.symbol > $2
     GROUP BY s.market_stock_id, s.symbol, s.name, s.category ORDER BY s.symbol LIMIT $3",
);

// Closes of a game's history are rounded to its tick; the other columns are copied.
static SAVE_HISTORY: LazyStatement = LazyStatement::with_rows(
    "stock_history.save_imported",
    "stock_id bigint, day bigint, close bigint",
    "WITH wanted AS ({rows})
     INSERT INTO stock_history (stock_id, day, close, open, high, low, volume)
     SELECT w.stock_id, w.day, w.close, b.open, b.high, b.low, b.volume
     FROM wanted w
     JOIN stocks s ON s.stock_id = w.stock_id
     LEFT JOIN market_stocks m ON m.market_id = {$1} AND m.symbol = s.symbol
     LEFT JOIN market_bars b ON b.market_stock_id = m.market_stock_id AND b.day = w.day
     WHERE true
     ON CONFLICT (stock_id, day) DO NOTHING",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&LIST, &FIND, &TICK, &CLOSES, &STOCKS_PAGE, &SAVE_HISTORY];

row! {
    struct ClosesRow {
        symbol: String,
        name: String,
        category: String,
        description: String,
        kid_friendly_description: String,
        fun_fact: Option<String>,
        closes: String,
    }
}

impl ClosesRow {
    fn read(self) -> Result<MarketCloses, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("the closes of {}", self.symbol));
        let symbol = Symbol::parse(&self.symbol).map_err(|_| corrupt())?;
        let close = |pair: &str| {
            let (day, close) = pair.split_once(':')?;
            Some((read_day(day.parse().ok()?).ok()?, Price(close.parse().ok()?)))
        };
        let closes: Option<Vec<_>> = self.closes.split(' ').map(close).collect();
        let mut closes = closes.ok_or_else(corrupt)?;
        closes.sort_unstable_by_key(|(day, _)| *day);
        let stock = StockInfo {
            symbol,
            name: self.name,
            category: self.category,
            description: self.description,
            kid_friendly_description: self.kid_friendly_description,
            fun_fact: self.fun_fact,
        };
        Ok(MarketCloses { stock, closes })
    }
}

impl Store {
    /// The imported markets by name, 100 at most.
    pub async fn markets(&self) -> Result<Vec<MarketInfo>, StoreError> {
        self.reader().fetch_all(&LIST, (MARKETS_MAX,)).await
    }

    pub async fn find_market(&self, name: &str) -> Result<Option<MarketMatch>, StoreError> {
        let found: Option<(i64, String, Option<i64>)> =
            self.reader().fetch_optional(&FIND, (name,)).await?;
        let Some((market_id, currency, tick)) = found else { return Ok(None) };
        let tick = match tick {
            Some(tick) => tick,
            None => {
                let tick: Option<i64> = self.scan().fetch_scalar(&TICK, (market_id,)).await?;
                tick.unwrap_or(TICK_MAX)
            }
        };
        Ok(Some(MarketMatch { market_id, currency, tick: Price(tick) }))
    }

    /// Stocks of a market after the symbol `after`, by symbol.
    pub async fn market_stocks_page(
        &self,
        market_id: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<MarketStockInfo>, StoreError> {
        self.reader().fetch_all(&STOCKS_PAGE, (market_id, after, limit.clamp(1, 100))).await
    }

    /// All stocks of a market with bars, by symbol, with all closes. The caller must publish only
    /// what is past.
    ///
    /// # Errors
    /// `Corrupt` if a close is malformed.
    pub async fn market_closes(&self, market_id: i64) -> Result<Vec<MarketCloses>, StoreError> {
        let rows: Vec<ClosesRow> = self.scan().fetch_all(&CLOSES, (market_id,)).await?;
        rows.into_iter().map(ClosesRow::read).collect()
    }

    /// Saves closes of public days like [`Store::save_history`], with open, high, low and volume of
    /// the imported bars.
    pub async fn save_imported_history(
        &self,
        market_id: i64,
        closes: &[(i64, Day, Price)],
    ) -> Result<(), StoreError> {
        let rows = RowSet::new(vec![
            RowSet::int(closes, |(stock_id, _, _)| *stock_id),
            RowSet::int(closes, |(_, day, _)| i64::from(day.0)),
            RowSet::int(closes, |(_, _, close)| close.0),
        ]);
        self.writer().execute(&SAVE_HISTORY, (&rows, market_id)).await?;
        Ok(())
    }
}
