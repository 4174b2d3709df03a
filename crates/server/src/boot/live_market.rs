//! Opens a live market: its calendar, its providers, and the stored quotes of its stocks.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use domain::{Clock, Currency, StockInfo, UnixMicros};
use market::{
    Calendar, LiveConfig, LiveMarket, MarketSource, ProviderKind, ProviderQuote, Providers,
    ProvidersConfig, StockQuote, StockUnits,
};
use store::{Store, StoreError, StoredQuote};

use super::config::{self, Config};
use super::database::database_error;
use super::traces;
use crate::error::CommandError;

/// The live market of all listed stocks.
pub(super) async fn open_market(
    store: &Store,
    live: &LiveConfig,
    config: &Config,
) -> Result<MarketSource, CommandError> {
    let failed = database_error(&config.database);
    let calendar = open_calendar(live)?;
    let stocks = store.all_stocks().await.map_err(&failed)?;
    if stocks.is_empty() {
        return Err(CommandError::NoStocks);
    }
    store.ensure_quotes().await.map_err(&failed)?;
    let stocks = stocks.into_iter().map(StockInfo::from);
    Ok(MarketSource::live(calendar, live, stocks.collect()))
}

fn open_calendar(live: &LiveConfig) -> Result<Calendar, CommandError> {
    if live.calendar_file.is_empty() {
        return Ok(Calendar::embedded(&live.exchange)?);
    }
    let text = config::read_file(Path::new(&live.calendar_file))?;
    Ok(Calendar::read(&text, &live.exchange)?)
}

/// These providers, behind their circuit breakers and quotas; empty if none has a key.
pub(crate) async fn open_providers(
    config: &Config,
    settings: &ProvidersConfig,
    store: &Store,
    currency: Currency,
    clock: &Arc<dyn Clock>,
) -> Result<Providers, CommandError> {
    let connected = market::connect(settings, clock, traces::traceparent)?;
    let places = store.price_units().await.map_err(database_error(&config.database))?;
    let units = StockUnits::new(currency, places);
    Ok(Providers::new(config.market.live.guard.clone(), connected, units, store, clock))
}

/// Applies all stored quotes to the market.
pub(super) async fn feed_stored_quotes(
    store: &Store,
    feed: &LiveMarket,
    stock_ids: &[i64],
) -> Result<(), StoreError> {
    let positions = stock_ids.iter().copied().zip(0..).collect();
    let quotes = store.quotes_changed_since(UnixMicros(0)).await?;
    feed.feed(&quotes_by_position(&positions, &quotes));
    feed.set_in_doubt(&halts_by_position(&positions, &quotes));
    Ok(())
}

pub(crate) fn quotes_by_position(
    positions: &HashMap<i64, usize>,
    quotes: &[(StoredQuote, UnixMicros)],
) -> Vec<(usize, StockQuote)> {
    let quote = |(stored, _): &(StoredQuote, UnixMicros)| {
        let quote = StockQuote {
            price: stored.price,
            // Without the close of the day before, the pages show no change.
            previous_close: stored.previous_close.unwrap_or(stored.price),
            as_of: stored.as_of,
        };
        Some((*positions.get(&stored.stock_id)?, quote))
    };
    quotes.iter().filter_map(quote).collect()
}

/// Whether the trading of each stock is halted, because its new price is in doubt.
pub(crate) fn halts_by_position(
    positions: &HashMap<i64, usize>,
    quotes: &[(StoredQuote, UnixMicros)],
) -> Vec<(usize, bool)> {
    let halt = |(stored, _): &(StoredQuote, UnixMicros)| {
        Some((*positions.get(&stored.stock_id)?, stored.is_in_doubt))
    };
    quotes.iter().filter_map(halt).collect()
}

/// The quote of a provider as the row to store.
pub(crate) fn stored_quote(
    stock_id: i64,
    provider: ProviderKind,
    quote: &ProviderQuote,
) -> StoredQuote {
    StoredQuote {
        stock_id,
        price: quote.price,
        previous_close: quote.previous_close,
        as_of: quote.as_of,
        market_day: quote.market_day,
        volume: quote.volume,
        provider: provider.as_str().to_owned(),
        is_in_doubt: false,
    }
}
