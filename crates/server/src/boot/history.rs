//! Writes the closes of finished sessions of the market, and of no later one, to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use domain::{Day, Price, UnixMicros};
use market::MarketSource;
use store::{Store, StoreError};

/// The approximate rows of one statement.
const BATCH_ROWS: usize = 4_000;

/// The newest day whose closes are saved. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SavedDay(Arc<AtomicI32>);

impl SavedDay {
    /// The closes of earlier days are saved, too.
    pub(crate) fn day(&self) -> Day {
        Day(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, day: Day) {
        self.0.store(day.0, Ordering::Release);
    }
}

impl Default for SavedDay {
    fn default() -> Self {
        Self(Arc::new(AtomicI32::new(i32::MIN)))
    }
}

/// Saves the closes of a game's market.
pub(crate) struct HistoryWriter {
    store: Store,
    source: Arc<MarketSource>,
    /// In the order of the source.
    stock_ids: Vec<i64>,
    /// The imported market whose bars are saved with the closes.
    market_id: Option<i64>,
    /// Sessions numbered below this are saved.
    saved: usize,
    day: SavedDay,
}

impl HistoryWriter {
    /// Queries which closes are saved at `now`.
    pub(crate) async fn open(
        store: Store,
        source: Arc<MarketSource>,
        stock_ids: Vec<i64>,
        market_id: Option<i64>,
        now: UnixMicros,
    ) -> Result<Self, StoreError> {
        // One statement saves the rows of a session, so one stock with a close of a day proves that
        // the day is saved; not every stock has one.
        let last_day = store.history_newest_day(&stock_ids).await?;
        let saved = last_day.map_or(0, |day| source.finished_up_to(now, day));
        let day = SavedDay::default();
        day.set(last_day.unwrap_or(Day(i32::MIN)));
        Ok(Self { store, source, stock_ids, market_id, saved, day })
    }

    /// The newest saved day, which changes as closes are saved.
    pub(crate) fn saved_day(&self) -> SavedDay {
        self.day.clone()
    }

    /// How many finished sessions are not saved.
    pub(crate) fn missing(&self, now: UnixMicros) -> usize {
        self.source.finished_sessions(now).saturating_sub(self.saved)
    }

    /// Saves one batch of missing sessions and returns their number.
    pub(crate) async fn save_batch(&mut self, now: UnixMicros) -> Result<usize, StoreError> {
        let sessions = (BATCH_ROWS / self.stock_ids.len().max(1)).max(1).min(self.missing(now));
        let mut rows: Vec<(i64, Day, Price)> = Vec::with_capacity(sessions * self.stock_ids.len());
        for session in self.saved..self.saved + sessions {
            let day = self.source.session_day(now, session);
            let closes = self.source.session_closes(now, session);
            let (Some(day), Some(closes)) = (day, closes) else { continue };
            let known = self.stock_ids.iter().zip(closes).filter(|(_, close)| close.0 > 0);
            rows.extend(known.map(|(id, close)| (*id, day, close)));
        }
        if !rows.is_empty() {
            match self.market_id {
                Some(market_id) => self.store.save_imported_history(market_id, &rows).await?,
                None => self.store.save_history(&rows).await?,
            }
        }
        self.saved += sessions;
        if let Some(day) = self.source.session_day(now, self.saved.saturating_sub(1)) {
            self.day.set(day);
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{StockInfo, Symbol};
    use market::{ImportedMarket, MarketConfig, ReplayConfig};
    use store::DatabaseConfig;

    const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

    #[test]
    fn the_saved_sessions_are_found_by_their_last_day() {
        let source = MarketSource::new(&MarketConfig::default(), START).expect("valid");
        let finished = source.finished_sessions(START);
        for session in [0, 1, 250, finished - 1] {
            let day = source.session_day(START, session).expect("finished");
            assert_eq!(source.finished_up_to(START, day), session + 1);
        }
        let before = Day::parse("1980-01-01").expect("a day");
        assert_eq!(source.finished_up_to(START, before), 0);
        let after = Day::parse("2050-01-01").expect("a day");
        assert_eq!(source.finished_up_to(START, after), finished);
    }

    fn stock(symbol: &str) -> StockInfo {
        StockInfo {
            symbol: Symbol::parse(symbol).expect("a symbol"),
            name: symbol.to_owned(),
            category: "Other".to_owned(),
            description: String::new(),
            kid_friendly_description: String::new(),
            fun_fact: None,
        }
    }

    #[tokio::test]
    async fn a_second_start_writes_no_row_although_the_last_stock_has_no_close_yet() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        let store =
            Store::open(&DatabaseConfig { url, ..Default::default() }).await.expect("opens");
        store.migrate().await.expect("migrates");
        let old = (0..40).map(|day| (Day(day), Price(10_000))).collect();
        let late = vec![(Day(39), Price(20_000))];
        let stocks = vec![(stock("AAA"), old), (stock("ZZZ"), late)];
        let market = ImportedMarket {
            name: "us".to_owned(),
            currency: "USD".to_owned(),
            tick: None,
            stocks,
        };
        let config = ReplayConfig { start: Day(30), ..ReplayConfig::default() };
        let source = Arc::new(MarketSource::imported(market, &config, START).expect("valid"));
        let saved = store.save_stocks(&["AAA", "ZZZ"].map(stock)).await.expect("stocks");
        let ids: Vec<i64> = saved.iter().map(|one| one.stock_id).collect();
        let start = async || {
            let (store, source, ids) = (store.clone(), Arc::clone(&source), ids.clone());
            let mut history =
                HistoryWriter::open(store, source, ids, None, START).await.expect("opens");
            let mut rows = 0;
            while history.missing(START) > 0 {
                rows += history.save_batch(START).await.expect("saves");
            }
            rows
        };
        assert_eq!(start().await, 31);
        assert_eq!(start().await, 0);
    }
}
