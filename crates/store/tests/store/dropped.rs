//! Cancelled futures: after a transaction whose caller is dropped at any await, the same
//! connections serve the next statements. Requests are cancelled by their time limit and by clients
//! that disconnect.

use std::pin::pin;
use std::time::Duration;

use sqlx::Connection as _;
use store::{DatabaseConfig, Store};

use crate::support::*;

on_both_engines! {
    transactions_dropped_at_any_await_leave_nothing_open,
}

/// Polls a future `polls` times and drops it; returns whether it completed.
async fn dropped_after<T>(polls: u64, future: impl Future<Output = T>) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// The number of sessions that are idle in a transaction.
async fn idle_in_transaction(url: &str) -> i64 {
    let mut other = sqlx::PgConnection::connect(url).await.expect("connects");
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut other)
    .await
    .expect("answers")
}

async fn transactions_dropped_at_any_await_leave_nothing_open(engine: &str) {
    let store = fresh(engine).await;
    let (mut ended, mut number) = (0, 0);
    // The last futures are dropped early, at BEGIN: a completed one would repair its connection.
    for polls in (1..=100).rev().cycle().take(300) {
        // Two at once, so that they also wait for each other.
        let names = [number, number + 1].map(|number| format!("p{number}"));
        let [first, second] =
            [&names[0], &names[1]].map(|name| dropped_after(polls, player(&store, name)));
        let (first, second) = tokio::join!(first, second);
        ended += u64::from(first && second);
        number += 2;
    }
    assert!((1..300).contains(&ended), "{engine}: {ended} came to their end");
    // An acknowledged write must be visible to others, not in an open transaction.
    let config = DatabaseConfig { url: store.url.clone(), ..DatabaseConfig::default() };
    let other = Store::open(&config).await.expect("opens");
    let later = now().plus_seconds(30);
    for number in 0..50 {
        let lease = format!("l{number}");
        let taken = store.take_lease(&lease, "a", now(), later).await.expect("answers");
        assert_eq!(taken, Some(1), "{engine}: {lease}");
        let holder = other.find_lease_holder(&lease, now()).await.expect("answers");
        assert_eq!(holder.as_deref(), Some("a"), "{engine}: {lease} was acknowledged");
    }
    if engine == "postgres" {
        // Dropped transactions are rolled back in the background.
        let none_is_left = async { while idle_in_transaction(&store.url).await > 0 {} };
        let waited = tokio::time::timeout(Duration::from_secs(20), none_is_left).await;
        assert!(waited.is_ok(), "a session is within a transaction for good");
    }
}
