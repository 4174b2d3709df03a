//! The ledger is immutable: triggers reject every change.

use sqlx::{Connection, Executor};

use crate::support::*;

const CHANGES: [&str; 3] = [
    "UPDATE portfolio_audit SET amount = 0",
    "UPDATE portfolio_audit SET created_at = created_at + 1 WHERE version = 1",
    "DELETE FROM portfolio_audit",
];

fn is_rejected<T: std::fmt::Debug>(result: Result<T, sqlx::Error>, statement: &str) {
    let error = result.expect_err(statement).to_string();
    assert!(error.contains("the ledger is immutable"), "{statement}: {error}");
}

#[tokio::test]
async fn sqlite_rejects_every_change_of_the_ledger() {
    let store = fresh("sqlite").await;
    player(&store, "Ada").await;
    let mut outside = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
    for statement in CHANGES {
        is_rejected(outside.execute(statement).await, statement);
    }
}

#[tokio::test]
async fn postgres_rejects_every_change_of_the_ledger() {
    let store = fresh("postgres").await;
    player(&store, "Ada").await;
    let month = now().month().0;
    let partition = format!("TRUNCATE portfolio_audit_{month}");
    let mut outside = sqlx::PgConnection::connect(&store.url).await.expect("connects");
    for statement in CHANGES.iter().copied().chain(["TRUNCATE portfolio_audit", &partition]) {
        let result = outside.execute(sqlx::AssertSqlSafe(statement.to_owned())).await;
        is_rejected(result, statement);
    }
}
