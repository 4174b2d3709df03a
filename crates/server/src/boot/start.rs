//! Prepares what a server runs on: the database, its game, its stocks, its market and its history.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Clock as _, Rules, StockDescription, Symbol};
use indicatif::ProgressBar;
use market::{
    AtEnd, GameMarket, ImportedMarket, Listing, MarketConfig, MarketSource, PriceBoard,
    SharedClock, SourceKind,
};
use store::{
    Game, GameSeed, MarketCloses, MarketMatch, NewGameMarket, SeededMarket, Store, StoreError,
};
use trading::GameRules;

use super::config::Config;
use super::database::{database_error, open_and_migrate};
use super::game_rules::open_rules_of_market;
use super::history::HistoryWriter;
use super::{game_clock, live_market};
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
    pub(crate) game_id: i64,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) prices: Arc<PriceBoard>,
    pub(crate) history: HistoryWriter,
    pub(crate) rules: Arc<GameRules>,
}

/// Brings stocks, prices and history up to date. `config` has the market of the game.
pub(super) async fn prepare(
    store: Store,
    game: &Game,
    configured: &Rules,
    config: &Config,
) -> Result<Services, CommandError> {
    let now = SystemClock.now();
    let failed = database_error(&config.database);
    let clock = game_clock::open(&store, game, config, now).await.map_err(&failed)?;
    let (source, market_id) = open_source(&store, game, &config.market, config, clock).await?;
    let source = Arc::new(adopt_seed(&store, game, source, config).await.map_err(&failed)?);
    let listings = list_stocks(&store, &source).await.map_err(&failed)?;
    // The listed stocks, which the rules may name, have their ids now.
    let rules = open_rules_of_market(config, &store, game, configured).await?;
    let stock_ids: Vec<i64> = listings.iter().map(|listing| listing.stock_id).collect();
    if let Some(feed) = source.feed() {
        live_market::feed_stored_quotes(&store, &feed, &stock_ids).await.map_err(&failed)?;
    }
    let prices = Arc::new(PriceBoard::new(&source, listings, now)?);
    let history =
        HistoryWriter::open(store.clone(), Arc::clone(&source), stock_ids, market_id, now).await;
    let mut history = history.map_err(&failed)?;
    save_missing(&mut history).await.map_err(failed)?;
    Ok(Services { store, game_id: game.game_id, source, prices, history, rules })
}

/// The section `[market]` with the market of the game in it. A game without one gets the configured
/// market; for any other, settings that differ are logged and have no effect.
pub(crate) async fn market_of_game(
    store: &Store,
    game: &Game,
    config: &Config,
    rules: &Rules,
) -> Result<MarketConfig, CommandError> {
    let stored = match &game.market_settings {
        Some(_) => game.market_settings.clone(),
        None => create_market(store, game, config, rules).await?.market_settings,
    };
    let market = GameMarket::parse(&stored.unwrap_or_default())?;
    for difference in market.differences(&config.market) {
        tracing::warn!(
            setting = %difference.key,
            game = %difference.game,
            configured = %difference.configured,
            "the game keeps the market that it was created with, and the setting has no effect; \
             another market needs another database"
        );
    }
    let market = market.replace(config.market.clone());
    if !market.replay.market.is_empty() && market.source == SourceKind::Replay {
        find_imported(store, &market.replay.market, config, rules).await?;
    }
    Ok(market)
}

/// Stores the configured market as that of the game.
async fn create_market(
    store: &Store,
    game: &Game,
    config: &Config,
    rules: &Rules,
) -> Result<Game, CommandError> {
    let mut market = config.market.clone();
    let kind = market_name(&market);
    let (name, kind) = match (market.source, market.replay.market.as_str()) {
        (SourceKind::Replay, imported) if !imported.is_empty() => (imported.to_owned(), "imported"),
        _ => (format!("{kind}:{}", game.code), kind),
    };
    if kind == "imported" {
        // A later import cannot make the step finer.
        let found = find_imported(store, &name, config, rules).await?;
        market.replay.tick = market.replay.tick.or(Some(found.tick));
    }
    let exchange = match market.source {
        SourceKind::Live => market.live.exchange.as_str(),
        SourceKind::Replay | SourceKind::Simulated | SourceKind::Fixed => "-",
    };
    let (currency, settings) = (rules.currency.code(), GameMarket::of(&market).to_text());
    let created =
        NewGameMarket { name: &name, kind, exchange, currency, settings: settings.as_str() };
    let game = store.set_game_market(game, &created, SystemClock.now()).await;
    game.map_err(database_error(&config.database))
}

/// This market of a game with the game's clock and the steps of its sessions, without its seed, and
/// the id of an imported market.
pub(crate) async fn open_source(
    store: &Store,
    game: &Game,
    market: &MarketConfig,
    config: &Config,
    (clock, steps): (Arc<SharedClock>, u32),
) -> Result<(MarketSource, Option<i64>), CommandError> {
    let replay = &market.replay;
    let (source, market_id) = match market.source {
        SourceKind::Live => (live_market::open_market(store, &market.live, config).await?, None),
        SourceKind::Replay if !replay.market.is_empty() => {
            let (market_id, imported) = load_imported(store, &replay.market, config).await?;
            (MarketSource::imported(imported, replay, game.started_at)?, Some(market_id))
        }
        _ => (MarketSource::new(market, game.started_at)?, None),
    };
    Ok((source.with_clock(clock, steps), market_id))
}

/// Adds the game's secret seed to a market whose prices follow from one. The seed is drawn at the
/// first start; a game of the version without seeds plays its present session to the end first.
async fn adopt_seed(
    store: &Store,
    game: &Game,
    source: MarketSource,
    config: &Config,
) -> Result<MarketSource, StoreError> {
    let Some((kind, market)) = seeded_market(&config.market) else { return Ok(source) };
    let (number, at_end) = match config.market.source {
        SourceKind::Replay => (config.market.replay.seed, config.market.replay.at_end),
        _ => (config.market.simulated.seed, config.market.simulated.at_end),
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

/// The kind and the name by which the seed of a market is stored; `None` for a market without one.
pub(super) fn seeded_market(market: &MarketConfig) -> Option<(&'static str, String)> {
    let (kind, imported) = (market_name(market), &market.replay.market);
    match market.source {
        SourceKind::Replay if !imported.is_empty() => Some((kind, format!("{kind}:{imported}"))),
        SourceKind::Replay | SourceKind::Simulated => Some((kind, kind.to_owned())),
        SourceKind::Fixed | SourceKind::Live => None,
    }
}

/// An imported market, whose currency must be that of the game.
async fn find_imported(
    store: &Store,
    name: &str,
    config: &Config,
    rules: &Rules,
) -> Result<MarketMatch, CommandError> {
    let found = store.find_market(name).await.map_err(database_error(&config.database))?;
    let found = found.ok_or_else(|| CommandError::NoMarket(name.to_owned()))?;
    if found.currency != rules.currency.code() {
        let (name, game) = (name.to_owned(), rules.currency.code().to_owned());
        return Err(CommandError::MarketCurrency { name, currency: found.currency, game });
    }
    Ok(found)
}

/// The replayed market and its id.
async fn load_imported(
    store: &Store,
    name: &str,
    config: &Config,
) -> Result<(i64, ImportedMarket), CommandError> {
    let failed = database_error(&config.database);
    let found = store.find_market(name).await.map_err(&failed)?;
    let found = found.ok_or_else(|| CommandError::NoMarket(name.to_owned()))?;
    let closes = store.market_closes(found.market_id).await.map_err(&failed)?;
    if closes.is_empty() {
        return Err(CommandError::NoMarket(name.to_owned()));
    }
    let stocks = closes.into_iter().map(|MarketCloses { stock, closes }| (stock, closes));
    let (stocks, name, currency) = (stocks.collect(), name.to_owned(), found.currency.clone());
    let market = ImportedMarket { name, currency, tick: Some(found.tick), stocks };
    Ok((found.market_id, market))
}

/// Opens the database with the game, its present month and the keys of names.
pub(crate) async fn open_game(config: &Config) -> Result<(Store, Game), CommandError> {
    let store = open_and_migrate(&config.database).await?;
    let now = SystemClock.now();
    let failed = database_error(&config.database);
    let game = store.ensure_game(market_name(&config.market), now).await.map_err(&failed)?;
    // The job `make_months` creates the next ones.
    store.ensure_ledger_month(now.month()).await.map_err(&failed)?;
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

/// Saves the market's stocks, with the operator's texts over those of the source, and returns them
/// with their ids and categories, in the order of the source.
async fn list_stocks(store: &Store, source: &MarketSource) -> Result<Vec<Listing>, StoreError> {
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
    Ok(listings.collect())
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
