//! Every statement prepares on both engines, and no plan scans players, holdings or the ledger. The
//! tables are small here, so PostgreSQL is set to prefer indexes; a remaining scan means that an
//! index is missing.

use sqlx::{Connection, Executor, Row};
use store::{CATALOGUE, PLANNER_SETTINGS, Statement};

use crate::support::*;

const BIG_TABLES: [&str; 13] = [
    "players",
    "holdings",
    "portfolio_audit",
    "idempotency",
    "batch_marks",
    "player_achievements",
    "watches",
    "trade_notes",
    "equity_snapshots",
    "board_places",
    "tokens",
    "name_keys",
    "pending_orders",
];

#[test]
fn every_statement_has_its_own_name() {
    let mut names: Vec<_> = CATALOGUE.iter().map(|s| s.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 30);
}

#[tokio::test]
async fn every_statement_prepares_and_uses_an_index_on_sqlite() {
    let store = fresh("sqlite").await;
    let mut db = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
    for Statement { name, sqlite, .. } in CATALOGUE.iter() {
        let prepared = db.prepare(sqlx::SqlSafeStr::into_sql_str(*sqlite)).await;
        prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{sqlite}"));
        let explain = format!("EXPLAIN QUERY PLAN {sqlite}");
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await;
        for row in plan.unwrap_or_else(|error| panic!("{name}: {error}")) {
            let line: String = row.get("detail");
            let scans = BIG_TABLES.iter().any(|table| {
                let alias = line.strip_prefix("SCAN ").unwrap_or_default();
                alias == *table || alias == format!("{table} USING COVERING INDEX")
            });
            assert!(!scans, "{name} scans: {line}");
            // Aliases of the big tables in the statements.
            let aliased =
                ["SCAN p", "SCAN h", "SCAN l", "SCAN i", "SCAN pa", "SCAN pl", "SCAN eq", "SCAN o"];
            assert!(!aliased.contains(&line.as_str()), "{name} scans: {line}");
        }
    }
}

/// Without an automatic index SQLite compares every row with all prices.
#[tokio::test]
async fn prices_are_joined_through_an_index_on_sqlite() {
    let store = fresh("sqlite").await;
    let mut db = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
    let mut joined = 0;
    for Statement { name, sqlite, .. } in CATALOGUE.iter() {
        if !sqlite.contains("value ->> 1 AS price") {
            continue;
        }
        let explain = format!("EXPLAIN QUERY PLAN {sqlite}");
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await;
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_indexed = |row: &sqlx::sqlite::SqliteRow| {
            row.get::<String, _>("detail").contains("AUTOMATIC COVERING INDEX (stock_id=?)")
        };
        assert!(plan.iter().any(is_indexed), "{name} compares every row with all prices");
        joined += 1;
    }
    assert!(joined >= 6, "{joined}");
}

/// Statements of `Store::scan` and `Store::begin_scan` run without these settings: with statistics,
/// the planner may prefer a sequential scan of a large part of a table. On the small tables of a
/// test it always would, so for them this only proves that an index fits.
#[tokio::test]
async fn every_statement_prepares_and_uses_an_index_on_postgres() {
    let store = fresh("postgres").await;
    let mut db = sqlx::PgConnection::connect(&store.url).await.expect("connects");
    for (name, value) in PLANNER_SETTINGS {
        db.execute(sqlx::AssertSqlSafe(format!("SET {name} = {value}"))).await.expect("sets");
    }
    for Statement { name, postgres, .. } in CATALOGUE.iter() {
        let prepare = format!("PREPARE looked_at AS {postgres}");
        let prepared = db.execute(sqlx::AssertSqlSafe(prepare)).await;
        prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{postgres}"));
        let count: i32 = sqlx::query_scalar(
            "SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements
             WHERE name = 'looked_at'",
        )
        .fetch_one(&mut db)
        .await
        .expect("counts");
        let nulls = vec!["NULL"; usize::try_from(count).expect("few")].join(", ");
        let arguments = if count == 0 { String::new() } else { format!("({nulls})") };
        let explain = format!("EXPLAIN EXECUTE looked_at{arguments}");
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await;
        for row in plan.unwrap_or_else(|error| panic!("{name}: {error}")) {
            let line: String = row.get(0);
            let scans = line.contains("Seq Scan on ")
                && BIG_TABLES.iter().any(|table| line.contains(&format!("Seq Scan on {table}")));
            assert!(!scans, "{name} scans: {line}\n{postgres}");
        }
        db.execute("DEALLOCATE looked_at").await.expect("forgets");
    }
}

/// Batches update players in ascending order, which prevents deadlocks.
#[tokio::test]
async fn a_batch_updates_its_players_in_ascending_order_on_postgres() {
    let store = fresh("postgres").await;
    let mut db = sqlx::PgConnection::connect(&store.url).await.expect("connects");
    for (name, value) in PLANNER_SETTINGS {
        db.execute(sqlx::AssertSqlSafe(format!("SET {name} = {value}"))).await.expect("sets");
    }
    let update = CATALOGUE.iter().find(|s| s.name == "batch.update_players").expect("is there");
    let prepare = format!("PREPARE update_players AS {}", update.postgres);
    db.execute(sqlx::AssertSqlSafe(prepare)).await.expect("prepares");
    let nulls = vec!["NULL"; 23].join(", ");
    let explain = format!("EXPLAIN EXECUTE update_players({nulls})");
    let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await.expect("a plan");
    let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let place = |text: &str| lines.iter().position(|line| line.contains(text));
    let (join, batch) = (place("Nested Loop"), place("CTE Scan on batch"));
    let players = place("Index Scan using players_pkey");
    assert!(join.is_some() && join < batch && batch < players, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Sort")), "{lines:#?}");
}
