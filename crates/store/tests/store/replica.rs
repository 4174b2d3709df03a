//! Reads from a real streaming standby that is slow, cut off, silent, killed or promoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use store::*;
use testkit::{FaultProxy, Postgres};
use tokio::time::Instant;

use crate::support::*;

/// The timeout of expected events.
const PATIENCE: Duration = Duration::from_secs(60);

/// A staleness limit that no test reaches, and one that a test can exceed.
const NO_BOUND_MS: u64 = 600_000;
const SHORT_BOUND_MS: u64 = 1_000;

/// A primary with a game, and its standby.
struct Fixture {
    primary: Postgres,
    standby: Postgres,
    /// The database on the primary and on the standby.
    url: String,
    copy: String,
}

impl Fixture {
    async fn start() -> Self {
        let primary = Postgres::start();
        let from = primary.url();
        Self::follow(primary, &from).await
    }

    /// Makes the standby follow the server at this address.
    async fn follow(primary: Postgres, from: &str) -> Self {
        let url = primary.fresh_database();
        let store = open(&url, "", NO_BOUND_MS).await.expect("opens");
        store.migrate().await.expect("migrates");
        store.save_stocks(&["AAPL", "KO", "XOM"].map(new_stock)).await.expect("stocks");
        store.close().await;
        let standby = Postgres::start_standby_of(from);
        let copy = standby.same_database(&url);
        Self { primary, standby, url, copy }
    }

    /// A store that reads from the standby, once its monitor allows it.
    async fn store(&self, lag_max_ms: u64) -> (Store, ReplicaMonitor) {
        let store = open(&self.url, &self.copy, lag_max_ms).await.expect("opens");
        let mut watch = ReplicaMonitor::new(&store).expect("a replica");
        look_until(&mut watch, &store, true).await;
        (store, watch)
    }

    fn pause(&self) {
        self.standby.run_sql(&self.copy, "SELECT pg_wal_replay_pause();");
        let state = "SELECT pg_get_wal_replay_pause_state();";
        let began = Instant::now();
        while self.standby.run_sql(&self.copy, state) != "paused" {
            assert!(began.elapsed() < PATIENCE, "it goes on");
        }
    }

    fn resume(&self) {
        self.standby.run_sql(&self.copy, "SELECT pg_wal_replay_resume();");
    }
}

async fn open(url: &str, read_url: &str, read_lag_max_ms: u64) -> Result<Store, StoreError> {
    let (url, read_url) = (url.to_owned(), read_url.to_owned());
    Store::open(&DatabaseConfig { url, read_url, read_lag_max_ms, ..Default::default() }).await
}

/// Checks until reads go to the replica, or no longer do.
async fn look_until(watch: &mut ReplicaMonitor, store: &Store, used: bool) {
    let began = Instant::now();
    while is_used(store).await != used {
        assert!(began.elapsed() < PATIENCE, "used: {}", !used);
        watch.check().await;
    }
}

/// Whether reads go to the replica: a failing read runs twice then.
async fn is_used(store: &Store) -> bool {
    let calls = AtomicU32::new(0);
    let failed = store
        .with_replica(|_| {
            calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<(), _>(StoreError::Conflict(sqlx::Error::RowNotFound)))
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Conflict(_))));
    calls.into_inner() == 2
}

async fn stocks(store: &Store) -> usize {
    let read = store.with_replica(|store| async move { store.all_stocks().await });
    read.await.expect("answers").len()
}

async fn add_stock(store: &Store) {
    store.save_stocks(&[new_stock("PG")]).await.expect("saves");
}

#[tokio::test]
async fn a_replica_that_keeps_up_answers_what_may_be_a_moment_old() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let world = Fixture::start().await;
    let (store, mut watch) = world.store(NO_BOUND_MS).await;
    world.pause();
    add_stock(&store).await;
    assert_eq!(stocks(&store).await, 3, "the replica does not have it yet");
    assert_eq!(store.all_stocks().await.expect("answers").len(), 4, "the primary has it");
    world.resume();
    let began = Instant::now();
    while stocks(&store).await != 4 {
        assert!(began.elapsed() < PATIENCE);
    }
    // A write runs on the primary, since the replica rejects it.
    let written =
        store.with_replica(|store| async move { store.save_stocks(&[new_stock("GE")]).await });
    assert_eq!(written.await.expect("saves").len(), 1);
    watch.check().await;
    let text = shown.render();
    for line in [
        "openbell_replica_usable 1",
        "openbell_replica_lag_seconds 0",
        "openbell_replica_reads_total{outcome=\"replica\"}",
        "openbell_replica_reads_total{outcome=\"primary\"}",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    store.close().await;
    assert!(!is_used(&store).await);
}

#[tokio::test]
async fn a_replica_that_is_too_old_is_left_until_it_has_caught_up() {
    let world = Fixture::start().await;
    let (store, mut watch) = world.store(SHORT_BOUND_MS).await;
    // An idle primary for longer than the limit does not make the replica stale.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2 * SHORT_BOUND_MS) {
        watch.check().await;
    }
    look_until(&mut watch, &store, true).await;
    world.pause();
    add_stock(&store).await;
    look_until(&mut watch, &store, false).await;
    assert_eq!(stocks(&store).await, 4, "the primary has it");
    world.resume();
    look_until(&mut watch, &store, true).await;
    assert_eq!(stocks(&store).await, 4);
    // Without further checks the staleness is unknown.
    drop(watch);
    let began = Instant::now();
    while is_used(&store).await {
        assert!(began.elapsed() < PATIENCE, "it is trusted for ever");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_replica_that_is_cut_off_from_its_primary_is_left_although_it_has_replayed_all() {
    let primary = Postgres::start();
    let link = FaultProxy::start(([127, 0, 0, 1], primary.port()).into());
    let from = link.url_through(&primary.url());
    let world = Fixture::follow(primary, &from).await;
    world.standby.run_sql(
        &world.copy,
        "ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms';\nSELECT pg_reload_conf();",
    );
    let (store, mut watch) = world.store(SHORT_BOUND_MS).await;
    link.refuse();
    link.reset_all();
    add_stock(&store).await;
    look_until(&mut watch, &store, false).await;
    let all = "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn();";
    assert_eq!(world.standby.run_sql(&world.copy, all), "t", "it takes itself for up to date");
    link.pass();
    look_until(&mut watch, &store, true).await;
    assert_eq!(stocks(&store).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_fails_when_the_replica_is_killed_and_it_is_used_again_when_it_is_back() {
    let mut world = Fixture::start().await;
    let (store, mut watch) = world.store(5_000).await;
    let (reads, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, reads, over) = (store.clone(), Arc::clone(&reads), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(stocks(&store).await, 3);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let go_on = async |watch: &mut ReplicaMonitor| {
        let (then, began) = (reads.load(Ordering::Relaxed), Instant::now());
        while reads.load(Ordering::Relaxed) < then + 200 {
            assert!(began.elapsed() < PATIENCE, "the readers stopped");
            watch.check().await;
        }
    };
    go_on(&mut watch).await;
    world.standby.kill_backends(&world.copy);
    go_on(&mut watch).await;
    look_until(&mut watch, &store, true).await;
    for _ in 0..2 {
        world.standby.stop_hard();
        go_on(&mut watch).await;
        assert!(!is_used(&store).await);
        world.standby.start_again();
        look_until(&mut watch, &store, true).await;
        go_on(&mut watch).await;
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("no read failed");
    }
}

/// A restarted standby accepts reads as soon as its files are consistent, possibly before it has
/// replayed its former position.
#[tokio::test]
async fn a_replica_that_started_again_is_not_read_before_it_is_where_it_was() {
    let mut world = Fixture::start().await;
    let (store, mut watch) = world.store(NO_BOUND_MS).await;
    add_stock(&store).await;
    let began = Instant::now();
    while stocks(&store).await != 4 {
        assert!(began.elapsed() < PATIENCE);
    }
    watch.check().await;
    assert!(is_used(&store).await);
    let later = "ALTER SYSTEM SET recovery_min_apply_delay = '1h';";
    world.standby.run_sql(&world.copy, later);
    world.standby.stop_hard();
    world.standby.start_again();
    let counted = world.standby.run_sql(&world.copy, "SELECT count(*) FROM stocks;");
    assert_eq!(counted, "3", "it has gone back");
    for _ in 0..3 {
        assert_eq!(stocks(&store).await, 4);
    }
}

#[tokio::test]
async fn a_read_does_not_wait_for_a_replica_that_falls_silent() {
    let world = Fixture::start().await;
    let network = FaultProxy::start(([127, 0, 0, 1], world.standby.port()).into());
    let store = open(&world.url, &network.url_through(&world.copy), NO_BOUND_MS).await;
    let store = store.expect("opens");
    let mut watch = ReplicaMonitor::new(&store).expect("a replica");
    look_until(&mut watch, &store, true).await;
    assert_eq!(stocks(&store).await, 3);
    network.black_hole();
    let (one, two) = (store.clone(), store.clone());
    let waits_for_connection = tokio::spawn(async move { stocks(&one).await });
    let waits_for_answer = tokio::spawn(async move {
        let calls = &AtomicU32::new(0);
        let read = two.with_replica(|store| async move {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            store.all_stocks().await
        });
        read.await.expect("answers").len()
    });
    look_until(&mut watch, &store, false).await;
    for reader in [waits_for_connection, waits_for_answer] {
        let read = tokio::time::timeout(PATIENCE, reader).await.expect("no reader waits");
        assert_eq!(read.expect("answered"), 3);
    }
    network.pass();
    look_until(&mut watch, &store, true).await;
    assert_eq!(stocks(&store).await, 3, "the connections are new ones");
}

#[tokio::test]
async fn only_a_standby_of_the_same_database_is_read() {
    let world = Fixture::start().await;
    let unreachable = "postgres://postgres@127.0.0.1:1/postgres";
    for read_url in [unreachable, &world.url, &world.standby.url(), &testkit::postgres_database()] {
        let store = open(&world.url, read_url, NO_BOUND_MS).await.expect("it need not be there");
        let mut watch = ReplicaMonitor::new(&store).expect("a replica");
        for _ in 0..3 {
            watch.check().await;
            assert!(!is_used(&store).await, "{read_url}");
        }
        assert_eq!(stocks(&store).await, 3);
        store.close().await;
    }
    let (store, mut watch) = world.store(NO_BOUND_MS).await;
    world.standby.run_sql(&world.copy, "SELECT pg_promote();");
    look_until(&mut watch, &store, false).await;
    add_stock(&store).await;
    assert_eq!(stocks(&store).await, 4);
    drop(world.primary);
}

#[tokio::test]
async fn an_address_of_a_replica_that_cannot_be_is_rejected() {
    let fresh = fresh("sqlite").await;
    for (url, read_url, text) in [
        (fresh.url.as_str(), "postgres://u:hidden@h/db", "database.read_url is for PostgreSQL"),
        ("postgres://h/db", "mysql://u:hidden@h/db", "database.read_url must begin with"),
        ("postgres://h/db", "postgres://u:hidden@h:many/db", "cannot be read"),
    ] {
        let refused = open(url, read_url, NO_BOUND_MS).await.err().expect("refused");
        let message = refused.to_string();
        assert!(matches!(refused, StoreError::Unsuitable(_)), "{message}");
        assert!(message.contains(text) && !message.contains("hidden"), "{message}");
    }
    assert!(ReplicaMonitor::new(&fresh.store).is_none());
    assert_eq!(stocks(&fresh.store).await, 3, "without a replica the primary is read");
}
