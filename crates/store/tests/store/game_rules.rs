//! Versions of the rules on both engines: compare-and-set, immutability, and what a batch learns of
//! them.

use domain::{Rules, Side, VersionedRules};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::{LoadKey, MAIN, NewRules, PlayerUpdate, Store};

use crate::support::*;

on_both_engines! {
    a_version_follows_the_newest_one_or_nothing_changes,
    one_of_two_nodes_decides_the_first_version,
    a_version_is_never_changed,
    a_version_saves_its_achievements,
    a_later_version_does_not_come_into_force_earlier,
    a_batch_is_told_the_newest_version,
    a_batch_settled_by_an_older_version_than_the_one_in_force_writes_nothing,
    an_entry_keeps_the_version_that_it_was_settled_by,
}

async fn game_id(store: &Store) -> i64 {
    store.find_game(MAIN).await.expect("reads").expect("a game").game_id
}

fn with_spread(spread_bps: i64) -> Rules {
    Rules { spread_bps, ..rules().clone() }
}

/// Appends a version that is in force after so many seconds; whether it was appended.
async fn append(store: &Store, newest: i64, rules: &Rules, seconds: i64) -> bool {
    let effective_from = now().plus_seconds(seconds);
    let new =
        NewRules { rules, author: "Ada", reason: "a test", effective_from, has_awards: false };
    store.append_rules(game_id(store).await, newest, new, now()).await.expect("answers")
}

async fn a_version_follows_the_newest_one_or_nothing_changes(engine: &str) {
    let store = fresh(engine).await;
    assert!(!append(&store, 1, rules(), 0).await, "{engine}: there is no version 1");
    assert!(append(&store, 0, rules(), 0).await, "{engine}");
    assert!(append(&store, 1, &with_spread(7), 2).await, "{engine}");
    for newest in [0, 1, 3] {
        assert!(!append(&store, newest, &with_spread(8), 2).await, "{engine}: {newest}");
    }
    let game_id = game_id(&store).await;
    let stored = store.rules_after(game_id, 0).await.expect("reads");
    let versions: Vec<i64> = stored.iter().map(|row| row.version).collect();
    assert_eq!(versions, [1, 2], "{engine}");
    let second = &stored[1];
    assert_eq!((second.author.as_str(), second.reason.as_str()), ("Ada", "a test"));
    assert_eq!((second.effective_from, second.created_at), (now().plus_seconds(2), now()));
    assert_eq!(Rules::from_json(&second.text).as_ref(), Ok(&with_spread(7)), "{engine}");
    assert_eq!(second.sha256, with_spread(7).digest(), "{engine}");
    let after: Vec<_> = store.rules_after(game_id, 1).await.expect("reads");
    assert_eq!(after, stored[1..], "{engine}");
    assert!(store.rules_after(game_id + 1, 0).await.expect("reads").is_empty(), "another game");
}

async fn one_of_two_nodes_decides_the_first_version(engine: &str) {
    let store = fresh(engine).await;
    let node = |spread_bps| {
        let store = store.store.clone();
        tokio::spawn(async move { append(&store, 0, &with_spread(spread_bps), 0).await })
    };
    let nodes: Vec<_> = (1..=10).map(node).collect();
    let mut winners = Vec::new();
    for (spread_bps, node) in (1..).zip(nodes) {
        if node.await.expect("no panic") {
            winners.push(spread_bps);
        }
    }
    let stored = store.rules_after(game_id(&store).await, 0).await.expect("reads");
    let played: Vec<i64> =
        stored.iter().map(|row| Rules::from_json(&row.text).expect("rules").spread_bps).collect();
    assert_eq!((winners.len(), played), (1, winners), "{engine}");
}

async fn a_version_is_never_changed(engine: &str) {
    let store = fresh(engine).await;
    assert!(append(&store, 0, rules(), 0).await);
    let mut changes = vec!["UPDATE game_rules SET reason = ''", "DELETE FROM game_rules"];
    if engine == "postgres" {
        changes.push("TRUNCATE game_rules");
    }
    for change in changes {
        let sql = AssertSqlSafe(change.to_owned());
        let result = if engine == "sqlite" {
            let mut db = SqliteConnection::connect(&store.url).await.expect("connects");
            db.execute(sql).await.map(|_| ())
        } else {
            let mut db = PgConnection::connect(&store.url).await.expect("connects");
            db.execute(sql).await.map(|_| ())
        };
        let error = result.expect_err(change).to_string();
        assert!(error.contains("a version of the rules is immutable"), "{change}: {error}");
    }
}

async fn a_version_saves_its_achievements(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(append(&store, 0, rules(), 0).await);
    let text = include_str!("../../../../config/game.toml").to_owned()
        + "\n[[achievements]]\nid = 40\ncode = \"twenty\"\nkind = \"trades_count\"\nthreshold = 20\n\
           name = \"Twenty\"\ndescription = \"Make twenty trades.\"\nicon = \"🎲\"\nxp = 20\n";
    let more: Rules = toml::from_str(&text).expect("good");
    assert!(!append(&store, 3, &more, 2).await);
    let listed = async || store.achievements_of(ada).await.expect("reads");
    assert!(listed().await.iter().all(|row| row.code != "twenty"), "{engine}: nothing changed");
    assert!(append(&store, 1, &more, 2).await);
    assert_eq!(listed().await.last().expect("achievements").code, "twenty", "{engine}");
}

async fn a_later_version_does_not_come_into_force_earlier(engine: &str) {
    let store = fresh(engine).await;
    assert!(append(&store, 0, rules(), 0).await);
    assert!(append(&store, 1, &with_spread(7), 100).await);
    assert!(!append(&store, 2, &with_spread(8), 99).await, "{engine}");
    assert!(append(&store, 2, &with_spread(8), 100).await, "{engine}: it replaces the second");
}

async fn a_batch_is_told_the_newest_version(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let wanted = [LoadKey { player_id: ada, stock_id: None, about_version: None, text_key: None }];
    let newest = async || {
        let state = store.load_batch(&wanted, &[], &valuation()).await.expect("loads");
        state.newest_rules
    };
    assert_eq!(newest().await, 0, "{engine}");
    assert!(append(&store, 0, rules(), 0).await);
    assert_eq!(newest().await, 1, "{engine}");
    assert!(append(&store, 1, &with_spread(7), 100).await);
    assert_eq!(newest().await, 2, "{engine}: before it is in force");
    let unknown = [LoadKey { player_id: ada + 1, ..wanted[0] }];
    let state = store.load_batch(&unknown, &[], &valuation()).await.expect("loads");
    assert_eq!(state.newest_rules, 0, "{engine}");
}

/// A purchase of one share, settled by this version.
async fn settled_by(store: &Store, player_id: i64, version: i64) -> PlayerUpdate {
    let rules = rules().clone();
    let versioned = VersionedRules { version, effective_from: now(), rules };
    let action = trade(Side::Buy, 1, 1);
    let wanted = [LoadKey { player_id, stock_id: Some(1), about_version: None, text_key: None }];
    let state = store.load_batch(&wanted, &[], &valuation()).await.expect("loads");
    settle_by(state, player_id, &action, &versioned)
}

async fn commit(store: &Store, update: PlayerUpdate) -> bool {
    let committed = store.commit_batch(&[update], mark(), now()).await.expect("commits");
    committed.conflicted.is_empty()
}

async fn a_batch_settled_by_an_older_version_than_the_one_in_force_writes_nothing(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(append(&store, 0, rules(), 0).await);
    let first = settled_by(&store, ada, 1).await;
    // In force a second after the batch.
    assert!(append(&store, 1, &with_spread(7), 1).await);
    assert!(commit(&store, first).await, "{engine}");
    assert!(append(&store, 2, &with_spread(8), 1).await);
    let late = settled_by(&store, ada, 1).await;
    let effective = now().plus_seconds(1);
    let committed = store.commit_batch(&[late], mark(), effective).await.expect("answers");
    assert_eq!(committed.conflicted.into_iter().collect::<Vec<_>>(), [ada], "{engine}");
    let head = store.chain_heads_page(ada - 1, 1).await.expect("reads")[0].balance_version;
    assert_eq!(head, 2, "{engine}: nothing of the late batch is written");
    let newest = settled_by(&store, ada, 3).await;
    let committed = store.commit_batch(&[newest], mark(), effective).await.expect("commits");
    assert!(committed.conflicted.is_empty(), "{engine}");
}

async fn an_entry_keeps_the_version_that_it_was_settled_by(engine: &str) {
    let store = fresh(engine).await;
    // As a node of the version before writes it.
    let ada = player(&store, "Ada").await.player_id;
    assert!(append(&store, 0, rules(), 0).await);
    let update = settled_by(&store, ada, 1).await;
    assert!(commit(&store, update).await, "{engine}");
    let rows = store.ledger_range((ada, 0), ada, 10).await.expect("reads");
    let named: Vec<_> = rows.iter().map(|(entry, _)| entry.rules_version).collect();
    assert_eq!(named, [None, Some(1)], "{engine}");
    let (first, second) = (&rows[0], &rows[1]);
    assert_eq!(second.0.hash(first.1), second.1, "{engine}: both forms in one chain");
    let listed = store.transactions_page(ada, None, 10).await.expect("reads");
    assert_eq!(listed[0].entry, second.0, "{engine}");
}
