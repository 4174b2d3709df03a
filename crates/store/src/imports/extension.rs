//! Extends a market that a game plays: its past is immutable, and later days are recorded.

use std::collections::{BTreeSet, HashMap};

use domain::{DailyBar, Symbol, UnixMicros};

use super::bars;
use crate::StoreError;
use crate::statement::LazyStatement;
use crate::transaction::Tx;

pub(super) static GAMES: LazyStatement = LazyStatement::new(
    "games.code_of_market",
    "SELECT code FROM games WHERE market_id = $1 ORDER BY game_id LIMIT 1",
);

pub(super) static LAST_DAY: LazyStatement = LazyStatement::new(
    "market_bars.last_day",
    "SELECT MAX(b.day) FROM market_stocks s
     JOIN market_bars b ON b.market_stock_id = s.market_stock_id WHERE s.market_id = $1",
);

pub(super) static RECORD: LazyStatement = LazyStatement::new(
    "market_changes.record",
    "INSERT INTO market_changes (market_id, seq, stocks, bars, first_day, last_day, made_at)
     SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5, $6
     FROM market_changes WHERE market_id = $1",
);

/// A market that a game plays.
pub(super) struct PlayedMarket {
    market_id: i64,
    /// The first game by number.
    game: String,
    /// Days since 1970.
    last_day: i64,
}

pub(super) static IS_PLAYED: LazyStatement = LazyStatement::new(
    "games.is_market_played",
    "SELECT count(*) FROM games g JOIN markets m ON m.market_id = g.market_id WHERE m.name = $1",
);

pub(super) async fn find_played(
    tx: &mut Tx,
    market_id: i64,
) -> Result<Option<PlayedMarket>, StoreError> {
    let game: Option<String> = tx.run().fetch_optional_scalar(&GAMES, (market_id,)).await?;
    let Some(game) = game else { return Ok(None) };
    let last_day: Option<i64> = tx.run().fetch_scalar(&LAST_DAY, (market_id,)).await?;
    Ok(last_day.map(|last_day| PlayedMarket { market_id, game, last_day }))
}

/// Saves the bars after the last day, and returns their number.
///
/// # Errors
/// `Unsuitable` if a bar of an earlier day is new or differs.
pub(super) async fn save(
    tx: &mut Tx,
    market: &PlayedMarket,
    ids: &HashMap<String, i64>,
    bars: &[(Symbol, DailyBar)],
    now: UnixMicros,
    progress: impl Fn(usize),
) -> Result<u64, StoreError> {
    let PlayedMarket { market_id, game, last_day } = market;
    let is_past = |(_, bar): &&(Symbol, DailyBar)| i64::from(bar.day.0) <= *last_day;
    let (past, later): (Vec<_>, Vec<_>) = bars.iter().cloned().partition(|bar| is_past(&bar));
    let changed = bars::save(tx, ids, &past, |_| ()).await?;
    if changed > 0 {
        return Err(StoreError::Unsuitable(format!(
            "the game {game} plays this market, whose past is immutable: the files add or change \
             {changed} bars up to its last day; import them into a market of another name"
        )));
    }
    let added = bars::save(tx, ids, &later, |done| progress(past.len() + done)).await?;
    let days = || later.iter().map(|(_, bar)| i64::from(bar.day.0));
    if let (Some(first), Some(last)) = (days().min(), days().max()) {
        let stocks: BTreeSet<&Symbol> = later.iter().map(|(symbol, _)| symbol).collect();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (stocks, count) = (count(stocks.len()), count(later.len()));
        tx.run().execute(&RECORD, (*market_id, stocks, count, first, last, now.0)).await?;
    }
    Ok(added)
}
