//! The bus: which nodes receive a message, and that every possible loss is reported as a gap.

use cluster::{Bus, BusEvent, BusMessage, Redis, Subscription};
use testkit::SeededEntropy;
use tokio::time::timeout;

use crate::{PATIENCE, connect, until};

/// A node on the bus, with its subscription after the first gap.
async fn node(redis: &Redis, name: &str, seed: u64) -> (Bus, Subscription) {
    let bus = Bus::over(redis, name, &SeededEntropy::new(seed));
    until("a subscription", || bus.is_subscribed()).await;
    let mut subscription = bus.subscribe();
    assert_eq!(next(&mut subscription).await, BusEvent::Gap, "it missed the messages before");
    (bus, subscription)
}

async fn next(subscription: &mut Subscription) -> BusEvent {
    let event = timeout(PATIENCE, subscription.next()).await;
    event.expect("an event arrives").expect("the bus is there")
}

fn tags(tags: &[&str]) -> BusMessage {
    BusMessage::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())
}

/// The events received before a message that is published now.
async fn events_before(
    subscription: &mut Subscription,
    publisher: &Bus,
    mark: &str,
) -> Vec<BusEvent> {
    publisher.publish(tags(&[mark]));
    let mut before = Vec::new();
    loop {
        let event = next(subscription).await;
        if event == BusEvent::Message(tags(&[mark])) {
            return before;
        }
        before.push(event);
    }
}

#[tokio::test]
async fn other_nodes_receive_a_message_and_its_sender_does_not() {
    for server in [testkit::RedisServer::start(), testkit::RedisServer::start_cluster()] {
        let (first, second) = (connect(&server.url()).await, connect(&server.url()).await);
        // Two nodes of one name are two nodes.
        let (one, mut by_one) = node(&first, "node", 1).await;
        let (other, mut by_other) = node(&second, "node", 2).await;
        for message in
            [BusMessage::Ledger, BusMessage::Prices, BusMessage::Clock, tags(&["a", "b"])]
        {
            one.publish(message.clone());
            assert_eq!(next(&mut by_other).await, BusEvent::Message(message));
        }
        assert_eq!(events_before(&mut by_one, &other, "mark").await, []);
    }
}

#[tokio::test]
async fn many_ledger_messages_are_merged_and_the_last_is_received() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let (one, _) = node(&redis, "one", 1).await;
    let (_other, mut by_other) = node(&redis, "other", 2).await;
    let ledger = BusEvent::Message(BusMessage::Ledger);
    let began = tokio::time::Instant::now();
    let (mut published, mut received) = (0, 0);
    while received < 5 {
        one.publish(BusMessage::Ledger);
        published += 1;
        tokio::select! {
            biased;
            event = next(&mut by_other) => {
                assert_eq!(event, ledger);
                received += 1;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    let intervals = began.elapsed().as_millis() / 20;
    assert!(published > received && received <= intervals + 2, "{received} in {intervals}");
    let rest = events_before(&mut by_other, &one, "mark").await;
    assert!(rest.len() <= 2 && rest.iter().all(|event| *event == ledger), "{rest:?}");
    one.publish(BusMessage::Ledger);
    assert_eq!(next(&mut by_other).await, ledger);
}

#[tokio::test]
async fn a_lost_subscription_is_reported_as_a_gap() {
    let mut server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let (one, mut by_one) = node(&redis, "one", 1).await;
    let (other, _) = node(&redis, "other", 2).await;
    server.kill();
    until("both are disconnected", || !one.is_subscribed() && !other.is_subscribed()).await;
    server.restart();
    assert_eq!(next(&mut by_one).await, BusEvent::Gap);
    until("a subscription", || other.is_subscribed()).await;
    assert_eq!(events_before(&mut by_one, &other, "mark").await, []);
}

#[tokio::test]
async fn a_message_that_cannot_be_published_is_a_gap_for_other_nodes() {
    let server = testkit::RedisServer::start();
    let proxy = testkit::FaultProxy::start(([127, 0, 0, 1], server.port()).into());
    let cut_off = connect(&proxy.url_through(&server.url())).await;
    let (one, _) = node(&cut_off, "one", 1).await;
    let well = connect(&server.url()).await;
    let (_other, mut by_other) = node(&well, "other", 2).await;
    proxy.refuse();
    proxy.reset_all();
    until("an outage", || cut_off.outages() == 1).await;
    one.publish(tags(&["lost"]));
    one.publish(BusMessage::Prices);
    proxy.pass();
    assert_eq!(
        next(&mut by_other).await,
        BusEvent::Gap,
        "although its own subscription was never lost"
    );
    assert!(well.outages() == 0);
}

#[tokio::test]
async fn a_subscription_that_lags_receives_a_gap() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let (one, mut by_one) = node(&redis, "one", 1).await;
    let (other, _) = node(&redis, "other", 2).await;
    let mut witness = one.subscribe();
    for number in 0..3 {
        for part in 0..500 {
            other.publish(tags(&[&format!("{number}-{part}")]));
        }
        let last = BusEvent::Message(tags(&[&format!("{number}-499")]));
        while next(&mut witness).await != last {}
    }
    let last = BusEvent::Message(tags(&["2-499"]));
    let mut gaps = 0;
    loop {
        match next(&mut by_one).await {
            BusEvent::Gap => gaps += 1,
            event if event == last => break,
            BusEvent::Message(_) => {}
        }
    }
    assert!(gaps > 0);
}

#[tokio::test]
async fn a_full_queue_drops_messages_and_publishes_a_gap() {
    let server = testkit::RedisServer::start();
    let redis = connect(&server.url()).await;
    let (one, _) = node(&redis, "one", 1).await;
    let (_other, mut by_other) = node(&redis, "other", 2).await;
    // The publisher task does not run in between: this test has one thread.
    for number in 0..3_000 {
        one.publish(tags(&[&number.to_string()]));
    }
    let mut events = Vec::new();
    while events.last() != Some(&BusEvent::Gap) {
        events.push(next(&mut by_other).await);
    }
    assert!(events.len() < 3_000);
}

#[tokio::test]
async fn a_single_node_publishes_and_receives_nothing() {
    let bus = Bus::alone();
    let mut subscription = bus.subscribe();
    bus.publish(BusMessage::Ledger);
    assert!(bus.is_subscribed());
    drop(bus);
    assert_eq!(subscription.next().await, None, "the message would come before the end");
}
