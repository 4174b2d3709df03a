//! Queues and retries: a receiver that fails in any way gets each notification in the end, and
//! delays no other channel.

use std::sync::Mutex;

use notify::{
    CommandAttempt, ConditionKey, DeliveryError, Notification, NotificationKind, Notifier,
};
use serde_json::Value;
use testkit::{NotificationReceiver, ReceiverMode, eventually};

use crate::{circuit, notifier, pagerduty, send, start, webhook};

/// The types of the requests that the receiver got.
fn types(receiver: &NotificationReceiver) -> Vec<String> {
    let kind = |body: &str| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        body["type"].as_str().expect("a text").to_owned()
    };
    receiver.requests().iter().map(|request| kind(&request.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_retried_until_its_receiver_accepts_it() {
    let receiver = NotificationReceiver::start().await;
    receiver.script([
        ReceiverMode::Status(500),
        ReceiverMode::TooMany(1),
        ReceiverMode::Garbage,
        ReceiverMode::Hang,
    ]);
    let (notifier, _guard) = start(notifier(&webhook(receiver.url())));
    notifier.publish(&circuit(&notifier, NotificationKind::Opened));
    eventually("the fifth attempt", || receiver.requests().len() == 5);
    let requests = receiver.requests();
    let id = &requests[0].headers["webhook-id"];
    assert!(requests.iter().all(|request| &request.headers["webhook-id"] == id));
    // The queue is empty: the next notification is the next request.
    notifier.publish(&circuit(&notifier, NotificationKind::Resolved));
    eventually("the next notification", || receiver.requests().len() == 6);
    assert_eq!(types(&receiver)[4..], ["incident.opened", "incident.resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_state_replaces_one_that_was_not_delivered() {
    let receiver = NotificationReceiver::start().await;
    receiver.set_mode(ReceiverMode::Status(503));
    let (notifier, _guard) = start(notifier(&webhook(receiver.url())));
    notifier.publish(&circuit(&notifier, NotificationKind::Opened));
    eventually("an attempt", || !receiver.requests().is_empty());
    notifier.publish(&circuit(&notifier, NotificationKind::Resolved));
    eventually("the newer state", || types(&receiver).contains(&"incident.resolved".to_owned()));
    receiver.set_mode(ReceiverMode::Accept);
    let before = receiver.requests().len();
    eventually("another attempt", || receiver.requests().len() > before);
    assert!(types(&receiver)[before..].iter().all(|kind| kind == "incident.resolved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_other_channel() {
    let (hanging, working) =
        (NotificationReceiver::start().await, NotificationReceiver::start().await);
    hanging.set_mode(ReceiverMode::Hang);
    let mut config = pagerduty(hanging.url());
    config.channels.push("webhook".to_owned());
    config.webhook = webhook(working.url()).webhook;
    config.timeout_s = 60;
    let (notifier, _guard) = start(notifier(&config));
    assert_eq!(notifier.channels(), ["pagerduty", "webhook"]);
    for kind in [NotificationKind::Opened, NotificationKind::Resolved, NotificationKind::Opened] {
        let before = working.requests().len();
        notifier.publish(&circuit(&notifier, kind));
        eventually("the other channel", || working.requests().len() > before);
    }
    assert_eq!(hanging.requests().len(), 1, "its first attempt has not ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_gets_the_kinds_that_its_receivers_can_use() {
    let (events, hook) = (NotificationReceiver::start().await, NotificationReceiver::start().await);
    let mut config = pagerduty(events.url());
    config.channels.push("webhook".to_owned());
    config.webhook = webhook(hook.url()).webhook;
    let (notifier, _guard) = start(notifier(&config));
    publish_in_turn(&notifier, &events, NotificationKind::Cleared);
    publish_in_turn(&notifier, &events, NotificationKind::Repeated);
    notifier.publish(&circuit(&notifier, NotificationKind::Reminder));
    publish_in_turn(&notifier, &events, NotificationKind::Resolved);
    eventually("the webhook", || types(&hook) == ["incident.resolved"]);
    assert_eq!(events.requests().len(), 3);
}

fn publish_in_turn(notifier: &Notifier, receiver: &NotificationReceiver, kind: NotificationKind) {
    let before = receiver.requests().len();
    notifier.publish(&circuit(notifier, kind));
    eventually("the notification", || receiver.requests().len() > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_is_refused_delays_no_other_of_its_channel() {
    let receiver = NotificationReceiver::start().await;
    receiver.script([ReceiverMode::Unavailable(3_600)]);
    let (notifier, _guard) = start(notifier(&webhook(receiver.url())));
    notifier.publish(&circuit(&notifier, NotificationKind::Opened));
    eventually("the refused one", || receiver.requests().len() == 1);
    let condition = ConditionKey::parse("disk_full").expect("a key");
    let other = circuit(&notifier, NotificationKind::Opened);
    notifier.publish(&Notification { condition, ..other });
    eventually("the other one", || receiver.requests().len() == 2);
    assert!(receiver.requests()[1].body.contains("disk_full"), "the refused one waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_success_is_one_whatever_its_body_is() {
    let receiver = NotificationReceiver::start().await;
    receiver.script([ReceiverMode::Endless]);
    let notifier = notifier(&webhook(receiver.url()));
    let sent = send(&notifier, &circuit(&notifier, NotificationKind::Opened)).await;
    assert_eq!((sent, receiver.requests().len()), (vec![("webhook", Ok(()))], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reports_each_attempt_and_why_the_one_before_failed() {
    let receiver = NotificationReceiver::start().await;
    receiver.script([ReceiverMode::Hang, ReceiverMode::TooMany(1)]);
    let notifier = notifier(&webhook(receiver.url()));
    let attempts = Mutex::new(Vec::new());
    let note = |attempt: &CommandAttempt| attempts.lock().expect("noted").push(attempt.clone());
    notifier.send(&circuit(&notifier, NotificationKind::Opened), note).await;
    let attempts = attempts.into_inner().expect("noted");
    let reported = attempts.iter().map(|one| {
        let failure = one.failure.as_ref().map(DeliveryError::to_string);
        (one.channel, one.attempt, one.attempts_max, failure.unwrap_or_default())
    });
    let expected = [
        ("webhook", 1, 3, String::new()),
        ("webhook", 2, 3, "no response in time".to_owned()),
        ("webhook", 3, 3, "the receiver returned 429".to_owned()),
    ];
    assert_eq!(reported.collect::<Vec<_>>(), expected);
}
