//! The bus: what is heard, by whom, and that a gap is told whenever something may be missing.

use std::time::Duration;

use cluster::{Bus, Heard, Hearing, Message, Redis};
use testkit::SeededEntropy;
use tokio::time::timeout;

use crate::{PATIENCE, connect, until};

/// A node on the bus, and what it hears after its first gap.
async fn node(redis: &Redis, name: &str, seed: u64) -> (Bus, Hearing) {
    let bus = Bus::over(redis, name, &SeededEntropy::new(seed));
    let mut hearing = bus.subscribe();
    assert_eq!(next(&mut hearing).await, Heard::Gap, "a subscription begins with a gap");
    assert!(bus.hears());
    (bus, hearing)
}

async fn next(hearing: &mut Hearing) -> Heard {
    let heard = timeout(PATIENCE, hearing.next()).await;
    heard.expect("something is heard").expect("the bus is there")
}

fn tags(tags: &[&str]) -> Message {
    Message::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())
}

/// Whether nothing is heard before what is said now.
async fn hears_only(hearing: &mut Hearing, speaker: &Bus, mark: &str) -> Vec<Heard> {
    speaker.publish(tags(&[mark]));
    let mut before = Vec::new();
    loop {
        let heard = next(hearing).await;
        if heard == Heard::Message(tags(&[mark])) {
            return before;
        }
        before.push(heard);
    }
}

#[tokio::test]
async fn others_hear_what_a_node_says_and_it_does_not() {
    for server in [testkit::Redis::start(), testkit::Redis::start_cluster()] {
        let (first, second) = (connect(&server.url()).await, connect(&server.url()).await);
        // Two nodes of one name are two nodes.
        let (one, mut by_one) = node(&first, "node", 1).await;
        let (other, mut by_other) = node(&second, "node", 2).await;
        for message in [Message::Ledger, Message::Prices, tags(&["a", "b"])] {
            one.publish(message.clone());
            assert_eq!(next(&mut by_other).await, Heard::Message(message));
        }
        assert_eq!(hears_only(&mut by_one, &other, "mark").await, []);
    }
}

#[tokio::test]
async fn many_nudges_about_the_ledger_are_few_and_the_last_is_heard() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let (one, _) = node(&redis, "one", 1).await;
    let (_other, mut by_other) = node(&redis, "other", 2).await;
    let began = tokio::time::Instant::now();
    for _ in 0..200 {
        one.publish(Message::Ledger);
        tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.ok();
    }
    let waits = began.elapsed().as_millis() / 20;
    let heard = hears_only(&mut by_other, &one, "mark").await;
    assert!(heard.iter().all(|heard| *heard == Heard::Message(Message::Ledger)));
    assert!(heard.len() > 1 && heard.len() as u128 <= waits + 2, "{} in {waits}", heard.len());
    one.publish(Message::Ledger);
    let last = Heard::Message(Message::Ledger);
    assert_eq!(next(&mut by_other).await, last);
}

#[tokio::test]
async fn a_lost_subscription_is_a_gap() {
    let mut server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let (one, mut by_one) = node(&redis, "one", 1).await;
    let (other, _) = node(&redis, "other", 2).await;
    server.kill();
    until("silence", || !one.hears() && !other.hears()).await;
    server.restart();
    assert_eq!(next(&mut by_one).await, Heard::Gap);
    until("both", || other.hears()).await;
    assert_eq!(hears_only(&mut by_one, &other, "mark").await, []);
}

#[tokio::test]
async fn what_could_not_be_said_is_a_gap_for_the_others() {
    let server = testkit::Redis::start();
    let proxy = testkit::FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let cut_off = connect(&proxy.url_through(&server.url())).await;
    let (one, _) = node(&cut_off, "one", 1).await;
    let well = connect(&server.url()).await;
    let (_other, mut by_other) = node(&well, "other", 2).await;
    proxy.refuse();
    proxy.reset_all();
    until("an outage", || cut_off.outages() == 1).await;
    one.publish(tags(&["lost"]));
    one.publish(Message::Prices);
    proxy.pass();
    assert_eq!(next(&mut by_other).await, Heard::Gap, "though its own subscription was well");
    assert!(well.outages() == 0);
}

#[tokio::test]
async fn whoever_listens_too_slowly_hears_of_a_gap() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let (one, mut by_one) = node(&redis, "one", 1).await;
    let (other, _) = node(&redis, "other", 2).await;
    let mut witness = one.subscribe();
    for number in 0..3 {
        for part in 0..500 {
            other.publish(tags(&[&format!("{number}-{part}")]));
        }
        let last = Heard::Message(tags(&[&format!("{number}-499")]));
        while next(&mut witness).await != last {}
    }
    let last = Heard::Message(tags(&["2-499"]));
    let mut gaps = 0;
    loop {
        match next(&mut by_one).await {
            Heard::Gap => gaps += 1,
            heard if heard == last => break,
            Heard::Message(_) => {}
        }
    }
    assert!(gaps > 0);
}

#[tokio::test]
async fn a_full_queue_drops_and_says_so() {
    let server = testkit::Redis::start();
    let redis = connect(&server.url()).await;
    let (one, _) = node(&redis, "one", 1).await;
    let (_other, mut by_other) = node(&redis, "other", 2).await;
    // Nothing is sent in between: this test has one thread.
    for number in 0..3_000 {
        one.publish(tags(&[&number.to_string()]));
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&Heard::Gap) {
        heard.push(next(&mut by_other).await);
    }
    assert!(heard.len() < 3_000);
}

#[tokio::test]
async fn a_node_alone_says_and_hears_nothing() {
    let bus = Bus::alone();
    let mut hearing = bus.subscribe();
    bus.publish(Message::Ledger);
    assert!(bus.hears());
    assert!(timeout(Duration::from_millis(20), hearing.next()).await.is_err());
    drop(bus);
    assert_eq!(hearing.next().await, None);
}
