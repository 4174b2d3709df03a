//! A database that a newer version has migrated: used while the schema permits it, refused by one
//! sentence when it does not.

use domain::Side;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _, SqliteConnection};
use store::{Store, StoreError};

use crate::support::*;

on_both_engines! {
    an_older_program_uses_a_schema_that_a_newer_one_has_expanded,
    a_program_below_the_floor_is_refused,
    a_program_at_the_floor_is_accepted,
    a_migration_of_another_program_is_refused,
}

const EXPAND: &str = "ALTER TABLE players ADD COLUMN seen_at BIGINT;
    CREATE TABLE visits (player_id BIGINT NOT NULL PRIMARY KEY);";

/// The migrations of a newer version after those of this one.
fn newer(steps: &[(i64, String)]) -> Migrator {
    let migration = |(number, sql): &(i64, String)| {
        let sql = AssertSqlSafe(sql.clone()).into_sql_str();
        Migration::new(*number, "a test's".into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(steps.iter().map(migration).collect());
    migrator.set_ignore_missing(true);
    migrator
}

fn contract(floor: i64) -> String {
    format!("DROP TABLE visits; UPDATE schema_floor SET version = {floor};")
}

fn refusal(result: Result<(), StoreError>) -> String {
    let error = result.expect_err("refused");
    assert!(matches!(error, StoreError::Unsuitable(_)), "{error:?}");
    error.to_string()
}

/// The newest applied migration.
async fn newest(fresh: &Fresh) -> i64 {
    let sql = "SELECT max(version) FROM _sqlx_migrations";
    let newest = if fresh.url.starts_with("sqlite:") {
        let mut db = SqliteConnection::connect(&fresh.url).await.expect("connects");
        sqlx::query_scalar(sql).fetch_one(&mut db).await
    } else {
        let mut db = PgConnection::connect(&fresh.url).await.expect("connects");
        sqlx::query_scalar(sql).fetch_one(&mut db).await
    };
    newest.expect("reads")
}

async fn an_older_program_uses_a_schema_that_a_newer_one_has_expanded(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let own = newest(&store).await;
    store.migrate_by(&newer(&[(own + 1, EXPAND.to_owned())])).await.expect("expands");
    assert_eq!(newest(&store).await, own + 1, "{engine}");
    for _ in 0..2 {
        store.migrate().await.expect("it may use the schema");
        store.check_schema().await.expect("it may use the schema");
    }
    player(&store, "Eve").await;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await, "{engine}");
    assert_eq!(newest(&store).await, own + 1, "{engine}: nothing was migrated back");
}

async fn a_program_below_the_floor_is_refused(engine: &str) {
    let store = fresh(engine).await;
    let own = newest(&store).await;
    let steps = [(own + 1, EXPAND.to_owned()), (own + 2, contract(own + 1))];
    store.migrate_by(&newer(&steps)).await.expect("contracts");
    let expected = format!(
        "this version is too old for the database, which a newer version has migrated: it needs a \
         program with migration {}, and this one ends with {own}; install the newer version, or \
         restore a backup from before its migration",
        own + 1
    );
    assert_eq!(refusal(store.migrate().await), expected, "{engine}");
    assert_eq!(refusal(store.check_schema().await), expected, "{engine}");
    // A program that contains the floor is accepted, whether or not it contains the contraction.
    store.migrate_by(&newer(&steps[..1])).await.expect("it may use the schema");
    store.migrate_by(&newer(&steps)).await.expect("it may use the schema");
}

async fn a_program_at_the_floor_is_accepted(engine: &str) {
    let store = fresh(engine).await;
    let own = newest(&store).await;
    let steps = [(own + 1, EXPAND.to_owned()), (own + 2, contract(own))];
    store.migrate_by(&newer(&steps)).await.expect("contracts");
    store.migrate().await.expect("it does not use what is gone");
}

async fn a_migration_of_another_program_is_refused(engine: &str) {
    let store = fresh(engine).await;
    let own = newest(&store).await;
    let table = |name: &str| format!("CREATE TABLE {name} (id BIGINT);");
    let steps = [1, 2, 3].map(|next| (own + next, table(&format!("t{next}"))));
    store.migrate_by(&newer(&steps)).await.expect("migrates");
    let other = [steps[0].clone(), steps[2].clone()];
    let expected = format!(
        "the database was migrated by another program: this version has no migration {}",
        own + 2
    );
    assert_eq!(refusal(store.migrate_by(&newer(&other)).await), expected, "{engine}");
}

#[tokio::test]
async fn an_empty_database_is_accepted() {
    for engine in ["sqlite", "postgres"] {
        let directory = tempfile::tempdir().expect("a directory");
        let url = match engine {
            "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
            _ => testkit::postgres_database(),
        };
        let config = store::DatabaseConfig { url, ..Default::default() };
        let store = Store::open(&config).await.expect("opens");
        store.check_schema().await.expect("nothing is newer");
    }
}
