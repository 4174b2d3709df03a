//! After the announcement of a seal's cut no entry is dated before it, whatever the clock shows.

use domain::{Side, UnixMicros};
use sqlx::{Connection as _, PgConnection};

use crate::support::*;

on_both_engines! {
    entries_are_dated_after_the_announced_cut,
    a_batch_that_was_settled_before_the_announcement_is_not_written,
    an_earlier_cut_changes_nothing,
}

/// A cut in the future of the test's clock, as if the clock had stepped back.
fn cut() -> UnixMicros {
    now().plus_seconds(7_200)
}

fn next(instant: UnixMicros) -> UnixMicros {
    UnixMicros(instant.0 + 1)
}

/// The times of a player's entries, newest first.
async fn times(store: &store::Store, player_id: i64) -> Vec<UnixMicros> {
    let rows = store.transactions_page(player_id, None, 50).await.expect("a page");
    rows.into_iter().map(|row| row.entry.created_at).collect()
}

async fn entries_are_dated_after_the_announced_cut(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    store.announce_cut(cut()).await.expect("announces");
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await, "{engine}");
    assert_eq!(times(&store, ada).await, [next(cut()), now()], "{engine}");
    let eve = player(&store, "Eve").await.player_id;
    assert_eq!(times(&store, eve).await, [next(cut())], "{engine}: a new player's, too");
    // The head at the cut does not change: it is taken from the player's row or the ledger.
    let head = async || {
        let (_, heads) =
            store.sealed_heads_page(0, cut(), 10).await.expect("reads").expect("a page");
        heads.into_iter().map(|head| (head.player_id, head.version)).collect::<Vec<_>>()
    };
    assert_eq!(head().await, [(ada, 1)], "{engine}");
    assert!(commit_one(&store, eve, &trade(Side::Buy, 1, 1)).await, "{engine}");
    assert_eq!(head().await, [(ada, 1)], "{engine}");
}

async fn a_batch_that_was_settled_before_the_announcement_is_not_written(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let settled = settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    store.announce_cut(cut()).await.expect("announces");
    let committed = store.commit_batch(&[settled], mark(), now()).await.expect("answers");
    assert_eq!(committed.conflicted, [ada].into(), "{engine}: it is retried");
    assert_eq!(times(&store, ada).await, [now()], "{engine}");
    // The retry loads the cut.
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await, "{engine}");
    assert_eq!(times(&store, ada).await, [next(cut()), now()], "{engine}");
}

async fn an_earlier_cut_changes_nothing(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    store.announce_cut(cut()).await.expect("announces");
    store.announce_cut(now().plus_seconds(-7_200)).await.expect("announces");
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await, "{engine}");
    assert_eq!(times(&store, ada).await[0], next(cut()), "{engine}");
}

#[tokio::test]
async fn an_announcement_waits_for_transactions_that_may_not_know_it() {
    let fresh = fresh("postgres").await;
    let (store, url) = (&fresh.store, &fresh.url);
    let ada = player(store, "Ada").await.player_id;
    let mut writing = PgConnection::connect(url).await.expect("connects");
    let mut looking = PgConnection::connect(url).await.expect("connects");
    for sql in ["BEGIN", "UPDATE players SET updated_at = updated_at"] {
        sqlx::query(sql).execute(&mut writing).await.expect("writes");
    }
    let announcing = {
        let store = store.clone();
        tokio::spawn(async move { store.announce_cut(cut()).await })
    };
    let announced = "SELECT count(*) FROM audit_sealing WHERE sealed_until = $1";
    let mut is_announced = false;
    while !is_announced {
        let found: i64 = sqlx::query_scalar(announced)
            .bind(cut().0)
            .fetch_one(&mut looking)
            .await
            .expect("reads");
        is_announced = found == 1;
        tokio::task::yield_now().await;
    }
    // Later transactions are not waited for.
    let eve = player(store, "Eve").await.player_id;
    for side in [Side::Buy, Side::Sell].into_iter().cycle().take(20) {
        assert!(commit_one(store, eve, &trade(side, 1, 1)).await);
    }
    assert!(!announcing.is_finished());
    sqlx::query("COMMIT").execute(&mut writing).await.expect("commits");
    announcing.await.expect("it ran").expect("announces");
    assert_eq!(times(store, ada).await, [now()]);
}
