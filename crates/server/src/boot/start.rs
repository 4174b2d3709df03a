//! Prepares what a server runs on: the database, its game, its stocks, its market and its history.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Clock as _, Rules, StockDescription, Symbol};
use indicatif::ProgressBar;
use market::{AtEnd, ImportedMarket, Listing, MarketConfig, MarketSource, PriceBoard, SourceKind};
use store::{Game, GameSeed, MarketCloses, SeededMarket, Store, StoreError};

use super::config::Config;
use super::database::{database_error, open_and_migrate};
use super::history::HistoryWriter;
use super::live_market;
use crate::clock::{SystemClock, SystemEntropy};
use crate::error::CommandError;
use crate::term;

/// Fewer missing sessions are saved without a progress bar.
const LONG_SESSIONS: usize = 500;
/// Users whose names get keys before a server starts after an upgrade: steps, and users of a step.
const NAME_STEPS_MAX: usize = 200;
const USERS_PER_STEP: i64 = 500;

/// The prepared parts of a server.
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) prices: Arc<PriceBoard>,
    pub(crate) history: HistoryWriter,
    /// The rules, with the stocks of the market that they permit.
    pub(crate) rules: Arc<Rules>,
}

/// Brings game, months, stocks, achievements and history up to date.
pub(super) async fn prepare(config: &Config, rules: &Rules) -> Result<Services, CommandError> {
    let (store, game) = open_game(config, rules).await?;
    let now = SystemClock.now();
    let failed = database_error(&config.database);
    let (source, market_id) = open_source(&store, &game, config, rules).await?;
    let source = Arc::new(adopt_seed(&store, &game, source, config).await.map_err(&failed)?);
    let (listings, categories) = list_stocks(&store, &source).await.map_err(&failed)?;
    let rules = permit_stocks(rules, &listings, &categories)?;
    let stock_ids: Vec<i64> = listings.iter().map(|listing| listing.stock_id).collect();
    if let Some(feed) = source.feed() {
        live_market::feed_stored_quotes(&store, &feed, &stock_ids).await.map_err(&failed)?;
    }
    let prices = Arc::new(PriceBoard::new(&source, listings, now)?);
    let history =
        HistoryWriter::open(store.clone(), Arc::clone(&source), stock_ids, market_id, now).await;
    let mut history = history.map_err(&failed)?;
    save_missing(&mut history).await.map_err(failed)?;
    Ok(Services { store, source, prices, history, rules })
}

/// The market of the game, without its seed, and the id of an imported market.
pub(crate) async fn open_source(
    store: &Store,
    game: &Game,
    config: &Config,
    rules: &Rules,
) -> Result<(MarketSource, Option<i64>), CommandError> {
    let replay = &config.market.replay;
    Ok(match config.market.source {
        SourceKind::Live => (live_market::open_market(store, config).await?, None),
        SourceKind::Replay if !replay.market.is_empty() => {
            let (market_id, market) = load_imported(store, config, rules).await?;
            (MarketSource::imported(market, replay, game.started_at)?, Some(market_id))
        }
        _ => (MarketSource::new(&config.market, game.started_at)?, None),
    })
}

/// Adds the game's secret seed to a market whose prices follow from one. The seed is drawn at the
/// first start; a game of the version without seeds plays its present session to the end first.
async fn adopt_seed(
    store: &Store,
    game: &Game,
    source: MarketSource,
    config: &Config,
) -> Result<MarketSource, StoreError> {
    let kind = market_name(&config.market);
    let (number, at_end) = match config.market.source {
        SourceKind::Replay => (config.market.replay.seed, config.market.replay.at_end),
        SourceKind::Simulated => (config.market.simulated.seed, config.market.simulated.at_end),
        SourceKind::Fixed | SourceKind::Live => return Ok(source),
    };
    if number != 0 {
        tracing::warn!(
            setting = %format!("market.{kind}.seed"),
            "prices follow from a number in the configuration, from which they can be computed"
        );
    }
    if config.market.source == SourceKind::Simulated && at_end == AtEnd::Loop {
        tracing::warn!("a simulated market that starts over repeats its closes, which are known");
    }
    let imported = &config.market.replay.market;
    let market = match config.market.source {
        SourceKind::Replay if !imported.is_empty() => format!("{kind}:{imported}"),
        _ => kind.to_owned(),
    };
    let now = SystemClock.now();
    let present = source.present(now);
    let drawn = GameSeed {
        first_pass: i64::from(present.pass),
        first_session: i64::try_from(present.session + 1).unwrap_or(i64::MAX),
        ..market::draw_seed(&SystemEntropy)
    };
    let seeded = SeededMarket { game_id: game.game_id, kind, market: &market };
    Ok(source.with_seed(store.ensure_seed(seeded, &drawn, now).await?))
}

/// The replayed market and its id; its currency must be that of the game.
async fn load_imported(
    store: &Store,
    config: &Config,
    rules: &Rules,
) -> Result<(i64, ImportedMarket), CommandError> {
    let failed = database_error(&config.database);
    let name = &config.market.replay.market;
    let found = store.find_market(name).await.map_err(&failed)?;
    let found = found.ok_or_else(|| CommandError::NoMarket(name.clone()))?;
    if found.currency != rules.currency.code() {
        let (name, game) = (name.clone(), rules.currency.code().to_owned());
        return Err(CommandError::MarketCurrency { name, currency: found.currency, game });
    }
    let closes = store.market_closes(found.market_id).await.map_err(&failed)?;
    if closes.is_empty() {
        return Err(CommandError::NoMarket(name.clone()));
    }
    let stocks = closes.into_iter().map(|MarketCloses { stock, closes }| (stock, closes));
    let (stocks, name, currency) = (stocks.collect(), name.clone(), found.currency.clone());
    let market = ImportedMarket { name, currency, tick: Some(found.tick), stocks };
    Ok((found.market_id, market))
}

/// Opens the database with everything that a player's registration needs.
pub(crate) async fn open_game(
    config: &Config,
    rules: &Rules,
) -> Result<(Store, Game), CommandError> {
    let store = open_and_migrate(&config.database).await?;
    let now = SystemClock.now();
    let failed = database_error(&config.database);
    let game = store.ensure_game(market_name(&config.market), now).await.map_err(&failed)?;
    // The job `make_months` creates the next ones.
    store.ensure_ledger_month(now.month()).await.map_err(&failed)?;
    store.save_achievements(rules).await.map_err(&failed)?;
    // Before a new player can take an existing name; the job `fill_columns` does the rest.
    for _ in 0..NAME_STEPS_MAX {
        if store.take_known_names(USERS_PER_STEP, now).await.map_err(&failed)? {
            break;
        }
    }
    Ok((store, game))
}

/// The name of a market in the game's row.
fn market_name(market: &MarketConfig) -> &'static str {
    match market.source {
        SourceKind::Replay => "replay",
        SourceKind::Simulated => "simulated",
        SourceKind::Fixed => "fixed",
        SourceKind::Live => "live",
    }
}

/// The rules with the ids of the stocks that they permit in this market.
fn permit_stocks(
    rules: &Rules,
    listings: &[Listing],
    categories: &[String],
) -> Result<Arc<Rules>, CommandError> {
    let mut rules = rules.clone();
    let stocks = listings.iter().zip(categories);
    let stocks = stocks.map(|(stock, category)| (stock.stock_id, &stock.symbol, &**category));
    rules.permit_stocks_of(stocks).map_err(CommandError::Rules)?;
    Ok(Arc::new(rules))
}

/// Saves the market's stocks, with the operator's texts over those of the source, and returns them
/// with their ids and categories, in the order of the source.
async fn list_stocks(
    store: &Store,
    source: &MarketSource,
) -> Result<(Vec<Listing>, Vec<String>), StoreError> {
    let texts = source.stocks();
    let described = store.stock_texts().await?;
    let described: HashMap<&Symbol, &StockDescription> =
        described.iter().map(|text| (&text.symbol, text)).collect();
    let mut stocks = texts.clone();
    for stock in &mut stocks {
        if let Some(text) = described.get(&stock.symbol) {
            text.apply(stock);
        }
    }
    let saved = store.save_stocks(&stocks).await?;
    let listings = texts
        .into_iter()
        .zip(saved)
        .map(|(text, saved)| Listing { stock_id: saved.stock_id, symbol: text.symbol });
    let categories = stocks.into_iter().map(|stock| stock.category);
    Ok((listings.collect(), categories.collect()))
}

/// Saves the missing history, with a progress bar if that takes long.
async fn save_missing(history: &mut HistoryWriter) -> Result<(), StoreError> {
    // Sessions that end meanwhile are left to the job `save_history`.
    let now = SystemClock.now();
    let missing = history.missing(now);
    let bar = if missing >= LONG_SESSIONS {
        term::progress_bar("saving history {wide_bar} {pos}/{len} sessions", missing as u64)
    } else {
        ProgressBar::hidden()
    };
    while history.missing(now) > 0 {
        let sessions = history.save_batch(now).await?;
        bar.inc(sessions as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
