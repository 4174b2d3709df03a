//! The present prices of the game for a command, which changes nothing: a server has listed the
//! stocks and drawn the seed before.

use std::collections::HashMap;

use domain::{Clock as _, Symbol};
use market::{GameMarket, Listing, PriceBoard};
use store::{Game, SeededMarket, Store};

use super::config::Config;
use super::database::database_error;
use super::start::{open_source, seeded_market};
use super::{game_clock, live_market};
use crate::clock::SystemClock;
use crate::error::CommandError;

/// The price board as the servers have it at this moment.
pub(crate) async fn read_prices(
    config: &Config,
    store: &Store,
    game: &Game,
) -> Result<PriceBoard, CommandError> {
    let now = SystemClock.now();
    let failed = database_error(&config.database);
    let market = match &game.market_settings {
        Some(settings) => GameMarket::parse(settings)?.replace(config.market.clone()),
        None => config.market.clone(),
    };
    let clock = game_clock::read(store, game, config, now).await.map_err(&failed)?;
    let (mut source, _) = open_source(store, game, &market, config, clock).await?;
    if let Some((kind, name)) = seeded_market(&market) {
        let seeded = SeededMarket { game_id: game.game_id, kind, market: &name };
        let seed = store.find_seed(seeded).await.map_err(&failed)?;
        source = source.with_seed(seed.ok_or(CommandError::NoGame)?);
    }
    let stocks = store.all_stocks().await.map_err(&failed)?;
    let ids: HashMap<Symbol, i64> =
        stocks.into_iter().map(|stock| (stock.symbol, stock.stock_id)).collect();
    let list = |symbol: Symbol| Some(Listing { stock_id: *ids.get(&symbol)?, symbol });
    let listings: Vec<Listing> =
        source.stocks().into_iter().filter_map(|stock| list(stock.symbol)).collect();
    if let Some(feed) = source.feed() {
        let stock_ids: Vec<i64> = listings.iter().map(|listing| listing.stock_id).collect();
        live_market::feed_stored_quotes(store, &feed, &stock_ids).await.map_err(failed)?;
    }
    Ok(PriceBoard::new(&source, listings, now)?)
}
