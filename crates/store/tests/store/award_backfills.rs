//! Backfills of awards on both engines: they begin with a version of the rules, raise the floor,
//! move forward only, and a database of the version before has none.

use std::path::Path;

use domain::{Achievement, AchievementKind, Rules, Side};
use sqlx::migrate::{Migration, Migrator};
use store::{AwardBackfill, DatabaseConfig, MAIN, NewRules, Store, StoreError};
use testkit::postgres_database;

use crate::support::*;

on_both_engines! {
    a_backfill_begins_with_its_version_and_moves_forward,
    awards_refuse_programs_that_cannot_read_them,
    a_database_of_the_version_before_awards_nothing_that_is_unlocked,
}

/// The migration of this program's first version with awards.
const AWARDS: i64 = 26;

async fn game_id(store: &Store) -> i64 {
    store.find_game(MAIN).await.expect("reads").expect("a game").game_id
}

async fn append(store: &Store, newest: i64, rules: &Rules, has_awards: bool) {
    let (author, reason) = ("Ada", "a test");
    let new = NewRules { rules, author, reason, effective_from: now(), has_awards };
    let game_id = game_id(store).await;
    assert!(store.append_rules(game_id, newest, new, now()).await.expect("answers"));
}

/// The migrations of the version before.
async fn migrations_before(engine: &str) -> Migrator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let all = Migrator::new(path).await.expect("migrations");
    let before = all.iter().filter(|one| one.version < AWARDS).cloned();
    let mut before = Migrator::with_migrations(before.collect::<Vec<Migration>>());
    before.set_ignore_missing(true);
    before
}

async fn a_backfill_begins_with_its_version_and_moves_forward(engine: &str) {
    let store = fresh(engine).await;
    let game_id = game_id(&store).await;
    let next = async |version| store.next_award_backfill(game_id, version).await.expect("reads");
    append(&store, 0, rules(), false).await;
    append(&store, 1, rules(), true).await;
    append(&store, 2, rules(), false).await;
    append(&store, 3, rules(), true).await;
    assert_eq!(next(1).await, None, "{engine}");
    let second = AwardBackfill { version: 2, up_to: i64::MIN };
    assert_eq!(next(2).await, Some(second), "{engine}");
    assert_eq!(next(3).await, Some(second), "{engine}: version 4 is not in force");
    assert_eq!(store.next_award_backfill(game_id + 1, 9).await.expect("reads"), None, "{engine}");
    for (moved, found) in [(500, 500), (1_000, 1_000), (700, 1_000)] {
        let to = AwardBackfill { version: 2, up_to: moved };
        store.move_award_backfill(game_id, to, now()).await.expect("moves");
        assert_eq!(next(3).await, Some(AwardBackfill { version: 2, up_to: found }), "{engine}");
    }
    let fourth = AwardBackfill { version: 4, up_to: i64::MIN };
    assert_eq!(next(4).await, Some(fourth), "{engine}: the newest one");
    store.end_award_backfill(game_id, 4, now()).await.expect("ends");
    assert_eq!(next(9).await, None, "{engine}: it includes the earlier one");
}

async fn awards_refuse_programs_that_cannot_read_them(engine: &str) {
    let (store, before) = (fresh(engine).await, migrations_before(engine).await);
    append(&store, 0, rules(), false).await;
    append(&store, 1, rules(), false).await;
    store.migrate_by(&before).await.expect("the version before may use the schema");
    append(&store, 2, rules(), true).await;
    let refused = store.migrate_by(&before).await.expect_err("refused");
    let StoreError::Unsuitable(sentence) = refused else { panic!("{engine}: {refused:?}") };
    let expected = format!("it needs a program with migration {AWARDS}");
    assert!(sentence.contains(&expected), "{engine}: {sentence}");
    store.migrate().await.expect("this version reads awards");
}

async fn a_database_of_the_version_before_awards_nothing_that_is_unlocked(engine: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => postgres_database(),
    };
    let config = DatabaseConfig { url, ..DatabaseConfig::default() };
    let store = Store::open(&config).await.expect("opens");
    store.migrate_by(&migrations_before(engine).await).await.expect("migrates");
    store.ensure_ledger_months(now()).await.expect("months");
    store.ensure_game("fixed", now()).await.expect("a game");
    store.save_stocks(&[new_stock("AAPL")]).await.expect("stocks");
    let ada = player(&store, "Ada").await.player_id;
    let eve = player(&store, "Eve").await.player_id;
    // First Trade.
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 100)).await, "{engine}");
    append(&store, 0, rules(), false).await;

    store.migrate().await.expect("migrates");
    let game_id = game_id(&store).await;
    let next = store.next_award_backfill(game_id, 9).await.expect("reads");
    assert_eq!(next, None, "{engine}");
    let mut list: Vec<Achievement> = rules().achievements.clone().into();
    let (code, name) = ("more".to_owned(), "More".to_owned());
    let (description, icon) = ("x".to_owned(), "x".to_owned());
    let kind = AchievementKind::TradesCount(1);
    list.push(Achievement { id: 60, code, kind, name, description, icon, xp: 1 });
    let more = Rules { achievements: list.try_into().expect("unique"), ..rules().clone() };
    append(&store, 1, &more, true).await;
    let players = store.valued_players_page(game_id, i64::MIN, 10, &valuation()).await;
    let due = players.expect("reads").into_iter().map(|player| {
        let unlocks = player.due_achievements(&more);
        (player.player_id, unlocks.iter().map(|unlock| unlock.achievement_id).collect::<Vec<_>>())
    });
    assert_eq!(due.collect::<Vec<_>>(), [(ada, vec![60]), (eve, vec![])], "{engine}");
}
