//! Events for PagerDuty.

use notify::{DeliveryError, NotificationKind};
use serde_json::{Value, json};
use testkit::{NotificationReceiver, ReceiverMode};

use crate::{ROUTING_KEY, circuit, notifier, pagerduty, send};

fn bodies(receiver: &NotificationReceiver) -> Vec<Value> {
    let requests = receiver.requests();
    requests.iter().map(|one| serde_json::from_str(&one.body).expect("JSON")).collect()
}

#[tokio::test]
async fn an_incident_is_triggered_and_resolved_under_the_same_key() {
    let receiver = NotificationReceiver::start().await;
    let notifier = notifier(&pagerduty(receiver.url()));
    for kind in [NotificationKind::Opened, NotificationKind::Repeated, NotificationKind::Resolved] {
        assert_eq!(send(&notifier, &circuit(&notifier, kind)).await, [("pagerduty", Ok(()))]);
    }
    let [opened, repeated, resolved] = &bodies(&receiver)[..] else { panic!("three requests") };
    let expected = json!({
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "school/circuit_open:finnhub",
        "client": "Openbell",
        "payload": {
            "summary": "[school] The circuit is open.",
            "source": "school",
            "severity": "warning",
            "timestamp": "2027-01-15T08:00:00.000000Z",
            "component": "finnhub",
            "group": "school",
            "class": "circuit_open",
            "custom_details": { "since": "2027-01-15T07:59:00.000000Z", "node": "node-1" },
        },
    });
    assert_eq!((opened, repeated), (&expected, &expected));
    let expected = json!({
        "routing_key": ROUTING_KEY,
        "event_action": "resolve",
        "dedup_key": "school/circuit_open:finnhub",
    });
    assert_eq!(resolved, &expected);
}

#[tokio::test]
async fn the_incident_of_a_test_is_resolved_at_once() {
    let receiver = NotificationReceiver::start().await;
    let notifier = notifier(&pagerduty(receiver.url()));
    send(&notifier, &circuit(&notifier, NotificationKind::Test)).await;
    let actions: Vec<Value> =
        bodies(&receiver).iter().map(|body| body["event_action"].clone()).collect();
    assert_eq!(actions, ["trigger", "resolve"]);
}

#[tokio::test]
async fn a_malformed_event_is_rejected_once_and_a_page_of_a_proxy_is_no_success() {
    let receiver = NotificationReceiver::start().await;
    let notifier = notifier(&pagerduty(receiver.url()));
    receiver.set_mode(ReceiverMode::Status(400));
    let outcome = send(&notifier, &circuit(&notifier, NotificationKind::Opened)).await;
    let reason = "the receiver returned 400".to_owned();
    assert_eq!(outcome, [("pagerduty", Err(DeliveryError::Rejected { reason }))]);
    assert_eq!(receiver.requests().len(), 1, "it is not retried");
    receiver.set_mode(ReceiverMode::Status(200));
    let outcome = send(&notifier, &circuit(&notifier, NotificationKind::Opened)).await;
    let reason = "the response is not one of PagerDuty".to_owned();
    assert_eq!(outcome, [("pagerduty", Err(DeliveryError::Retry { reason, after: None }))]);
    assert_eq!(receiver.requests().len(), 4, "it is retried twice");
}
