//! Batch marks: resolving a COMMIT without a response on PostgreSQL, behind a proxy that withholds
//! COMMITs and their responses. SQLite has no marks.

use domain::{Entropy as _, Rejection, Side};
use sqlx::{Connection as _, Executor as _};
use store::*;
use testkit::{FaultProxy, Postgres, SeededEntropy};

use crate::pending_orders::new as new_order;
use crate::support::*;

/// A game on PostgreSQL with a proxy that withholds commits.
struct Cluster {
    postgres: Postgres,
    url: String,
    proxy: FaultProxy,
    store: Store,
    player_id: i64,
}

impl Cluster {
    async fn start() -> Self {
        let postgres = Postgres::start();
        let url = postgres.fresh_database();
        let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into());
        let store = open(&url).await;
        store.migrate().await.expect("migrates");
        store.ensure_ledger_months(now()).await.expect("months");
        store.ensure_game("fixed", now()).await.expect("game");
        store.save_stocks(&["AAPL", "KO", "XOM"].map(new_stock)).await.expect("stocks");
        store.save_achievements(rules()).await.expect("achievements");
        let player_id = player(&store, "Ada").await.player_id;
        Self { postgres, url, proxy, store, player_id }
    }

    /// A purchase of one share.
    async fn purchase(&self) -> PlayerUpdate {
        settle_one(&self.store, self.player_id, &trade(Side::Buy, 1, 1)).await
    }

    /// A rejection, which writes only a record.
    async fn refusal(&self, key: &str) -> PlayerUpdate {
        let change = settle_one(&self.store, self.player_id, &trade(Side::Sell, 1, 1)).await;
        let record = IdempotencyRecord {
            key: key.to_owned(),
            fingerprint: [1; 32],
            version: None,
            rejection: Some(Rejection::InsufficientQuantity),
            request_id: "r1".to_owned(),
        };
        PlayerUpdate { records: vec![record], ..change }
    }

    /// Commits while the proxy withholds the `count`th message; then resets the proxy.
    async fn lose(&self, change: PlayerUpdate, count: u64) -> UnknownCommit {
        self.lose_marked(change, mark(), count).await
    }

    async fn lose_marked(
        &self,
        change: PlayerUpdate,
        mark: BatchMark,
        count: u64,
    ) -> UnknownCommit {
        let store = open(&self.proxy.url_through(&self.url)).await;
        let waits = tokio::spawn(async move { store.commit_batch(&[change], mark, now()).await });
        self.proxy.withheld(count).await;
        self.proxy.reset_all();
        match waits.await.expect("no panic") {
            Err(StoreError::CommitUnknown(doubt, _)) => doubt,
            other => panic!("not in doubt: {other:?}"),
        }
    }
}

async fn open(url: &str) -> Store {
    let config = DatabaseConfig { url: url.to_owned(), lock_timeout_ms: 200, ..Default::default() };
    Store::open(&config).await.expect("opens")
}

/// The outcome of a batch after its transaction has ended.
async fn resolved(store: &Store, doubt: &UnknownCommit) -> Option<bool> {
    loop {
        match store.resolve_commit(doubt).await {
            Ok(outcome) => return outcome,
            // The session of a COMMIT that did not arrive ends a moment later.
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_means_committed_and_an_abandoned_mark_means_never() {
    let cluster = Cluster::start().await;
    let changes = [
        (cluster.purchase().await, true),
        (cluster.refusal("a").await, true),
        (cluster.refusal("b").await, false),
    ];
    for (count, (change, carried_out)) in (1..).zip(changes) {
        if carried_out {
            cluster.proxy.withhold_commit_answers(1);
        } else {
            cluster.proxy.withhold_commits(1);
        }
        let doubt = cluster.lose(change, count).await;
        let other = open(&cluster.url).await;
        for store in [&cluster.store, &cluster.store, &other] {
            assert_eq!(resolved(store, &doubt).await, Some(carried_out), "every time");
        }
    }
    assert_eq!(cluster.store.transactions_page(cluster.player_id, None, 9).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_got_no_response_may_be_stored() {
    let cluster = Cluster::start().await;
    for (count, is_stored) in (1..).zip([true, false]) {
        if is_stored {
            cluster.proxy.withhold_commit_answers(1);
        } else {
            cluster.proxy.withhold_commits(1);
        }
        let store = open(&cluster.proxy.url_through(&cluster.url)).await;
        let key = if is_stored { "stored" } else { "not stored" };
        let new = new_order(cluster.player_id, Some(key));
        let placed = tokio::spawn(async move { store.place_order(&new, 20, now()).await });
        cluster.proxy.withheld(count).await;
        cluster.proxy.reset_all();
        let placed = placed.await.expect("no panic");
        assert!(matches!(placed, Err(StoreError::CommitLost(_))), "{placed:?}");
        // The client repeats it under its key. The first transaction may end a moment later.
        let again = loop {
            let new = new_order(cluster.player_id, Some(key));
            match cluster.store.place_order(&new, 20, now()).await {
                Err(StoreError::Conflict(_)) => {}
                again => break again.expect("places"),
            }
        };
        assert_eq!(matches!(again, OrderPlacement::Known(_)), is_stored, "{again:?}");
        assert_eq!(matches!(again, OrderPlacement::Accepted(_)), !is_stored, "{again:?}");
    }
}

/// Another session writes the same mark again, as the lost transaction did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_in_progress_is_resolved_by_its_end() {
    let cluster = Cluster::start().await;
    for (count, (end, outcome)) in (1..).zip([("COMMIT", true), ("ROLLBACK", false)]) {
        let entropy = SeededEntropy::new(100 + count);
        let (mark, mut bytes) = (BatchMark::draw(&entropy), vec![0; 16]);
        SeededEntropy::new(100 + count).fill(&mut bytes);
        cluster.proxy.withhold_commits(1);
        let doubt = cluster.lose_marked(cluster.purchase().await, mark, count).await;
        let mut session = sqlx::PgConnection::connect(&cluster.url).await.expect("connects");
        session.execute("BEGIN").await.expect("begins");
        sqlx::query(
            "INSERT INTO batch_marks (made_at, mark, outcome) VALUES ($1, $2, 'committed')",
        )
        .bind(now().0)
        .bind(bytes)
        .execute(&mut session)
        .await
        .expect("the lost transaction is over");
        let in_progress = cluster.store.resolve_commit(&doubt).await;
        assert!(matches!(in_progress, Err(StoreError::Conflict(_))), "{in_progress:?}");
        let resolves = {
            let (store, doubt) = (cluster.store.clone(), doubt.clone());
            tokio::spawn(async move { resolved(&store, &doubt).await })
        };
        session.execute(end).await.expect("ends");
        assert_eq!(resolves.await.expect("no panic"), Some(outcome), "{end}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_possibly_deleted_mark_resolves_nothing() {
    let cluster = Cluster::start().await;
    cluster.proxy.withhold_commit_answers(1);
    let doubt = cluster.lose(cluster.purchase().await, 1).await;
    let delete = async |before, limit| {
        cluster.store.delete_batch_marks_before(before, limit).await.expect("deletes")
    };
    assert_eq!(delete(now(), 10).await, 0, "none is so old");
    assert_eq!(resolved(&cluster.store, &doubt).await, Some(true));
    commit_one(&cluster.store, cluster.player_id, &trade(Side::Buy, 1, 1)).await;
    let later = now().plus_seconds(1);
    assert_eq!((delete(later, 1).await, delete(later, 1).await, delete(later, 1).await), (1, 1, 0));
    assert_eq!(resolved(&cluster.store, &doubt).await, None);
    assert_eq!(delete(now(), 10).await, 0, "an older instant changes nothing");
    assert_eq!(resolved(&cluster.store, &doubt).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_resolves_nothing_until_it_is_promoted() {
    let cluster = Cluster::start().await;
    cluster.proxy.withhold_commits(1);
    let doubt = cluster.lose(cluster.purchase().await, 1).await;
    let standby = Postgres::start_standby_of(&cluster.postgres.url());
    let copy = standby.same_database(&cluster.url);
    let store = open(&copy).await;
    for _ in 0..2 {
        let refused = store.resolve_commit(&doubt).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    standby.run_sql(&copy, "SELECT pg_promote();");
    assert_eq!(resolved(&store, &doubt).await, Some(false));
}
