//! The market of a game, on both engines: the first node decides, it is immutable, and a market
//! that a game plays can only be extended.

use std::path::Path;

use domain::{DailyBar, Day, Price, Symbol};
use sqlx::migrate::{Migration, Migrator};
use store::{DatabaseConfig, Game, ImportCounts, NewGameMarket, NewMarket, Store, StoreError};

use crate::support::*;

on_both_engines! {
    a_game_keeps_the_market_of_the_first_node,
    a_game_of_the_schema_before_gets_a_market,
    a_market_that_a_game_plays_is_only_extended,
    the_terms_of_a_market_are_immutable,
}

fn terms(settings: &str) -> NewGameMarket<'_> {
    NewGameMarket { name: "replay:main", kind: "replay", exchange: "-", currency: "USD", settings }
}

async fn main(store: &Store) -> Game {
    store.find_game("main").await.expect("answers").expect("a game")
}

/// The error of a statement that the schema must reject.
async fn rejected(url: &str, statement: &str) -> String {
    execute_raw(url, statement).await.expect_err("rejected").to_string()
}

/// Ten nodes set the market at once, each its own; returns the one that all of them have.
async fn set_at_once(store: &Store, game: &Game) -> Game {
    let node = |digit: char| {
        let (store, game) = (store.clone(), game.clone());
        tokio::spawn(async move {
            let settings = format!("{{\"node\":{digit}}}");
            store.set_game_market(&game, &terms(&settings), now()).await.expect("a market")
        })
    };
    let nodes: Vec<_> = "0123456789".chars().map(node).collect();
    let mut games = Vec::new();
    for node in nodes {
        games.push(node.await.expect("no panic"));
    }
    assert!(games.iter().all(|game| *game == games[0]), "{games:?}");
    games.swap_remove(0)
}

async fn a_game_keeps_the_market_of_the_first_node(engine: &str) {
    let store = fresh(engine).await;
    let game = main(&store).await;
    assert_eq!((game.market_id, &game.market_settings), (None, &None));
    let set = set_at_once(&store, &game).await;
    assert!(set.market_id.is_some() && set.market_settings.is_some());
    let again = store.set_game_market(&game, &terms("{}"), now()).await.expect("answers");
    assert_eq!((&again, &main(&store).await), (&set, &set));
    let played = store.games_of_market(set.market_id.expect("set"), 10).await.expect("answers");
    assert_eq!(played, [set]);
    for change in ["market = 'live'", "market_settings = '{}'", "market_id = 7"] {
        let error = rejected(&store.url, &format!("UPDATE games SET {change}")).await;
        assert!(error.contains("the market of a game is immutable"), "{change}: {error}");
    }
    // The game's own market is no imported one.
    assert_eq!(store.find_market("replay:main").await.expect("answers"), None);
    assert_eq!(store.markets().await.expect("answers"), []);
}

async fn a_game_of_the_schema_before_gets_a_market(engine: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => testkit::postgres_database(),
    };
    let config = DatabaseConfig { url: url.clone(), ..Default::default() };
    let store = Store::open(&config).await.expect("opens");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let all = Migrator::new(path).await.expect("migrations");
    let before: Vec<Migration> = all.iter().filter(|one| one.version < 25).cloned().collect();
    store.migrate_by(&Migrator::with_migrations(before)).await.expect("migrates");
    let insert = "INSERT INTO games (code, market, started_at) VALUES ('main', 'replay', 77)";
    execute_raw(&url, insert).await.expect("a game of the version before");
    store.migrate().await.expect("migrates");
    let game = main(&store).await;
    assert_eq!((game.started_at.0, &game.market_settings), (77, &None));
    assert!(set_at_once(&store, &game).await.market_settings.is_some());
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

fn bar(text: &str, day: &str, close: i64) -> (Symbol, DailyBar) {
    let day = Day::parse(day).expect("a day");
    let close = Price(close);
    (symbol(text), DailyBar { day, open: None, high: None, low: None, close, volume: None })
}

async fn import(store: &Store, bars: &[(Symbol, DailyBar)]) -> Result<ImportCounts, StoreError> {
    let (name, exchange) = ("us".to_owned(), "-".to_owned());
    let market = NewMarket { name, exchange, currency: None, tick: Price(100) };
    store.import_market(&market, &[], bars, false, now(), |_| ()).await
}

async fn a_market_that_a_game_plays_is_only_extended(engine: &str) {
    let store = fresh(engine).await;
    let first = [bar("AA", "2013-02-08", 1_000), bar("AA", "2013-02-12", 1_200)];
    import(&store, &first).await.expect("imports");
    let corrected = import(&store, &[bar("AA", "2013-02-08", 1_100)]).await.expect("imports");
    assert_eq!(corrected.bars_changed, 1, "no game plays it yet");
    let market = NewGameMarket { name: "us", kind: "imported", ..terms("{}") };
    let game = main(&store).await;
    let game = store.set_game_market(&game, &market, now()).await.expect("a market");
    let closes = store.market_closes(game.market_id.expect("set")).await.expect("answers");

    for refused in [
        bar("AA", "2013-02-08", 1_000),
        bar("AA", "2013-02-11", 1_000),
        bar("ZZ", "2013-02-12", 1_000),
    ] {
        let later = bar("AA", "2013-02-13", 1_300);
        let error = import(&store, &[refused, later]).await.expect_err("refused").to_string();
        assert!(error.contains("the game main plays this market"), "{error}");
        let now = store.market_closes(game.market_id.expect("set")).await.expect("answers");
        assert_eq!(now, closes, "nothing is changed");
    }
    let kept = import(&store, &[bar("AA", "2013-02-12", 1_200)]).await.expect("the same bar");
    assert_eq!((kept.bars_new, kept.bars_changed), (0, 0));
    let later = [bar("AA", "2013-02-13", 1_300), bar("ZZ", "2013-02-14", 2_000)];
    if engine == "postgres" {
        // A node; a SQLite file has a lock instead.
        let config = DatabaseConfig { url: store.url.clone(), ..DatabaseConfig::default() };
        let node = Store::open(&config).await.expect("opens");
        node.markets().await.expect("a session");
        let error = import(&store, &later).await.expect_err("refused").to_string();
        assert!(error.contains("stop all nodes"), "{error}");
        node.close().await;
    }
    let added = import(&store, &later).await.expect("imports");
    assert_eq!((added.bars_new, added.bars_changed, added.stocks), (2, 0, 2));
    let recorded = "INSERT INTO market_changes (market_id, seq, stocks, bars, first_day, last_day, \
         made_at) SELECT market_id, seq, stocks, bars, first_day, last_day, made_at \
         FROM market_changes WHERE stocks = 2 AND bars = 2 AND first_day + 1 = last_day";
    let error = rejected(&store.url, recorded).await.to_lowercase();
    assert!(error.contains("unique"), "one row is recorded: {error}");
}

async fn the_terms_of_a_market_are_immutable(engine: &str) {
    let store = fresh(engine).await;
    import(&store, &[bar("AA", "2013-02-08", 1_000)]).await.expect("imports");
    for change in ["name = 'eu'", "kind = 'live'", "currency = 'EUR'"] {
        let error = rejected(&store.url, &format!("UPDATE markets SET {change}")).await;
        assert!(error.contains("of a market are immutable"), "{change}: {error}");
    }
}
