//! Requests of the webhook, whose signature OpenSSL verifies.

use std::io::Write as _;
use std::process::{Command, Stdio};

use notify::NotificationKind;
use serde_json::{Value, json};
use testkit::{NotificationReceiver, ReceivedRequest};

use crate::{NOW, circuit, notifier, send, webhook};

/// The bytes of the secret in hexadecimal, by `base64 -d | xxd -p`.
const KEY: &str = "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0";

/// The signature by OpenSSL.
fn sign(request: &ReceivedRequest) -> String {
    let key = format!("hexkey:{KEY}");
    let script = "openssl dgst -sha256 -mac HMAC -macopt \"$0\" -binary | openssl base64 -A";
    let mut openssl = Command::new("sh");
    openssl.args(["-c", script, &key]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut openssl = openssl.spawn().expect("OpenSSL is installed");
    let (id, at) = (&request.headers["webhook-id"], &request.headers["webhook-timestamp"]);
    let mut input = openssl.stdin.take().expect("piped");
    write!(input, "{id}.{at}.{}", request.body).expect("written");
    drop(input);
    let output = openssl.wait_with_output().expect("it ends");
    format!("v1,{}", String::from_utf8(output.stdout).expect("base64").trim())
}

#[tokio::test]
async fn a_request_has_the_signature_that_openssl_computes() {
    let receiver = NotificationReceiver::start().await;
    let notifier = notifier(&webhook(receiver.url()));
    let sent = circuit(&notifier, NotificationKind::Opened);
    assert_eq!(send(&notifier, &sent).await, [("webhook", Ok(()))]);
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.headers["webhook-signature"], sign(request));
    assert_eq!(request.headers["webhook-id"], sent.id);
    assert_eq!(request.headers["webhook-timestamp"], NOW.seconds().to_string());
    assert_eq!(request.headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    let expected = json!({
        "type": "incident.opened",
        "timestamp": "2027-01-15T08:00:00.000000Z",
        "data": {
            "game": "school",
            "condition": "circuit_open:finnhub",
            "severity": "warning",
            "summary": "The circuit is open.",
            "since": "2027-01-15T07:59:00.000000Z",
            "node": "node-1",
        },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn each_kind_has_a_type() {
    let receiver = NotificationReceiver::start().await;
    let notifier = notifier(&webhook(receiver.url()));
    for kind in [NotificationKind::Opened, NotificationKind::Resolved, NotificationKind::Test] {
        send(&notifier, &circuit(&notifier, kind)).await;
    }
    let requests = receiver.requests();
    let types = requests.iter().map(|one| {
        let body: Value = serde_json::from_str(&one.body).expect("JSON");
        body["type"].as_str().expect("a text").to_owned()
    });
    assert_eq!(types.collect::<Vec<_>>(), ["incident.opened", "incident.resolved", "test"]);
    let mut ids: Vec<_> = requests.iter().map(|one| one.headers["webhook-id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each notification has an id of its own");
}
