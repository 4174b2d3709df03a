//! The secret seeds of markets, on both engines.

use std::path::Path;

use domain::Secret;
use sqlx::migrate::{Migration, Migrator};
use store::{DatabaseConfig, GameSeed, SeededMarket, Store};

use crate::support::*;

on_both_engines! {
    the_first_seed_of_a_market_is_every_node_s,
    a_game_of_the_schema_before_has_its_seed_count_from_a_later_session,
}

const REPLAY: SeededMarket<'static> = SeededMarket { game_id: 1, kind: "replay", market: "replay" };

fn drawn(digit: char) -> GameSeed {
    let text = |digit: char| Secret::new(String::from(digit).repeat(32));
    let (seed, salt) = (text(digit), text('f'));
    let commitment = String::from(digit).repeat(64);
    GameSeed { seed, salt, commitment, first_pass: 0, first_session: 77 }
}

async fn ensure(store: &Store, market: SeededMarket<'_>, digit: char) -> GameSeed {
    store.ensure_seed(market, &drawn(digit), now()).await.expect("a seed")
}

/// Ten nodes start at the same time, each with its own seed.
async fn ensure_at_once(store: &Store, market: SeededMarket<'static>) -> Vec<GameSeed> {
    let node = |digit| {
        let store = store.clone();
        tokio::spawn(async move { ensure(&store, market, digit).await })
    };
    let nodes: Vec<_> = "0123456789".chars().map(node).collect();
    let mut seeds = Vec::new();
    for node in nodes {
        seeds.push(node.await.expect("no panic"));
    }
    seeds
}

async fn the_first_seed_of_a_market_is_every_node_s(engine: &str) {
    let fresh = fresh(engine).await;
    let store = &fresh.store;
    let seeds = ensure_at_once(store, REPLAY).await;
    let first = &seeds[0];
    assert!(seeds.iter().all(|seed| seed == first));
    let digit = first.seed.reveal().chars().next().expect("a digit");
    assert_eq!(*first, GameSeed { first_session: 0, ..drawn(digit) }, "it counts at once");
    let other = SeededMarket { market: "replay:us", ..REPLAY };
    assert_ne!(ensure(store, other, 'a').await.seed, first.seed, "another market has another");
    assert_eq!(ensure(store, REPLAY, 'b').await, *first);
}

/// The schema before seeds existed.
async fn migrations_before(engine: &str) -> Migrator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let all = Migrator::new(path).await.expect("migrations");
    let before = all.iter().filter(|one| one.version < 14).cloned();
    Migrator::with_migrations(before.collect::<Vec<Migration>>())
}

async fn a_game_of_the_schema_before_has_its_seed_count_from_a_later_session(engine: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => testkit::postgres_database(),
    };
    let config = DatabaseConfig { url: url.clone(), ..Default::default() };
    let store = Store::open(&config).await.expect("opens");
    store.migrate_by(&migrations_before(engine).await).await.expect("migrates");
    let insert = "INSERT INTO games (code, market, started_at) VALUES ('main', 'replay', 77)";
    execute_raw(&url, insert).await.expect("a game of the version before");
    store.migrate().await.expect("migrates");
    let game = store.find_game("main").await.expect("answers").expect("a game");
    let market = SeededMarket { game_id: game.game_id, ..REPLAY };
    let imported = SeededMarket { market: "replay:us", ..market };
    let seeds = ensure_at_once(&store, imported).await;
    let first = &seeds[0];
    assert_eq!(first.first_session, 77, "the session after the present one");
    assert!(seeds.iter().all(|seed| seed == first));
    let again = ensure(&store, SeededMarket { kind: "simulated", ..imported }, 'c').await;
    assert_eq!(again, *first);
    // A market that the game has not played yet uses the seed from its beginning.
    let other = SeededMarket { kind: "simulated", market: "simulated", ..market };
    assert_eq!(ensure(&store, other, 'd').await.first_session, 0);
}
