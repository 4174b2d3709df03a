//! Imports markets: stocks, texts and daily bars, separate from what a game has published.
//! `markets` reads them.

mod bars;
mod extension;
mod jumps;

use std::collections::HashMap;

use domain::{DailyBar, Price, StockDescription, Symbol, UnixMicros};

use crate::markets::TICK;
use crate::rows::RowSet;
use crate::statement::{LazyStatement, only};
use crate::transaction::{BEGIN_SCAN, Tx};
use crate::{Store, StoreError};

pub use jumps::PriceJump;

/// A market to import or update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMarket {
    /// The name by which a game refers to it.
    pub name: String,
    /// `-` keeps the stored exchange.
    pub exchange: String,
    /// ISO 4217. A stored currency stays; without any it is `USD`.
    pub currency: Option<String>,
    /// The price step of the import: 0.01, 0.001 or 0.0001.
    pub tick: Price,
}

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Stocks of the market with bars, after the import.
    pub stocks: u64,
    pub bars_new: u64,
    pub bars_changed: u64,
    pub bars_same: u64,
    pub currency: String,
    /// The price step of the market.
    pub tick: Price,
    /// Jumps between neighboring closes, of which at least one is imported now.
    pub jumps: Vec<PriceJump>,
}

static FIND: LazyStatement =
    LazyStatement::new("markets.find_terms", "SELECT currency, tick FROM markets WHERE name = $1");

static SAVE_MARKET: LazyStatement = LazyStatement::new(
    "markets.save",
    "INSERT INTO markets (name, exchange, currency, imported_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) DO UPDATE SET
         exchange = CASE WHEN excluded.exchange = '-' THEN markets.exchange
             ELSE excluded.exchange END,
         imported_at = excluded.imported_at
     RETURNING market_id",
);

static SAVE_TICK: LazyStatement =
    LazyStatement::new("markets.save_tick", "UPDATE markets SET tick = $1 WHERE market_id = $2");

static SAVE_STOCKS: LazyStatement = LazyStatement::with_rows(
    "market_stocks.save",
    "symbol text",
    "WITH wanted AS ({rows})
     INSERT INTO market_stocks (market_id, symbol, name, category, description,
         kid_friendly_description)
     SELECT {$1}, symbol, symbol, 'Other', '', '' FROM wanted WHERE true
     ON CONFLICT (market_id, symbol) DO NOTHING",
);

// Missing texts keep their stored value. A text for children that equals the other text follows it.
static DESCRIBE: LazyStatement = LazyStatement::with_rows(
    "market_stocks.describe",
    "symbol text, name text, category text, description text, kid_text text, fun_fact text",
    "WITH wanted AS ({rows})
     UPDATE market_stocks SET
         name = COALESCE(w.name, market_stocks.name),
         category = COALESCE(w.category, market_stocks.category),
         description = COALESCE(w.description, market_stocks.description),
         kid_friendly_description = COALESCE(w.kid_text,
             CASE WHEN market_stocks.kid_friendly_description IN ('', market_stocks.description)
                 THEN w.description END,
             market_stocks.kid_friendly_description),
         fun_fact = COALESCE(w.fun_fact, market_stocks.fun_fact)
     FROM wanted w
     WHERE market_stocks.market_id = {$1} AND market_stocks.symbol = w.symbol",
);

static STOCKS: LazyStatement = LazyStatement::new(
    "market_stocks.ids",
    "SELECT symbol, market_stock_id FROM market_stocks WHERE market_id = $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &FIND,
    &SAVE_MARKET,
    &SAVE_TICK,
    &SAVE_STOCKS,
    &DESCRIBE,
    &STOCKS,
    &bars::SAVE_BARS,
    &bars::COUNT,
    &extension::GAMES,
    &extension::IS_PLAYED,
    &extension::LAST_DAY,
    &extension::RECORD,
    &jumps::JUMPS,
];

impl Store {
    /// Imports stocks, texts and bars of a market in one transaction; stored rows are never
    /// deleted. `bars` are sorted by symbol and day. `dry_run` rolls back at the end. `progress`
    /// receives the number of bars written.
    ///
    /// # Errors
    /// `Unsuitable` if the market has another currency, would have no bars, or is played by a game
    /// and the bars are not all later than its last day, or other processes use the database then.
    /// Nothing is changed.
    pub async fn import_market(
        &self,
        market: &NewMarket,
        texts: &[StockDescription],
        bars: &[(Symbol, DailyBar)],
        dry_run: bool,
        now: UnixMicros,
        progress: impl Fn(usize),
    ) -> Result<ImportCounts, StoreError> {
        // Every node of a game loads its market at the start.
        let games: i64 =
            self.reader().fetch_scalar(&extension::IS_PLAYED, (market.name.as_str(),)).await?;
        let mut tx = match games {
            0 => self.begin_scan().await?,
            _ => self.begin_alone(BEGIN_SCAN).await?,
        };
        let (market_id, currency, stored_tick) = save_market(&mut tx, market, now).await?;
        let ids = save_stocks(&mut tx, market_id, texts, bars).await?;
        let (_, before) = bars::count(&mut tx, market_id).await?;
        let played = extension::find_played(&mut tx, market_id).await?;
        let touched = match &played {
            Some(played) => extension::save(&mut tx, played, &ids, bars, now, progress).await?,
            None => bars::save(&mut tx, &ids, bars, progress).await?,
        };
        let (stocks, after) = bars::count(&mut tx, market_id).await?;
        if after == 0 {
            let name = &market.name;
            return Err(StoreError::Unsuitable(format!(
                "the market {name} has no daily bars, and the files have none"
            )));
        }
        let known = if before == 0 { None } else { Some(stored_tick) };
        let tick = save_tick(&mut tx, market_id, market.tick, known).await?;
        let jumps = match before {
            0 => jumps::within(bars),
            _ => jumps::find(&mut tx, market_id, bars).await?,
        };
        let counted = |rows: i64| {
            u64::try_from(rows).map_err(|_| StoreError::Corrupt(format!("{rows} rows of a market")))
        };
        let (stocks, bars_new) = (counted(stocks)?, counted(after - before)?);
        if dry_run {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(ImportCounts {
            stocks,
            bars_new,
            bars_changed: touched.saturating_sub(bars_new),
            bars_same: (bars.len() as u64).saturating_sub(touched),
            currency,
            tick,
            jumps,
        })
    }

    /// Saves descriptions of stocks of an imported market. If the market lacks any of the stocks,
    /// nothing is changed and the missing symbols are returned.
    pub async fn describe_market(
        &self,
        market_id: i64,
        texts: &[StockDescription],
    ) -> Result<Vec<Symbol>, StoreError> {
        let mut tx = self.begin().await?;
        let ids = describe(&mut tx, market_id, texts).await?;
        let is_unknown = |text: &&StockDescription| !ids.contains_key(text.symbol.as_str());
        let unknown = texts.iter().filter(is_unknown).map(|text| text.symbol.clone());
        let unknown: Vec<Symbol> = unknown.collect();
        if unknown.is_empty() {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(unknown)
    }
}

/// Saves the market; returns its id, currency and stored price step.
async fn save_market(
    tx: &mut Tx,
    market: &NewMarket,
    now: UnixMicros,
) -> Result<(i64, String, Option<i64>), StoreError> {
    let name = market.name.as_str();
    let stored: Option<(String, Option<i64>)> = tx.run().fetch_optional(&FIND, (name,)).await?;
    let currency = agreed_currency(market, stored.as_ref().map(|(code, _)| code.as_str()))?;
    let params = (name, market.exchange.as_str(), currency.as_str(), now.0);
    let (market_id,) = only(tx.run().fetch_all(&SAVE_MARKET, params).await?)?;
    Ok((market_id, currency, stored.and_then(|(_, tick)| tick)))
}

/// Saves the stocks with texts or bars and their descriptions; returns the ids of all stocks of the
/// market.
async fn save_stocks(
    tx: &mut Tx,
    market_id: i64,
    texts: &[StockDescription],
    bars: &[(Symbol, DailyBar)],
) -> Result<HashMap<String, i64>, StoreError> {
    tx.run().execute(&SAVE_STOCKS, (&symbol_rows(texts, bars), market_id)).await?;
    describe(tx, market_id, texts).await
}

/// Saves descriptions; returns the ids of all stocks of the market.
async fn describe(
    tx: &mut Tx,
    market_id: i64,
    texts: &[StockDescription],
) -> Result<HashMap<String, i64>, StoreError> {
    tx.run().execute(&DESCRIBE, (&text_rows(texts), market_id)).await?;
    let ids: Vec<(String, i64)> = tx.run().fetch_all(&STOCKS, (market_id,)).await?;
    Ok(ids.into_iter().collect())
}

/// Saves the smaller of the imported and the stored price step. `known` is the stored one; with
/// `Some(None)` it is computed from the stored bars.
async fn save_tick(
    tx: &mut Tx,
    market_id: i64,
    imported: Price,
    known: Option<Option<i64>>,
) -> Result<Price, StoreError> {
    let known = match known {
        Some(None) => tx.run().fetch_scalar(&TICK, (market_id,)).await?,
        known => known.flatten(),
    };
    let tick = known.map_or(imported.0, |known: i64| known.min(imported.0));
    tx.run().execute(&SAVE_TICK, (tick, market_id)).await?;
    Ok(Price(tick))
}

/// The currency of a market; a stored one must match.
fn agreed_currency(market: &NewMarket, stored: Option<&str>) -> Result<String, StoreError> {
    match (stored, market.currency.as_deref()) {
        (Some(stored), Some(wanted)) if stored != wanted => Err(StoreError::Unsuitable(format!(
            "the market {} has prices in {stored}, and the files have prices in {wanted}: import \
             them into a market of another name",
            market.name
        ))),
        (Some(code), _) | (None, Some(code)) => Ok(code.to_owned()),
        (None, None) => Ok("USD".to_owned()),
    }
}

/// The symbols with texts or bars, without duplicates.
fn symbol_rows(texts: &[StockDescription], bars: &[(Symbol, DailyBar)]) -> RowSet {
    let mut symbols: Vec<&Symbol> = texts.iter().map(|text| &text.symbol).collect();
    let is_other = |pair: &&[(Symbol, DailyBar)]| pair[0].0 != pair[1].0;
    symbols.extend(bars.first().map(|(symbol, _)| symbol));
    symbols.extend(bars.windows(2).filter(is_other).map(|pair| &pair[1].0));
    symbols.sort_unstable();
    symbols.dedup();
    RowSet::new(vec![RowSet::text(&symbols, |symbol| symbol.to_string())])
}

pub(crate) fn text_rows(texts: &[StockDescription]) -> RowSet {
    RowSet::new(vec![
        RowSet::text(texts, |text| text.symbol.to_string()),
        RowSet::optional_text(texts, |text| text.name.clone()),
        RowSet::optional_text(texts, |text| text.category.clone()),
        RowSet::optional_text(texts, |text| text.description.clone()),
        RowSet::optional_text(texts, |text| text.kid_friendly_description.clone()),
        RowSet::optional_text(texts, |text| text.fun_fact.clone()),
    ])
}
