//! A live market in the server: opened with the stocks in the database, and kept equal on every
//! node to the prices that one of them refreshes. Who is asked for prices is in `refresh`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Rules, StockInfo, UnixMicros};
use market::{Calendar, LiveMarket, MarketSource, PriceBoard, Providers, StockQuote, StockUnits};
use store::{Store, StoreError, StoredQuote};
use tokio::sync::Notify;

use crate::boot::config::{Config, ConfigError, without_password};
use crate::error::Failure;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// How far back changes are read again, in seconds: commits in flight and clocks that disagree a
/// little are not missed.
const OVERLAP_S: i64 = 5;

/// The live market of all stocks that are listed.
pub(crate) async fn open_market(store: &Store, config: &Config) -> Result<MarketSource, Failure> {
    let failed =
        |error: StoreError| Failure::Database(without_password(&config.database.url), error);
    let calendar = open_calendar(config)?;
    let stocks = store.all_stocks().await.map_err(failed)?;
    if stocks.is_empty() {
        return Err(Failure::NoStocks);
    }
    store.ensure_quotes().await.map_err(failed)?;
    let texts = stocks.into_iter().map(StockInfo::from);
    Ok(MarketSource::live(calendar, &config.market.live, texts.collect()))
}

/// The calendar that the configuration names.
pub(crate) fn open_calendar(config: &Config) -> Result<Calendar, Failure> {
    let live = &config.market.live;
    if live.calendar_file.is_empty() {
        return Ok(Calendar::embedded(&live.exchange)?);
    }
    let path = PathBuf::from(&live.calendar_file);
    let file = std::fs::read_to_string(&path).map_err(|error| ConfigError::Read(path, error))?;
    Ok(Calendar::read(&file, &live.exchange)?)
}

/// The providers that the configuration names, behind their breakers and quotas.
pub(crate) async fn open_providers(
    config: &Config,
    store: &Store,
    rules: &Rules,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Providers>, Failure> {
    let live = &config.market.live;
    let providers = market::connect(&live.providers, clock)?;
    let places = store
        .price_units()
        .await
        .map_err(|error| Failure::Database(without_password(&config.database.url), error))?;
    let units = StockUnits::new(rules.currency, places);
    Ok(Arc::new(Providers::new(live.guard.clone(), providers, units, store, clock)))
}

/// Takes over all prices that are kept.
pub(crate) async fn feed_kept(
    store: &Store,
    feed: &LiveMarket,
    stock_ids: &[i64],
) -> Result<(), StoreError> {
    let positions = stock_ids.iter().copied().zip(0..).collect();
    let kept = store.quotes_changed_since(UnixMicros(0)).await?;
    feed.feed(&by_position(&positions, &kept));
    feed.set_in_doubt(&doubts(&positions, &kept));
    Ok(())
}

fn by_position(
    positions: &HashMap<i64, usize>,
    kept: &[(StoredQuote, UnixMicros)],
) -> Vec<(usize, StockQuote)> {
    let quote = |(kept, _): &(StoredQuote, UnixMicros)| {
        let quote = StockQuote {
            price: kept.price,
            // Whoever does not know yesterday's close shows no change.
            previous_close: kept.previous_close.unwrap_or(kept.price),
            as_of: kept.as_of,
        };
        Some((*positions.get(&kept.stock_id)?, quote))
    };
    kept.iter().filter_map(quote).collect()
}

/// Of which stocks a price is in doubt, and of which not.
fn doubts(
    positions: &HashMap<i64, usize>,
    kept: &[(StoredQuote, UnixMicros)],
) -> Vec<(usize, bool)> {
    let doubt = |(kept, _): &(StoredQuote, UnixMicros)| {
        Some((*positions.get(&kept.stock_id)?, kept.is_in_doubt))
    };
    kept.iter().filter_map(doubt).collect()
}

/// Brings this node's prices up to those that are kept, whichever node asked for them.
pub(crate) struct FollowQuotes {
    store: Store,
    source: Arc<MarketSource>,
    feed: Arc<LiveMarket>,
    board: Arc<PriceBoard>,
    clock: Arc<dyn Clock>,
    positions: HashMap<i64, usize>,
    /// When the newest change that was seen happened.
    seen: UnixMicros,
    /// Another node tells that it was told prices.
    nudge: Arc<Notify>,
}

impl FollowQuotes {
    /// Follows the prices of a live market; `None` where there is no such market.
    pub(crate) fn new(
        store: Store,
        source: Arc<MarketSource>,
        board: Arc<PriceBoard>,
        clock: Arc<dyn Clock>,
        nudge: Arc<Notify>,
    ) -> Option<Self> {
        let feed = source.feed()?;
        let positions = board.listings().iter().map(|listing| listing.stock_id).zip(0..).collect();
        let seen = UnixMicros(0);
        Some(Self { store, source, feed, board, clock, positions, seen, nudge })
    }
}

impl Reconciler for FollowQuotes {
    const NAME: &'static str = "follow_quotes";
    // With the publication at once, every node shows a price within a second of its commit.
    const EVERY: Duration = Duration::from_millis(500);

    fn nudge(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.nudge))
    }

    async fn run(&mut self) -> Result<Progress, Fault> {
        let since = self.seen.plus_seconds(-OVERLAP_S);
        let changed = self.store.quotes_changed_since(since).await?;
        if let Some((_, newest)) = changed.last() {
            self.seen = self.seen.max(*newest);
        }
        let quotes = by_position(&self.positions, &changed);
        let is_doubt_news = self.feed.set_in_doubt(&doubts(&self.positions, &changed));
        if !self.feed.feed(&quotes) && !is_doubt_news {
            return Ok(Progress::done(0));
        }
        self.board.publish(&self.source, self.clock.now());
        Ok(Progress::done(quotes.len() as u64))
    }
}
