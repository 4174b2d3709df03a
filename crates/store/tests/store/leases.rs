//! Leases, on both engines.

use crate::support::*;

on_both_engines! {
    a_lease_has_one_holder_until_it_expires,
    a_released_lease_can_be_taken_by_any_node,
    one_of_many_concurrent_requests_gets_the_lease,
    an_expired_lease_is_listed_until_it_is_released_or_taken,
}

async fn a_lease_has_one_holder_until_it_expires(engine: &str) {
    let store = fresh(engine).await;
    let until = |seconds| now().plus_seconds(seconds);
    let take = async |holder, at, end| {
        store.take_lease("refresh", holder, until(at), until(end)).await.expect("answers")
    };
    assert_eq!(take("a", 0, 30).await, Some(1));
    assert_eq!(take("b", 29, 59).await, None);
    assert_eq!(take("a", 20, 50).await, Some(1), "its holder renews it");
    assert_eq!(take("b", 49, 79).await, None);
    let holder = async |at| store.find_lease_holder("refresh", until(at)).await.expect("answers");
    assert_eq!(holder(49).await.as_deref(), Some("a"));
    assert_eq!(holder(50).await, None);
    assert_eq!(take("b", 50, 80).await, Some(2), "a new holder has a higher fence");
    assert_eq!(take("a", 60, 90).await, None);
    let other = store.take_lease("archive", "a", until(60), until(90)).await;
    assert_eq!(other.expect("answers"), Some(1), "another lease is another matter");
}

async fn a_released_lease_can_be_taken_by_any_node(engine: &str) {
    let store = fresh(engine).await;
    let later = now().plus_seconds(30);
    store.take_lease("refresh", "a", now(), later).await.expect("answers");
    store.release_lease("refresh", "b").await.expect("answers");
    assert_eq!(store.take_lease("refresh", "b", now(), later).await.expect("answers"), None);
    store.release_lease("refresh", "a").await.expect("answers");
    assert_eq!(store.take_lease("refresh", "b", now(), later).await.expect("answers"), Some(2));
}

async fn an_expired_lease_is_listed_until_it_is_released_or_taken(engine: &str) {
    let store = fresh(engine).await;
    let until = |seconds| now().plus_seconds(seconds);
    for name in ["incident:b", "incident:a", "job"] {
        store.take_lease(name, "a", now(), until(30)).await.expect("answers");
    }
    let expired = async |at| store.expired_leases("incident:", until(at)).await.expect("answers");
    assert_eq!(expired(29).await, Vec::<String>::new());
    assert_eq!(expired(30).await, ["incident:a", "incident:b"]);
    store.release_lease("incident:a", "a").await.expect("answers");
    store.take_lease("incident:b", "b", until(30), until(60)).await.expect("answers");
    assert_eq!(expired(30).await, Vec::<String>::new());
    assert_eq!(expired(60).await, ["incident:b"]);
}

async fn one_of_many_concurrent_requests_gets_the_lease(engine: &str) {
    let store = fresh(engine).await;
    let attempts = (0..20).map(|holder| {
        let store = store.clone();
        tokio::spawn(async move {
            let (holder, later) = (holder.to_string(), now().plus_seconds(30));
            store.take_lease("refresh", &holder, now(), later).await.expect("answers")
        })
    });
    let mut holders = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        holders += usize::from(attempt.await.expect("it ran").is_some());
    }
    assert_eq!(holders, 1);
}
