//! Saves the daily bars of an imported market.

use std::collections::HashMap;

use domain::{DailyBar, Price, Symbol};

use crate::StoreError;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::Tx;

/// Bars per statement.
const CHUNK: usize = 10_000;

pub(super) static SAVE_BARS: LazyStatement = LazyStatement::with_rows(
    "market_bars.save",
    "market_stock_id bigint, day bigint, open bigint, high bigint, low bigint, close bigint, \
     volume bigint",
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
);

pub(super) static COUNT: LazyStatement = LazyStatement::new(
    "market_bars.count",
    "SELECT count(DISTINCT b.market_stock_id) AS stocks, count(b.day) AS bars
     FROM market_stocks s LEFT JOIN market_bars b ON b.market_stock_id = s.market_stock_id
     WHERE s.market_id = $1",
);

/// Counts the stocks with bars, and the bars.
pub(super) async fn count(tx: &mut Tx, market_id: i64) -> Result<(i64, i64), StoreError> {
    tx.run().fetch_one(&COUNT, (market_id,)).await
}

/// Saves the bars; returns the number of new or changed ones.
pub(super) async fn save(
    tx: &mut Tx,
    ids: &HashMap<String, i64>,
    bars: &[(Symbol, DailyBar)],
    progress: impl Fn(usize),
) -> Result<u64, StoreError> {
    let mut touched = 0;
    for (number, chunk) in bars.chunks(CHUNK).enumerate() {
        touched += tx.run().execute(&SAVE_BARS, (&bar_rows(chunk, ids)?,)).await?;
        progress(number * CHUNK + chunk.len());
    }
    Ok(touched)
}

/// # Errors
/// `Unsuitable` for a bar of a stock that the market lacks.
fn bar_rows(bars: &[(Symbol, DailyBar)], ids: &HashMap<String, i64>) -> Result<RowSet, StoreError> {
    let price = |price: Option<Price>| price.map(|price| price.0);
    let id = |(symbol, _): &(Symbol, DailyBar)| {
        let unknown = || StoreError::Unsuitable(format!("the market has no stock {symbol}"));
        ids.get(symbol.as_str()).copied().ok_or_else(unknown)
    };
    let stock_ids = bars.iter().map(id).collect::<Result<Vec<i64>, StoreError>>()?;
    Ok(RowSet::new(vec![
        RowSet::int(&stock_ids, |id| *id),
        RowSet::int(bars, |(_, bar)| i64::from(bar.day.0)),
        RowSet::optional_int(bars, |(_, bar)| price(bar.open)),
        RowSet::optional_int(bars, |(_, bar)| price(bar.high)),
        RowSet::optional_int(bars, |(_, bar)| price(bar.low)),
        RowSet::int(bars, |(_, bar)| bar.close.0),
        RowSet::optional_int(bars, |(_, bar)| bar.volume),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_of_a_stock_that_was_not_saved_is_an_error() {
        let bar = DailyBar {
            day: domain::Day(1),
            open: None,
            high: None,
            low: None,
            close: Price(100),
            volume: None,
        };
        let bars = [(Symbol::parse("AAPL").unwrap(), bar)];
        assert!(bar_rows(&bars, &HashMap::from([("AAPL".to_owned(), 7)])).is_ok());
        let error = bar_rows(&bars, &HashMap::new()).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the market has no stock AAPL");
    }
}
