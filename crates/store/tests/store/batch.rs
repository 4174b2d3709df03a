//! The batch commit: version conflicts, used keys, rejections and row locks, on both engines.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    after_a_version_conflict_no_rows_of_that_player_are_written_and_the_others_commit,
    a_different_chain_head_at_the_same_version_is_a_conflict,
    a_key_used_by_another_transaction_is_a_conflict,
    a_rejection_is_recorded_without_an_entry,
    locked_players_cannot_be_written_by_another_batch,
    a_locked_batch_that_is_dropped_changes_nothing,
}

async fn after_a_version_conflict_no_rows_of_that_player_are_written_and_the_others_commit(
    engine: &str,
) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await.player_id, player(&store, "Eve").await.player_id);
    let mut late = settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    late.records.push(record("k", late.fills[0].entry.version));
    let fine = settle_one(&store, eve, &trade(Side::Buy, 1, 1)).await;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 2, 2)).await);
    let committed = store.commit_batch(&[late, fine], mark(), now()).await.expect("commits");
    assert_eq!(committed.conflicted, [ada].into());
    let rows = store.transactions_page(ada, None, 50).await.expect("page");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].entry.stock_id, Some(2));
    let seen = store
        .load_batch(&[], &[(ada, "k".into())], &Valuation::at_prices("[]"))
        .await
        .expect("loads")
        .seen;
    assert!(seen.is_empty(), "the key of the lost order is free");
    assert_eq!(store.transactions_page(eve, None, 50).await.expect("page").len(), 2);
}

/// As on a promoted standby that lacks the entries on which settling was based.
async fn a_different_chain_head_at_the_same_version_is_a_conflict(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mut late = settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    assert_eq!((late.version_before, late.head_before), (1, open_head(ada)));
    late.head_before = Hash([7; 32]);
    let committed = store.commit_batch(&[late], mark(), now()).await.expect("commits");
    assert_eq!(committed.conflicted, [ada].into());
    assert_eq!(store.transactions_page(ada, None, 50).await.expect("page").len(), 1);
}

/// The head of a chain with only its opening.
fn open_head(player_id: i64) -> Hash {
    open_player(player_id, rules(), now()).1.hash
}

async fn a_key_used_by_another_transaction_is_a_conflict(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let refused = PlayerUpdate {
        fills: vec![],
        records: vec![IdempotencyRecord {
            version: None,
            rejection: Some(Rejection::InsufficientCash),
            ..record("k", 0)
        }],
        ..settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await
    };
    let mut twin = settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    twin.records.push(record("k", 2));
    let eve = player(&store, "Eve").await.player_id;
    let other = settle_one(&store, eve, &trade(Side::Buy, 1, 1)).await;
    let first = store.commit_batch(&[refused], mark(), now()).await.expect("commits");
    assert_eq!(first.conflicted, [].into());
    let second = store.commit_batch(&[twin, other], mark(), now()).await.expect("commits");
    assert_eq!(second.conflicted, [ada, eve].into(), "the whole batch is to be settled again");
    assert_eq!(store.transactions_page(eve, None, 50).await.expect("page").len(), 1);
    assert_eq!(store.transactions_page(ada, None, 50).await.expect("page").len(), 1);
    let seen = store
        .load_batch(&[], &[(ada, "k".into())], &Valuation::at_prices("[]"))
        .await
        .expect("loads")
        .seen;
    let kept = &seen[&(ada, "k".to_owned())];
    assert_eq!(kept.rejection, Some(Rejection::InsufficientCash), "the first record stays");
}

async fn locked_players_cannot_be_written_by_another_batch(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let late = settle_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    let wanted =
        [LoadKey { player_id: ada, stock_id: Some(2), about_version: None, text_key: None }];
    let (locked, state) =
        store.lock_batch(&wanted, &[], &valuation(), Locking::Wait).await.expect("locks");
    let waits = tokio::spawn({
        let store = (*store).clone();
        async move { store.commit_batch(&[late], mark(), now()).await }
    });
    let change = settle_in(state, ada, &trade(Side::Buy, 2, 1));
    let committed = locked.commit(&[change], mark(), now()).await.expect("commits");
    assert_eq!(committed.conflicted, [].into());
    match waits.await.expect("no panic") {
        Ok(other) => {
            assert_eq!(other.conflicted, [ada].into(), "it waited and sees the newer version")
        }
        Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
    }
    let rows = store.transactions_page(ada, None, 50).await.expect("page");
    assert_eq!((rows.len(), rows[0].entry.stock_id), (2, Some(2)));
}

async fn a_locked_batch_that_is_dropped_changes_nothing(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let wanted =
        [LoadKey { player_id: ada, stock_id: Some(1), about_version: None, text_key: None }];
    let (locked, state) =
        store.lock_batch(&wanted, &[], &valuation(), Locking::Wait).await.expect("locks");
    assert_eq!(state.players[&ada].balance_version, 1);
    drop(locked);
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await);
    assert_eq!(store.transactions_page(ada, None, 50).await.expect("page").len(), 2);
}

async fn a_rejection_is_recorded_without_an_entry(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mut change = settle_one(&store, ada, &trade(Side::Sell, 1, 1)).await;
    assert!(change.fills.is_empty());
    let rejection = Some(Rejection::InsufficientQuantity);
    change.records.push(IdempotencyRecord { version: None, rejection, ..record("no", 0) });
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
    let seen = store
        .load_batch(&[], &[(ada, "no".into())], &Valuation::at_prices("[]"))
        .await
        .expect("loads")
        .seen;
    let kept = &seen[&(ada, "no".to_owned())];
    assert_eq!((kept.rejection, kept.version), (rejection, None));
    assert_eq!((kept.fingerprint.as_slice(), kept.request_id.as_str()), (&[1; 32][..], "r1"));
    assert_eq!(store.transactions_page(ada, None, 50).await.expect("page").len(), 1);
}
