//! Imported markets: their stocks and daily bars, kept whole and apart from what a game has made
//! public. What is taken over into a game's history is decided by its callers.

use std::collections::HashMap;

use domain::{Day, Price, Symbol, UnixMicros};

use crate::ledger::read_day;
use crate::measure::Timed as _;
use crate::rows::{BindRows as _, Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// Bars a statement.
const CHUNK: usize = 10_000;
/// Markets that are listed at most.
const MARKETS_MAX: i64 = 100;

/// A market to be imported or brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMarket {
    /// Its name, by which a game names it.
    pub name: String,
    /// The exchange.
    pub exchange: String,
    /// The currency of its prices (ISO 4217).
    pub currency: String,
}

/// A stock of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketStock {
    /// Its symbol.
    pub symbol: Symbol,
    /// The company's name.
    pub name: String,
    /// What kind of business it is.
    pub category: String,
    /// A description for adults.
    pub description: String,
    /// A description for children.
    pub kid_friendly_description: String,
    /// Something to smile about.
    pub fun_fact: Option<String>,
}

/// What is known of a day of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The day.
    pub day: Day,
    /// The first price, where it is known.
    pub open: Option<Price>,
    /// The highest, where it is known.
    pub high: Option<Price>,
    /// The lowest, where it is known.
    pub low: Option<Price>,
    /// The last price.
    pub close: Price,
    /// Shares traded, where they are known.
    pub volume: Option<i64>,
}

/// What an import changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Stocks of the market that have bars, afterwards.
    pub stocks: u64,
    /// Bars that were not there.
    pub bars_new: u64,
    /// Bars that were there and are different now.
    pub bars_changed: u64,
    /// Bars that were there just so.
    pub bars_same: u64,
}

/// A market as listed.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MarketInfo {
    /// Its number.
    pub market_id: i64,
    /// Its name.
    pub name: String,
    /// The exchange.
    pub exchange: String,
    /// The currency.
    pub currency: String,
    /// Its stocks that have bars.
    pub stocks: i64,
    /// Its bars.
    pub bars: i64,
    /// The first day, as days since 1970.
    pub first_day: Option<i64>,
    /// The last day, as days since 1970.
    pub last_day: Option<i64>,
}

/// The closes of a stock of a market, ascending by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketCloses {
    /// The stock.
    pub stock: MarketStock,
    /// Day and close.
    pub closes: Vec<(Day, Price)>,
}

static SAVE_MARKET: Lazy = Lazy::new(|| {
    Statement::new(
        "markets.save",
        "INSERT INTO markets (name, exchange, currency, imported_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET exchange = excluded.exchange,
             currency = excluded.currency, imported_at = excluded.imported_at
         RETURNING market_id",
    )
});

// A stock that comes with a name only keeps the texts it has.
static SAVE_STOCKS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "market_stocks.save",
        &[
            ("symbol", Type::Text),
            ("name", Type::Text),
            ("category", Type::Text),
            ("description", Type::Text),
            ("kid_friendly_description", Type::Text),
            ("fun_fact", Type::Text),
            ("is_described", Type::Int),
        ],
        "WITH wanted AS ({rows})
         INSERT INTO market_stocks (market_id, symbol, name, category, description,
             kid_friendly_description, fun_fact)
         SELECT {$1}, symbol, name, category, description, kid_friendly_description, fun_fact
         FROM wanted WHERE is_described = {$2}
         ON CONFLICT (market_id, symbol) DO UPDATE SET
             name = CASE WHEN {$2} = 1 THEN excluded.name ELSE market_stocks.name END,
             category = CASE WHEN {$2} = 1 THEN excluded.category ELSE market_stocks.category END,
             description = CASE WHEN {$2} = 1 THEN excluded.description
                 ELSE market_stocks.description END,
             kid_friendly_description = CASE WHEN {$2} = 1 THEN excluded.kid_friendly_description
                 ELSE market_stocks.kid_friendly_description END,
             fun_fact = CASE WHEN {$2} = 1 THEN excluded.fun_fact ELSE market_stocks.fun_fact END
         RETURNING symbol, market_stock_id",
    )
});

static SAVE_BARS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "market_bars.save",
        &[
            ("market_stock_id", Type::Int),
            ("day", Type::Int),
            ("open", Type::Int),
            ("high", Type::Int),
            ("low", Type::Int),
            ("close", Type::Int),
            ("volume", Type::Int),
        ],
        "WITH wanted AS ({rows})
         INSERT INTO market_bars (market_stock_id, day, open, high, low, close, volume)
         SELECT market_stock_id, day, open, high, low, close, volume FROM wanted WHERE true
         ON CONFLICT (market_stock_id, day) DO UPDATE SET
             open = excluded.open, high = excluded.high, low = excluded.low,
             close = excluded.close, volume = excluded.volume
         WHERE (market_bars.open, market_bars.high, market_bars.low, market_bars.close,
                 market_bars.volume)
             IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close,
                 excluded.volume)",
    )
});

static COUNT: Lazy = Lazy::new(|| {
    Statement::new(
        "market_bars.count",
        "SELECT count(DISTINCT b.market_stock_id) AS stocks, count(b.day) AS bars
         FROM market_stocks s LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1",
    )
});

static LIST: Lazy = Lazy::new(|| {
    Statement::new(
        "markets.list",
        "SELECT m.market_id, m.name, m.exchange, m.currency,
             count(DISTINCT b.market_stock_id) AS stocks, count(b.day) AS bars,
             MIN(b.day) AS first_day, MAX(b.day) AS last_day
         FROM markets m
         LEFT JOIN market_stocks s ON s.market_id = m.market_id
         LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         GROUP BY m.market_id, m.name, m.exchange, m.currency ORDER BY m.name LIMIT $1",
    )
});

static FIND: Lazy =
    Lazy::new(|| Statement::new("markets.find", "SELECT market_id FROM markets WHERE name = $1"));

// The closes of a stock as one text, because a row for each costs more than its reading.
static CLOSES: Lazy = Lazy::new(|| Statement {
    name: "market_bars.closes",
    sqlite: "SELECT s.symbol, s.name, s.category, s.description, s.kid_friendly_description,
             s.fun_fact, group_concat(b.day || ':' || b.close, ' ') AS closes
         FROM market_stocks s JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1 GROUP BY s.market_stock_id ORDER BY s.symbol",
    postgres: "SELECT s.symbol, s.name, s.category, s.description, s.kid_friendly_description,
             s.fun_fact, string_agg(b.day || ':' || b.close, ' ') AS closes
         FROM market_stocks s JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1 GROUP BY s.market_stock_id ORDER BY s.symbol",
});

static STOCKS_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "market_stocks.page",
        "SELECT s.symbol, s.name, s.category, count(b.day) AS bars, MIN(b.day) AS first_day,
             MAX(b.day) AS last_day
         FROM market_stocks s LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
         WHERE s.market_id = $1 AND s.symbol > $2
         GROUP BY s.market_stock_id, s.symbol, s.name, s.category ORDER BY s.symbol LIMIT $3",
    )
});

// The closes of a game's history are rounded to its tick; the rest of a day is taken as it is.
static SAVE_HISTORY: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "stock_history.save_imported",
        &[("stock_id", Type::Int), ("day", Type::Int), ("close", Type::Int)],
        "WITH wanted AS ({rows})
         INSERT INTO stock_history (stock_id, day, close, open, high, low, volume)
         SELECT w.stock_id, w.day, w.close, b.open, b.high, b.low, b.volume
         FROM wanted w
         JOIN stocks s ON s.stock_id = w.stock_id
         LEFT JOIN market_stocks m ON m.market_id = {$1} AND m.symbol = s.symbol
         LEFT JOIN market_bars b ON b.market_stock_id = m.market_stock_id AND b.day = w.day
         WHERE true
         ON CONFLICT (stock_id, day) DO NOTHING",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[
    &SAVE_MARKET,
    &SAVE_STOCKS,
    &SAVE_BARS,
    &COUNT,
    &LIST,
    &FIND,
    &CLOSES,
    &STOCKS_PAGE,
    &SAVE_HISTORY,
];

/// A stock of a market as listed: symbol, name, category, bars, first and last day.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MarketStockInfo {
    /// Its symbol.
    pub symbol: String,
    /// The company's name.
    pub name: String,
    /// What kind of business it is.
    pub category: String,
    /// Its bars.
    pub bars: i64,
    /// The first day, as days since 1970.
    pub first_day: Option<i64>,
    /// The last day, as days since 1970.
    pub last_day: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ClosesRow {
    symbol: String,
    name: String,
    category: String,
    description: String,
    kid_friendly_description: String,
    fun_fact: Option<String>,
    closes: String,
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
        let stock = MarketStock {
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
    /// Takes over stocks and bars of a market in one transaction: all of it or nothing, and nothing
    /// that is there already is lost. `described` brings texts; stocks that only have bars are
    /// listed by their symbol. With `dry_run` everything is tried and undone. `progress` is told
    /// how many bars are through.
    ///
    /// # Errors
    /// The fault met; nothing is changed then.
    pub async fn import_market(
        &self,
        market: &NewMarket,
        described: &[MarketStock],
        bars: &[(Symbol, Bar)],
        dry_run: bool,
        now: UnixMicros,
        progress: impl Fn(usize),
    ) -> Result<ImportCounts, StoreError> {
        let mut tx = self.begin().await?;
        let plain = undescribed(described, bars);
        let counts = with_conn!(tx.conn(), |conn, sql| {
            let (market_id,): (i64,) = sqlx::query_as(sql(&SAVE_MARKET))
                .bind(market.name.as_str())
                .bind(market.exchange.as_str())
                .bind(market.currency.as_str())
                .bind(now.0)
                .fetch_one(&mut *conn)
                .timed(&SAVE_MARKET)
                .await?;
            let mut ids: HashMap<String, i64> = HashMap::new();
            for (stocks, is_described) in [(described, 1i64), (&plain[..], 0)] {
                let found: Vec<(String, i64)> = sqlx::query_as(sql(&SAVE_STOCKS))
                    .bind_rows(&stock_rows(stocks, is_described))
                    .bind(market_id)
                    .bind(is_described)
                    .fetch_all(&mut *conn)
                    .timed(&SAVE_STOCKS)
                    .await?;
                ids.extend(found);
            }
            let count = async |conn: &mut _| -> Result<(i64, i64), StoreError> {
                let query = sqlx::query_as(sql(&COUNT)).bind(market_id);
                query.fetch_one(conn).timed(&COUNT).await
            };
            let (_, before) = count(&mut *conn).await?;
            let mut touched = 0;
            for (number, chunk) in bars.chunks(CHUNK).enumerate() {
                touched += sqlx::query(sql(&SAVE_BARS))
                    .bind_rows(&bar_rows(chunk, &ids))
                    .execute(&mut *conn)
                    .timed(&SAVE_BARS)
                    .await?
                    .rows_affected();
                progress(number * CHUNK + chunk.len());
            }
            let (stocks, after) = count(&mut *conn).await?;
            let bars_new = u64::try_from(after - before).unwrap_or(0);
            ImportCounts {
                stocks: u64::try_from(stocks).unwrap_or(0),
                bars_new,
                bars_changed: touched.saturating_sub(bars_new),
                bars_same: (bars.len() as u64).saturating_sub(touched),
            }
        });
        if dry_run {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(counts)
    }

    /// The imported markets by name, 100 at most.
    ///
    /// # Errors
    /// The fault met.
    pub async fn markets(&self) -> Result<Vec<MarketInfo>, StoreError> {
        Ok(with_db!(self, |db, sql| {
            sqlx::query_as(sql(&LIST)).bind(MARKETS_MAX).fetch_all(&db.reader).timed(&LIST).await?
        }))
    }

    /// The number of the market of this name.
    ///
    /// # Errors
    /// The fault met.
    pub async fn find_market(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = with_db!(self, |db, sql| {
            sqlx::query_as(sql(&FIND)).bind(name).fetch_optional(&db.reader).timed(&FIND).await?
        });
        Ok(row.map(|(market_id,)| market_id))
    }

    /// Stocks of a market whose symbols come after `after`, by symbol.
    ///
    /// # Errors
    /// The fault met.
    pub async fn market_stocks_page(
        &self,
        market_id: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<MarketStockInfo>, StoreError> {
        Ok(with_db!(self, |db, sql| {
            sqlx::query_as(sql(&STOCKS_PAGE))
                .bind(market_id)
                .bind(after)
                .bind(limit.clamp(1, 100))
                .fetch_all(&db.reader)
                .timed(&STOCKS_PAGE)
                .await?
        }))
    }

    /// Every stock of a market that has bars, by symbol, with all its closes. What of it may be
    /// known is for the caller to keep.
    ///
    /// # Errors
    /// `Corrupt`, or the fault met.
    pub async fn market_closes(&self, market_id: i64) -> Result<Vec<MarketCloses>, StoreError> {
        let rows: Vec<ClosesRow> = with_db!(self, |db, sql| {
            sqlx::query_as(sql(&CLOSES))
                .bind(market_id)
                .fetch_all(&db.reader)
                .timed(&CLOSES)
                .await?
        });
        rows.into_iter().map(ClosesRow::read).collect()
    }

    /// Keeps closes of public days as [`Store::save_history`] does, with what was imported of these
    /// days besides.
    ///
    /// # Errors
    /// The fault met.
    pub async fn save_imported_history(
        &self,
        market_id: i64,
        closes: &[(i64, Day, Price)],
    ) -> Result<(), StoreError> {
        let rows = Rows::new(vec![
            Rows::int(closes, |(stock_id, _, _)| *stock_id),
            Rows::int(closes, |(_, day, _)| i64::from(day.0)),
            Rows::int(closes, |(_, _, close)| close.0),
        ]);
        with_db!(self, |db, sql| {
            sqlx::query(sql(&SAVE_HISTORY))
                .bind_rows(&rows)
                .bind(market_id)
                .execute(&db.writer)
                .timed(&SAVE_HISTORY)
                .await?;
        });
        Ok(())
    }
}

/// Stocks that have bars and no texts.
fn undescribed(described: &[MarketStock], bars: &[(Symbol, Bar)]) -> Vec<MarketStock> {
    let mut plain: Vec<&Symbol> = bars.iter().map(|(symbol, _)| symbol).collect();
    plain.sort_unstable();
    plain.dedup();
    let is_plain = |symbol: &&Symbol| described.iter().all(|stock| stock.symbol != **symbol);
    let stock = |symbol: &Symbol| MarketStock {
        symbol: symbol.clone(),
        name: symbol.to_string(),
        category: "Other".to_owned(),
        description: String::new(),
        kid_friendly_description: String::new(),
        fun_fact: None,
    };
    plain.into_iter().filter(is_plain).map(stock).collect()
}

fn stock_rows(stocks: &[MarketStock], is_described: i64) -> Rows {
    Rows::new(vec![
        Rows::text(stocks, |s| s.symbol.to_string()),
        Rows::text(stocks, |s| s.name.clone()),
        Rows::text(stocks, |s| s.category.clone()),
        Rows::text(stocks, |s| s.description.clone()),
        Rows::text(stocks, |s| s.kid_friendly_description.clone()),
        Rows::maybe_text(stocks, |s| s.fun_fact.clone()),
        Rows::int(stocks, |_| is_described),
    ])
}

fn bar_rows(bars: &[(Symbol, Bar)], ids: &HashMap<String, i64>) -> Rows {
    let price = |price: Option<Price>| price.map(|price| price.0);
    Rows::new(vec![
        Rows::int(bars, |(symbol, _)| ids.get(symbol.as_str()).copied().unwrap_or(0)),
        Rows::int(bars, |(_, bar)| i64::from(bar.day.0)),
        Rows::maybe(bars, |(_, bar)| price(bar.open)),
        Rows::maybe(bars, |(_, bar)| price(bar.high)),
        Rows::maybe(bars, |(_, bar)| price(bar.low)),
        Rows::int(bars, |(_, bar)| bar.close.0),
        Rows::maybe(bars, |(_, bar)| bar.volume),
    ])
}
