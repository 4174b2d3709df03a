//! Bringing a server up: from a configuration to an open database with its game, stocks and
//! history. What then runs on it is wired in `serve`.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Clock as _, Rules, StockDescription, StockInfo, Symbol};
use indicatif::{ProgressBar, ProgressStyle};
use market::{AtEnd, ImportedMarket, Listing, MarketConfig, MarketSource, PriceBoard, SourceKind};
use store::{DatabaseConfig, Game, GameSeed, MarketCloses, SeededMarket, Store, StoreError};

use crate::boot::config::{Config, without_password};
use crate::boot::data_dir;
use crate::boot::data_dir::{DataDirError, DatabaseLock};
use crate::boot::history::History;
use crate::boot::live_market as live;
use crate::clock::{SystemClock, SystemEntropy};
use crate::error::Failure;
use crate::term;

/// From how many sessions on saving history is long enough for a progress bar.
const LONG_SESSIONS: usize = 500;

/// How many users' names get keys before a server starts after an upgrade, and in which steps.
const NAME_STEPS_MAX: usize = 200;
const USERS_PER_STEP: i64 = 500;

/// A game that is ready to be played.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) prices: Arc<PriceBoard>,
    pub(crate) history: History,
}

/// Makes the data directory if the database is a file in it, takes the lock of the file, and brings
/// to the disk what another process has left there.
pub(crate) fn take_database(config: &Config) -> Result<Option<DatabaseLock>, Failure> {
    let Some(file) = config.sqlite_file() else { return Ok(None) };
    let file = data_dir::canonical(&file)?;
    if file.starts_with(&config.data_dir) {
        data_dir::make(&config.data_dir)?;
    }
    let lock = DatabaseLock::take(&file)?;
    store::sync_wal(&file).map_err(|error| DataDirError::Log(file, error))?;
    Ok(Some(lock))
}

/// Opens the database as it is.
pub(crate) async fn connect_store(config: &DatabaseConfig) -> Result<Store, Failure> {
    let opened = Store::open(config).await;
    opened.map_err(|error| Failure::Database(without_password(&config.url), error))
}

/// Opens the database and brings it to this version's schema.
pub(crate) async fn open_store(config: &DatabaseConfig) -> Result<Store, Failure> {
    let store = connect_store(config).await?;
    let migrated = store.migrate().await;
    migrated.map_err(|error| Failure::Database(without_password(&config.url), error))?;
    Ok(store)
}

/// Brings game, months, stocks, achievements and history up to the present.
pub(crate) async fn prepare(config: &Config, rules: &Rules) -> Result<World, Failure> {
    let (store, game) = open_game(config, rules).await?;
    let now = SystemClock.now();
    let failed =
        |error: StoreError| Failure::Database(without_password(&config.database.url), error);
    let replay = &config.market.replay;
    let (source, market_id) = match config.market.source {
        SourceKind::Live => (live::open_market(&store, config).await?, None),
        SourceKind::Replay if !replay.market.is_empty() => {
            let (market_id, market) = load_imported(&store, config, rules).await?;
            (MarketSource::imported(market, replay, game.started_at)?, Some(market_id))
        }
        _ => (MarketSource::new(&config.market, game.started_at)?, None),
    };
    let source = Arc::new(adopt_seed(&store, &game, source, config).await.map_err(failed)?);
    let listings = list_stocks(&store, &source).await.map_err(failed)?;
    let stock_ids: Vec<i64> = listings.iter().map(|listing| listing.stock_id).collect();
    if let Some(feed) = source.feed() {
        live::feed_kept(&store, &feed, &stock_ids).await.map_err(failed)?;
    }
    let prices = Arc::new(PriceBoard::new(&source, listings, now)?);
    let history = History::open(store.clone(), Arc::clone(&source), stock_ids, market_id, now);
    let history = history.await;
    let mut history = history.map_err(failed)?;
    fill(&mut history).await.map_err(failed)?;
    Ok(World { store, source, prices, history })
}

/// Hands the game's secret seed to a market whose prices follow from one. It is drawn at the first
/// start; a game of the version without such seeds plays its present session to the end first.
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
            "prices follow from a number in the configuration: anyone who knows it can compute them"
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

/// The imported market that is replayed, and its number; it must be in the currency of the game.
async fn load_imported(
    store: &Store,
    config: &Config,
    rules: &Rules,
) -> Result<(i64, ImportedMarket), Failure> {
    let failed =
        |error: StoreError| Failure::Database(without_password(&config.database.url), error);
    let name = &config.market.replay.market;
    let found = store.find_market(name).await.map_err(failed)?;
    let found = found.ok_or_else(|| Failure::NoMarket(name.clone()))?;
    if found.currency != rules.currency.code() {
        let (name, game) = (name.clone(), rules.currency.code().to_owned());
        return Err(Failure::MarketCurrency { name, currency: found.currency, game });
    }
    let closes = store.market_closes(found.market_id).await.map_err(failed)?;
    if closes.is_empty() {
        return Err(Failure::NoMarket(name.clone()));
    }
    let stocks = closes.into_iter().map(|MarketCloses { stock, closes }| (stock, closes));
    let (stocks, name, currency) = (stocks.collect(), name.clone(), found.currency.clone());
    let market = ImportedMarket { name, currency, tick: Some(found.tick), stocks };
    Ok((found.market_id, market))
}

/// Opens the database with all that a player needs to take a seat.
pub(crate) async fn open_game(config: &Config, rules: &Rules) -> Result<(Store, Game), Failure> {
    let store = open_store(&config.database).await?;
    let now = SystemClock.now();
    let failed =
        |error: StoreError| Failure::Database(without_password(&config.database.url), error);
    let game = store.ensure_game(market_name(&config.market), now).await.map_err(failed)?;
    store.ensure_ledger_months(now).await.map_err(failed)?;
    store.save_achievements(rules).await.map_err(failed)?;
    // Before anybody else can take a name that a player has; what is left is for `fill_columns`.
    for _ in 0..NAME_STEPS_MAX {
        if store.take_known_names(USERS_PER_STEP, now).await.map_err(failed)? {
            break;
        }
    }
    Ok((store, game))
}

/// The word for a market in the game's row.
fn market_name(market: &MarketConfig) -> &'static str {
    match market.source {
        SourceKind::Replay => "replay",
        SourceKind::Simulated => "simulated",
        SourceKind::Fixed => "fixed",
        SourceKind::Live => "live",
    }
}

/// Saves the market's stocks, with the operator's texts in place of the source's, and gives them
/// with their numbers, in the order of the source.
async fn list_stocks(store: &Store, source: &MarketSource) -> Result<Vec<Listing>, StoreError> {
    let texts = source.stocks();
    let described = store.stock_texts().await?;
    let described: HashMap<&Symbol, &StockDescription> =
        described.iter().map(|text| (&text.symbol, text)).collect();
    let stock = |text: &StockInfo| {
        let mut stock = text.clone();
        if let Some(own) = described.get(&stock.symbol) {
            own.apply(&mut stock);
        }
        stock
    };
    let stocks: Vec<StockInfo> = texts.iter().map(stock).collect();
    let saved = store.save_stocks(&stocks).await?;
    let listings = texts
        .into_iter()
        .zip(saved)
        .map(|(text, saved)| Listing { stock_id: saved.stock_id, symbol: text.symbol });
    Ok(listings.collect())
}

/// Saves the history that is missing; a person who watches sees how far it is.
async fn fill(history: &mut History) -> Result<(), StoreError> {
    let now = SystemClock.now();
    let missing = history.missing(now);
    let bar = if missing >= LONG_SESSIONS && term::is_watched() {
        let style = ProgressStyle::with_template("saving history {wide_bar} {pos}/{len} sessions");
        ProgressBar::new(missing as u64).with_style(style.unwrap_or(ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    // To the present of the beginning: what ends meanwhile is saved in the background.
    while history.missing(now) > 0 {
        let sessions = history.save_batch(now).await?;
        bar.inc(sessions as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
