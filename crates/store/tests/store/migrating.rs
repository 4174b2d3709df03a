//! Migrations during play: a column is added to a table of a million players, filled and made NOT
//! NULL, and no trade fails. See docs/migrations.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::Side;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _};
use store::{Backfill, Store};
use tokio::time::Instant;

use crate::support::*;

const PLAYERS: i64 = 1_000_000;
/// Players who trade during the migrations.
const TRADERS: usize = 4;
/// Rows per step.
const ROWS: i64 = 5_000;

/// The steps towards a NOT NULL column.
const EXPAND: &str = "ALTER TABLE players ADD COLUMN seen_at BIGINT;
    ALTER TABLE players ALTER COLUMN seen_at SET DEFAULT 0;";
const PROMISE: &str =
    "ALTER TABLE players ADD CONSTRAINT seen_at_is_there CHECK (seen_at IS NOT NULL) NOT VALID;";
const CHECK: &str = "ALTER TABLE players VALIDATE CONSTRAINT seen_at_is_there;";
const CONTRACT: &str = "ALTER TABLE players ALTER COLUMN seen_at SET NOT NULL;
    ALTER TABLE players DROP CONSTRAINT seen_at_is_there;";

const FILL: Backfill = Backfill {
    name: "players.seen_at",
    next: "SELECT max(n.player_id) FROM (SELECT p.player_id FROM players p
           WHERE p.player_id > $1 ORDER BY p.player_id LIMIT $2) n",
    fill_sqlite: "",
    fill_postgres: "WITH filled AS MATERIALIZED (SELECT p.player_id FROM players p
           WHERE p.player_id > $1 AND p.player_id <= $2 AND p.seen_at IS NULL
           ORDER BY p.player_id FOR UPDATE)
           UPDATE players SET seen_at = updated_at FROM filled f
           WHERE players.player_id = f.player_id",
};

fn migrator(steps: &[&'static str]) -> Migrator {
    let migration = |(number, sql): (i64, &&'static str)| {
        let kind = MigrationType::Simple;
        Migration::new(number, "a test's".into(), kind, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations((9_001..).zip(steps).map(migration).collect());
    // The program's migrations are applied too.
    migrator.set_ignore_missing(true);
    migrator
}

async fn run(url: &str, sql: &str) -> u64 {
    let mut db = PgConnection::connect(url).await.expect("connects");
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut db).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

async fn count(url: &str, what: &str) -> i64 {
    let mut db = PgConnection::connect(url).await.expect("connects");
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(sql).fetch_one(&mut db).await.expect("counts")
}

/// Players who trade until stopped, and the duration of the longest trade.
struct Traders {
    is_over: Arc<AtomicBool>,
    trades: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Duration>>,
}

impl Traders {
    fn start(store: &Store, player_ids: Vec<i64>) -> Self {
        let (is_over, trades) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let trade = |player_id| {
            let (store, is_over) = (store.clone(), Arc::clone(&is_over));
            let trades = Arc::clone(&trades);
            tokio::spawn(async move {
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::Relaxed) {
                    for side in [Side::Buy, Side::Sell] {
                        let began = Instant::now();
                        assert!(commit_one(&store, player_id, &trade(side, 1, 1)).await);
                        longest = longest.max(began.elapsed());
                        trades.fetch_add(1, Ordering::Relaxed);
                    }
                }
                longest
            })
        };
        let tasks = player_ids.into_iter().map(trade).collect();
        Self { is_over, trades, tasks }
    }

    /// Waits for some more trades.
    async fn go_on(&self) {
        let before = self.trades.load(Ordering::Relaxed);
        while self.trades.load(Ordering::Relaxed) < before + 20 {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a trade has failed");
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) -> (u64, Duration) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut longest = Duration::ZERO;
        for task in self.tasks {
            longest = longest.max(task.await.expect("no trade fails"));
        }
        (self.trades.load(Ordering::Relaxed), longest)
    }
}

async fn insert_players(url: &str) {
    let game = "(SELECT min(game_id) FROM games)";
    let made = run(
        url,
        &format!(
            "INSERT INTO players (user_id, game_id, cash, total_xp, balance_version, head_hash,
                 head_month, xp_day, xp_day_trades, trades, notes, stocks_bought,
                 categories_bought, realised_profit, achievements, updated_at)
             SELECT n, {game}, 0, 0, 1, '\\x00', 202611, 0, 0, 0, 0, 0, 0, 0, 0, n
             FROM generate_series(1000000, {}) n",
            1_000_000 + PLAYERS - 1
        ),
    )
    .await;
    assert_eq!(made, 1_000_000);
}

/// Steps are interrupted repeatedly and continued by the other node.
async fn fill_with_interruptions(nodes: [&Store; 2]) {
    let mut steps = 0;
    for turn in 1.. {
        let step = nodes[turn % 2].backfill_step(&FILL, ROWS, now());
        if turn % 10 == 0 {
            let time = Duration::from_millis(turn as u64 % 7);
            // A dropped step is rolled back or committed.
            let _ = tokio::time::timeout(time, step).await;
            continue;
        }
        steps += 1;
        if step.await.expect("fills") {
            break;
        }
    }
    assert!(steps > 100, "{steps}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_is_added_to_a_million_players_during_trades() {
    let fresh = fresh("postgres").await;
    let (store, url) = (&fresh.store, &fresh.url);
    let mut traders = Vec::new();
    for number in 0..TRADERS {
        traders.push(player(store, &format!("trader{number}")).await.player_id);
    }
    insert_players(url).await;
    let trading = Traders::start(store, traders);
    trading.go_on().await;

    // Two nodes at once, while another session holds the table.
    let mut reader = PgConnection::connect(url).await.expect("connects");
    sqlx::query("BEGIN").execute(&mut reader).await.expect("begins");
    sqlx::query("SELECT player_id FROM players LIMIT 1").execute(&mut reader).await.expect("reads");
    let config = store::DatabaseConfig { url: url.clone(), ..Default::default() };
    let other = Store::open(&config).await.expect("opens");
    let node =
        |store: Store| tokio::spawn(async move { store.migrate_by(&migrator(&[EXPAND])).await });
    let nodes = [node(store.clone()), node(other.clone())];
    for _ in 0..5 {
        trading.go_on().await;
    }
    assert!(nodes.iter().all(|node| !node.is_finished()), "the table is read");
    sqlx::query("ROLLBACK").execute(&mut reader).await.expect("ends");
    for node in nodes {
        node.await.expect("it ran").expect("migrates");
    }

    fill_with_interruptions([store, &other]).await;
    assert_eq!(count(url, "players WHERE seen_at IS NULL").await, 0);
    // Existing players get the instant; players who trade keep theirs.
    let filled = count(url, "players WHERE seen_at > 0").await;
    assert_eq!(filled, PLAYERS + i64::try_from(TRADERS).expect("few"));

    for steps in [&[EXPAND, PROMISE][..], &[EXPAND, PROMISE, CHECK, CONTRACT]] {
        store.migrate_by(&migrator(steps)).await.expect("migrates");
        other.migrate_by(&migrator(steps)).await.expect("has nothing to do");
        trading.go_on().await;
    }
    let (trades, longest) = trading.stop().await;
    println!("{trades} trades meanwhile, the longest took {longest:?}");
    let not_null = "information_schema.columns
        WHERE table_name = 'players' AND column_name = 'seen_at' AND is_nullable = 'NO'";
    assert_eq!(count(url, not_null).await, 1);
}

on_both_engines! {
    every_existing_row_is_filled_once_and_later_rows_are_not,
}

async fn every_existing_row_is_filled_once_and_later_rows_are_not(engine: &str) {
    let store = fresh(engine).await;
    const ADD_ONE: &str = "UPDATE players SET xp_day = xp_day + 1
        WHERE player_id > $1 AND player_id <= $2";
    const BACKFILL: Backfill =
        Backfill { name: "a test's", fill_sqlite: ADD_ONE, fill_postgres: ADD_ONE, ..FILL };
    let mut player_ids = Vec::new();
    for number in 0..7 {
        player_ids.push(player(&store, &format!("p{number}")).await.player_id);
    }
    let before = days(&store, &player_ids).await;
    for (step, is_last) in [false, false, true].into_iter().enumerate() {
        let done = store.backfill_step(&BACKFILL, 5, now()).await.expect("fills");
        assert_eq!(done, is_last, "{engine}: {step}");
    }
    let after: Vec<i64> = before.iter().map(|day| day + 1).collect();
    assert_eq!(days(&store, &player_ids).await, after, "{engine}");
    let late = [player(&store, "late").await.player_id];
    assert!(store.backfill_step(&BACKFILL, 5, now()).await.expect("answers"), "{engine}");
    assert_eq!(days(&store, &late).await, before[..1], "{engine}: it has its value already");
}

async fn days(store: &Store, player_ids: &[i64]) -> Vec<i64> {
    let wanted = |player_id: &i64| store::LoadKey {
        player_id: *player_id,
        stock_id: None,
        about_version: None,
        text_key: None,
    };
    let wanted: Vec<_> = player_ids.iter().map(wanted).collect();
    let state = store.load_batch(&wanted, &[], &valuation()).await.expect("loads");
    player_ids.iter().map(|player_id| state.players[player_id].xp_day).collect()
}

#[tokio::test]
async fn an_index_is_built_concurrently_while_another_node_waits_and_after_a_kill() {
    let fresh = fresh("postgres").await;
    let (store, url) = (&fresh.store, &fresh.url);
    // The rest of a killed migration.
    run(url, "CREATE INDEX players_by_xp_day ON players (xp_day)").await;
    let spoil = "UPDATE pg_index SET indisvalid = false
        WHERE indexrelid = 'players_by_xp_day'::regclass";
    run(url, spoil).await;
    let index = || {
        let sql = "CREATE INDEX CONCURRENTLY players_by_xp_day ON players (xp_day)";
        let kind = MigrationType::Simple;
        let migration = Migration::new(9_001, "a test's".into(), kind, sql.into_sql_str(), true);
        let mut migrator = Migrator::with_migrations(vec![migration]);
        migrator.set_ignore_missing(true);
        migrator
    };
    // The index waits for this transaction longer than the lock timeout.
    let mut reader = PgConnection::connect(url).await.expect("connects");
    for sql in ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT player_id FROM players LIMIT 1"] {
        sqlx::query(sql).execute(&mut reader).await.expect("reads");
    }
    let node = |store: Store, migrator: Migrator| {
        tokio::spawn(async move { store.migrate_by(&migrator).await })
    };
    let first = node(store.clone(), index());
    let waiting = "pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE '%INDEX CONCURRENTLY%'";
    until(async || count(url, waiting).await > 0).await;
    let mut second = node(store.clone(), index());
    // Twice PostgreSQL's deadlock_timeout.
    let waited = tokio::time::timeout(Duration::from_secs(2), &mut second).await;
    assert!(waited.is_err(), "it waits for its turn: {waited:?}");
    sqlx::query("ROLLBACK").execute(&mut reader).await.expect("ends");
    for node in [first, second] {
        node.await.expect("it ran").expect("migrates");
    }
    let valid = "pg_index WHERE indexrelid = 'players_by_xp_day'::regclass AND indisvalid";
    assert_eq!(count(url, valid).await, 1);
}

/// Polls until the condition holds.
async fn until(is_so: impl AsyncFn() -> bool) {
    let asking = async { while !is_so().await {} };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it becomes so");
}

#[tokio::test]
async fn a_killed_migration_leaves_nothing_and_the_next_node_runs_it() {
    let fresh = fresh("postgres").await;
    let (store, url) = (&fresh.store, &fresh.url);
    // It sleeps in its transaction.
    let slow = "CREATE TABLE half_way (id BIGINT); SELECT pg_sleep(60);";
    let node = {
        let store = store.clone();
        tokio::spawn(async move { store.migrate_by(&migrator(&[slow])).await })
    };
    let sleeping = "pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    until(async || count(url, sleeping).await > 0).await;
    run(url, &format!("SELECT pg_terminate_backend(pid) FROM {sleeping}")).await;
    node.await.expect("it ran").expect_err("its connection is gone");
    assert_eq!(count(url, "pg_tables WHERE tablename = 'half_way'").await, 0);
    let whole = "CREATE TABLE half_way (id BIGINT);";
    store.migrate_by(&migrator(&[whole])).await.expect("nothing blocks it");
    assert_eq!(count(url, "pg_tables WHERE tablename = 'half_way'").await, 1);
}
