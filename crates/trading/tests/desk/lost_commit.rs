//! COMMITs without a response, on a PostgreSQL that crashes or fails over to its standby, while
//! other transactions reuse the transaction ids. Every response must agree with the ledger.
//! Failures under load are in `pressure`.

use std::net::SocketAddr;

use domain::{EntryKind, Outcome, Rejection, Side};
use testkit::{FaultProxy, Postgres};
use tokio::task::JoinHandle;
use trading::{Desk, DeskError, DeskRequest, OrderResponse, TradingConfig};

use crate::fixture::{Fixture, order};
use crate::{buy, filled};

const PRICE: i64 = 100_000;
/// More transactions than a lost batch and what came before it can have been.
const NUMBERS: usize = 200;
/// How often a client repeats a request that the promoted standby did not response in time.
const REPEATS_MAX: usize = 20;

/// A PostgreSQL, behind a proxy for one of the nodes.
struct CrashingPostgres {
    postgres: Postgres,
    url: String,
    proxy: FaultProxy,
}

impl CrashingPostgres {
    /// It writes nothing to its log before a flush is requested, so that what is not committed is
    /// lost in a crash, and its number with it.
    fn start() -> Self {
        let postgres = Postgres::start();
        let url = postgres.fresh_database();
        postgres.run_sql(
            &postgres.url(),
            "ALTER SYSTEM SET wal_writer_delay = '10s';
             ALTER SYSTEM SET autovacuum = off;
             SELECT pg_reload_conf();",
        );
        postgres.run_sql(&url, "CREATE TABLE numbers (taken bigint);");
        let proxy = FaultProxy::start(address(&postgres));
        Self { postgres, url, proxy }
    }

    /// The same game by way of the proxy.
    async fn node(&self, fixture: &Fixture) -> Fixture {
        fixture.open_again_at(&self.proxy.url_through(&self.url)).await
    }

    fn crash(&mut self) {
        self.postgres.stop_hard();
        self.postgres.start_again();
    }
}

fn address(postgres: &Postgres) -> SocketAddr {
    ([127, 0, 0, 1], postgres.port()).into()
}

/// Takes the next numbers of transactions, each in one that is committed.
fn take_numbers(postgres: &Postgres, url: &str) {
    postgres.run_sql(url, &"INSERT INTO numbers VALUES (1);\n".repeat(NUMBERS));
}

/// The same, by trading: another node's orders of another player.
async fn trade_on(other: &Desk, player_id: i64, stock_id: i64) -> usize {
    let mut responses = Vec::new();
    // Connections that the crash has broken are replaced as they are found.
    for number in (0..).take(NUMBERS) {
        responses.extend(other.submit(buy(player_id, stock_id, None, number)).await);
    }
    filled(&responses)
}

fn submit(desk: &Desk, request: DeskRequest) -> JoinHandle<Result<OrderResponse, DeskError>> {
    let desk = desk.clone();
    tokio::spawn(async move { desk.submit(request).await })
}

/// The player's trades are those that were acknowledged, and each was acknowledged as it is.
async fn check(fixture: &Fixture, responses: &[Result<OrderResponse, DeskError>]) {
    let mut acknowledged = Vec::new();
    for response in responses {
        let response =
            response.as_ref().expect("the database responds again: nothing stays unknown");
        acknowledged.extend(response.outcome.as_ref().ok().map(|fill| fill.entry.clone()));
    }
    let mut entries = fixture.checked_chain().await;
    entries.retain(|entry| entry.kind != EntryKind::Open);
    acknowledged.sort_by_key(|entry| entry.version);
    assert_eq!(acknowledged, entries, "acknowledged and written are the same trades");
    let report = fixture.verify().await;
    assert!(report.holds(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_whose_commit_was_lost_in_a_crash_is_in_the_ledger_when_it_is_acknowledged() {
    let mut cluster = CrashingPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await;
    let desk = cluster.node(&fixture).await.desk(&TradingConfig::default());
    let mut responses = Vec::new();
    for number in 1..=3 {
        let key = format!("k{number}");
        cluster.proxy.withhold_commits(1);
        let key = (number % 2 == 0).then_some((key.as_str(), 1));
        let waits = submit(&desk, buy(fixture.player_id, fixture.stock_id, key, number));
        cluster.proxy.withheld(u64::from(number)).await;
        tokio::task::block_in_place(|| {
            cluster.crash();
            take_numbers(&cluster.postgres, &cluster.url);
        });
        cluster.proxy.reset_all();
        responses.push(waits.await.expect("no panic"));
    }
    let fixture = fixture.open_again().await;
    assert_eq!(fixture.checked_chain().await.len(), 4, "each order was carried out");
    check(&fixture, &responses).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_carried_out_before_a_crash_is_answered_and_not_repeated() {
    let mut cluster = CrashingPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await;
    let desk = cluster.node(&fixture).await.desk(&TradingConfig::default());
    let mut responses = Vec::new();
    for number in 1..=3 {
        cluster.proxy.withhold_commit_answers(1);
        let waits = submit(&desk, buy(fixture.player_id, fixture.stock_id, None, number));
        cluster.proxy.withheld(u64::from(number)).await;
        tokio::task::block_in_place(|| cluster.crash());
        cluster.proxy.reset_all();
        responses.push(waits.await.expect("no panic"));
    }
    let fixture = fixture.open_again().await;
    assert_eq!(fixture.checked_chain().await.len(), 4, "each order was carried out once");
    check(&fixture, &responses).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_whose_trades_take_the_lost_numbers_changes_nothing() {
    let mut cluster = CrashingPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await.with_players(2).await;
    let desk = cluster.node(&fixture).await.desk(&TradingConfig::default());
    let other = fixture.desk(&TradingConfig { batch_max: 1, ..TradingConfig::default() });
    let mut responses = Vec::new();
    for number in 1..=2 {
        cluster.proxy.withhold_commits(1);
        let waits = submit(&desk, buy(fixture.player_id, fixture.stock_id, None, number));
        cluster.proxy.withheld(u64::from(number)).await;
        tokio::task::block_in_place(|| cluster.crash());
        let traded = trade_on(&other, fixture.players[1], fixture.stock_id).await;
        assert!(traded > NUMBERS / 4, "{traded} trades took numbers");
        cluster.proxy.reset_all();
        responses.push(waits.await.expect("no panic"));
    }
    check(&fixture.open_again().await, &responses).await;
}

/// Batches that only refuse write records alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_whose_commit_was_lost_in_a_crash_is_recorded_when_it_is_answered() {
    let mut cluster = CrashingPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await;
    let desk = cluster.node(&fixture).await.desk(&TradingConfig::default());
    let sell = |key: &str, number| {
        let mut request = buy(fixture.player_id, fixture.stock_id, Some((key, 1)), number);
        request.action = domain::Action::Trade(order(fixture.stock_id, Side::Sell, 1), None);
        request
    };
    let refused: Outcome = Err(Rejection::InsufficientQuantity);
    for (number, carried_out) in [(1, false), (2, true), (3, false)] {
        let key = format!("k{number}");
        if carried_out {
            cluster.proxy.withhold_commit_answers(1);
        } else {
            cluster.proxy.withhold_commits(1);
        }
        let waits = submit(&desk, sell(&key, number));
        cluster.proxy.withheld(u64::from(number)).await;
        tokio::task::block_in_place(|| {
            cluster.crash();
            take_numbers(&cluster.postgres, &cluster.url);
        });
        cluster.proxy.reset_all();
        let response = waits.await.expect("no panic").expect("answered");
        assert_eq!(response, OrderResponse { outcome: refused.clone(), first_request_id: None });
        let again = desk.submit(sell(&key, 10 + number)).await.expect("answered");
        let first = Some(format!("r{number}"));
        assert_eq!(again, OrderResponse { outcome: refused.clone(), first_request_id: first });
    }
    check(&fixture.open_again().await, &[]).await;
}

/// The primary is lost with the COMMIT, or is cut off and lives on while its standby is promoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_whose_commit_was_lost_with_the_primary_is_in_the_ledger_of_the_promoted_standby() {
    for (dies, carried_out) in [(true, false), (false, false), (true, true)] {
        let mut cluster = CrashingPostgres::start();
        let fixture = Fixture::open_at(&cluster.url, PRICE).await;
        let desk = cluster.node(&fixture).await.desk(&TradingConfig::default());
        let mut responses = Vec::new();
        responses.push(desk.submit(buy(fixture.player_id, fixture.stock_id, None, 1)).await);
        let standby = Postgres::start_standby_of(&cluster.postgres.url());
        if carried_out {
            cluster.proxy.withhold_commit_answers(1);
        } else {
            cluster.proxy.withhold_commits(1);
        }
        let order = || buy(fixture.player_id, fixture.stock_id, Some(("k2", 1)), 2);
        let waits = submit(&desk, order());
        cluster.proxy.withheld(1).await;
        let copy = standby.same_database(&cluster.url);
        tokio::task::block_in_place(|| {
            if carried_out {
                let end = cluster.postgres.run_sql(&cluster.url, "SELECT pg_current_wal_lsn();");
                let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{end}';");
                while standby.run_sql(&copy, &replayed) != "t" {}
            }
            if dies {
                cluster.postgres.stop_hard();
            }
            standby.run_sql(&copy, "SELECT pg_promote();");
            take_numbers(&standby, &copy);
        });
        cluster.proxy.redirect(address(&standby));
        cluster.proxy.reset_all();
        let mut response = waits.await.expect("no panic");
        // Without an response in time, the client repeats the request.
        for _ in 0..REPEATS_MAX {
            if response.is_ok() {
                break;
            }
            response = desk.submit(order()).await;
        }
        responses.push(response);
        let promoted = fixture.open_again_at(&copy).await;
        let entries = promoted.checked_chain().await.len();
        assert_eq!(entries, 3, "each order was carried out once: {responses:?}");
        check(&promoted, &responses).await;
    }
}
