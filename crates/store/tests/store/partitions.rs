//! The months of the ledger on PostgreSQL: created by many nodes at once, and beside transactions
//! that read the ledger or maintain it.

use domain::{Month, Side};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store::{DatabaseConfig, Store};

use crate::support::*;

/// Nodes that start together.
const NODES: usize = 5;
const ROUNDS: usize = 5;

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connects")
}

async fn execute(db: &mut PgConnection, sql: &str) {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(db).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The partitions in ascending order.
async fn months(url: &str) -> Vec<Month> {
    let sql = "SELECT substr(inhrelid::regclass::text, 17)::bigint FROM pg_inherits
        WHERE inhparent = 'portfolio_audit'::regclass ORDER BY 1";
    let found: Vec<i64> =
        sqlx::query_scalar(sql).fetch_all(&mut connect(url).await).await.expect("reads");
    found.into_iter().map(Month).collect()
}

/// The present month and three more.
fn expected_months() -> Vec<Month> {
    std::iter::successors(Some(now().month()), |month| Some(month.next())).take(4).collect()
}

/// What a node does to the schema when it starts.
async fn start_node(url: String) -> Store {
    let config = DatabaseConfig { url, connections_max: 2, ..DatabaseConfig::default() };
    let store = Store::open(&config).await.expect("opens");
    store.migrate().await.expect("migrates");
    store.ensure_ledger_months(now()).await.expect("creates the months");
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_create_the_schema_and_the_months_once() {
    for _ in 0..ROUNDS {
        let url = testkit::postgres_database();
        start_nodes(&url).await;
        // Again when only the months are missing.
        for month in expected_months() {
            let sql = format!("DROP TABLE portfolio_audit_{}", month.0);
            execute(&mut connect(&url).await, &sql).await;
        }
        start_nodes(&url).await;
    }
}

async fn start_nodes(url: &str) {
    let nodes = [(); NODES].map(|()| tokio::spawn(start_node(url.to_owned())));
    for node in nodes {
        node.await.expect("no node fails").close().await;
    }
    assert_eq!(months(url).await, expected_months());
}

/// Creates a month far ahead while another session holds a lock of the ledger; trades are committed
/// meanwhile.
async fn create_beside(lock: &str, is_awaited: bool) {
    let fresh = fresh("postgres").await;
    let (store, url) = (&fresh.store, &fresh.url);
    let ada = player(store, "Ada").await.player_id;
    let mut other = connect(url).await;
    for sql in ["BEGIN", lock] {
        execute(&mut other, sql).await;
    }
    let month = Month(203_001);
    let creating = {
        let store = store.clone();
        tokio::spawn(async move { store.ensure_ledger_month(month).await })
    };
    for side in [Side::Buy, Side::Sell].into_iter().cycle().take(20) {
        assert!(commit_one(store, ada, &trade(side, 1, 1)).await);
    }
    if is_awaited {
        assert!(!creating.is_finished() && !months(url).await.contains(&month));
        execute(&mut other, "COMMIT").await;
        creating.await.expect("it ran").expect("creates the month");
    } else {
        creating.await.expect("it ran").expect("creates the month beside the reader");
        execute(&mut other, "COMMIT").await;
    }
    assert!(months(url).await.contains(&month));
}

#[tokio::test]
async fn a_month_is_created_while_a_reader_holds_the_ledger() {
    // As pg_dump does.
    create_beside("LOCK TABLE portfolio_audit IN ACCESS SHARE MODE", false).await;
}

#[tokio::test]
async fn a_month_waits_for_maintenance_of_the_ledger_and_trades_do_not() {
    // As VACUUM and ANALYZE do.
    create_beside("LOCK TABLE portfolio_audit IN SHARE UPDATE EXCLUSIVE MODE", true).await;
}

#[tokio::test]
async fn a_created_month_has_the_keys_the_index_and_the_triggers_of_the_ledger() {
    let fresh = fresh("postgres").await;
    player(&fresh.store, "Ada").await;
    let (month, mut db) = (now().month().0, connect(&fresh.url).await);
    let count = async |db: &mut PgConnection, sql: String| -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.expect("counts")
    };
    let of =
        |table: &str| format!("SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass");
    let indexes = count(&mut db, of("portfolio_audit")).await;
    assert_eq!(indexes, 2, "the key and the index by time");
    assert_eq!(count(&mut db, of(&format!("portfolio_audit_{month}"))).await, indexes);
    for sql in [
        format!("UPDATE portfolio_audit_{month} SET amount = 0"),
        format!("DELETE FROM portfolio_audit_{month}"),
        format!("TRUNCATE portfolio_audit_{month}"),
    ] {
        let refused = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut db).await;
        let refused = refused.expect_err(&sql).to_string();
        assert!(refused.contains("the ledger is immutable"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn a_month_that_was_detached_by_hand_is_attached_again() {
    let fresh = fresh("postgres").await;
    player(&fresh.store, "Ada").await;
    let month = now().month();
    let detach =
        format!("ALTER TABLE portfolio_audit DETACH PARTITION portfolio_audit_{}", month.0);
    execute(&mut connect(&fresh.url).await, &detach).await;
    fresh.store.ensure_ledger_months(now()).await.expect("attaches it");
    assert_eq!(months(&fresh.url).await, expected_months());
    assert_eq!(fresh.store.count_month(month).await.expect("counts"), 1, "with its entries");
}
