//! Finds price jumps in an imported market: neighboring closes that differ by more than 40 %.

use domain::{DailyBar, Day, Price, Symbol};

use crate::StoreError;
use crate::decode::{Column as _, read_day};
use crate::statement::LazyStatement;
use crate::transaction::Tx;

const JUMPS_MAX: u16 = 10_000;

/// Two neighboring closes of a stock that differ by more than 40 %.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceJump {
    pub symbol: Symbol,
    /// The earlier day and its close.
    pub before: (Day, Price),
    /// The later day and its close.
    pub after: (Day, Price),
}

impl PriceJump {
    fn is_jump(before: Price, after: Price) -> bool {
        after.0 * 10 > before.0 * 14 || after.0 * 10 < before.0 * 6
    }
}

pub(super) static JUMPS: LazyStatement = LazyStatement::new(
    "market_bars.jumps",
    "SELECT s.symbol, pair.day_before, pair.close_before, pair.day, pair.close
     FROM (SELECT b.market_stock_id, b.day, b.close,
               LAG(b.day) OVER w AS day_before, LAG(b.close) OVER w AS close_before
           FROM market_bars b
           WHERE b.market_stock_id IN
               (SELECT m.market_stock_id FROM market_stocks m WHERE m.market_id = $1)
           WINDOW w AS (PARTITION BY b.market_stock_id ORDER BY b.day)) pair
     JOIN market_stocks s ON s.market_stock_id = pair.market_stock_id
     WHERE pair.close * 10 > pair.close_before * 14
         OR pair.close * 10 < pair.close_before * 6
     ORDER BY s.symbol, pair.day LIMIT $2",
);

/// The jumps of a market with earlier bars, as far as they touch imported bars.
pub(super) async fn find(
    tx: &mut Tx,
    market_id: i64,
    bars: &[(Symbol, DailyBar)],
) -> Result<Vec<PriceJump>, StoreError> {
    let found: Vec<JumpRow> = tx.run().fetch_all(&JUMPS, (market_id, i64::from(JUMPS_MAX))).await?;
    let jumps: Result<Vec<PriceJump>, StoreError> = found.into_iter().map(read_jump).collect();
    Ok(jumps?.into_iter().filter(|jump| is_imported(jump, bars)).collect())
}

type JumpRow = (String, i64, i64, i64, i64);

fn read_jump((symbol, day_before, before, day, close): JumpRow) -> Result<PriceJump, StoreError> {
    let symbol = Symbol::read(symbol)?;
    let before = (read_day(day_before)?, Price(before));
    Ok(PriceJump { symbol, before, after: (read_day(day)?, Price(close)) })
}

/// The jumps among the imported bars.
pub(super) fn within(bars: &[(Symbol, DailyBar)]) -> Vec<PriceJump> {
    let jump = |pair: &[(Symbol, DailyBar)]| {
        let [(symbol, before), (next, after)] = pair else { return None };
        let is_jump = symbol == next && PriceJump::is_jump(before.close, after.close);
        is_jump.then(|| PriceJump {
            symbol: symbol.clone(),
            before: (before.day, before.close),
            after: (after.day, after.close),
        })
    };
    bars.windows(2).filter_map(jump).take(usize::from(JUMPS_MAX)).collect()
}

fn is_imported(jump: &PriceJump, bars: &[(Symbol, DailyBar)]) -> bool {
    let has = |day: Day| {
        bars.binary_search_by(|(symbol, bar)| (symbol, bar.day).cmp(&(&jump.symbol, day))).is_ok()
    };
    has(jump.before.0) || has(jump.after.0)
}
