//! Notification of operators by the real binary: a circuit that opens, a database that stops, a
//! receiver that hangs, and the commands.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{FakeMode, NotificationReceiver, Postgres, ReceiverMode, eventually};

use crate::live::listed;
use crate::server::{Server, error_line, openbell};

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Both channels over HTTP, and incidents without waits.
fn settings(events: &NotificationReceiver, hook: &str) -> Vec<(&'static str, String)> {
    vec![
        ("OPENBELL__NOTIFY__CHANNELS", "[\"pagerduty\", \"webhook\"]".to_owned()),
        ("OPENBELL__NOTIFY__GAME", "school".to_owned()),
        ("OPENBELL__NOTIFY__TIMEOUT_S", "1".to_owned()),
        ("OPENBELL__NOTIFY__RESOLVE_AFTER_S", "1".to_owned()),
        ("OPENBELL__NOTIFY__CIRCUIT_OPEN_AFTER_S", "1".to_owned()),
        ("OPENBELL__NOTIFY__DATABASE_AWAY_AFTER_S", "0".to_owned()),
        ("OPENBELL__NOTIFY__DISK_FREE_MIN", "0".to_owned()),
        ("OPENBELL__NOTIFY__PAGERDUTY__ROUTING_KEY", ROUTING_KEY.to_owned()),
        ("OPENBELL__NOTIFY__PAGERDUTY__URL", events.url().to_owned()),
        ("OPENBELL__NOTIFY__WEBHOOK__URL", hook.to_owned()),
        ("OPENBELL__NOTIFY__WEBHOOK__SECRET", SECRET.to_owned()),
    ]
}

fn start(args: &[&str], settings: &[(&'static str, String)]) -> Server {
    Server::start_at("127.0.0.1:0", args, |command| {
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    })
}

/// Action and key of each event that PagerDuty got.
fn events(receiver: &NotificationReceiver) -> Vec<String> {
    let event = |body: &str| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        format!("{} {}", text("event_action"), text("dedup_key"))
    };
    receiver.requests().iter().map(|request| event(&request.body)).collect()
}

fn count(receiver: &NotificationReceiver, event: &str) -> usize {
    events(receiver).iter().filter(|found| *found == event).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_circuit_is_reported_and_resolved_and_a_receiver_that_hangs_delays_no_trade() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, mut settings) = listed(dir.path()).await;
    let (receiver, hanging) =
        (NotificationReceiver::start().await, NotificationReceiver::start().await);
    hanging.set_mode(ReceiverMode::Hang);
    settings.extend(self::settings(&receiver, hanging.url()));
    let data_dir = dir.path().display().to_string();
    let server = start(&["--data-dir", &data_dir], &settings);
    let token = server.register("ada");
    fake.set_mode(FakeMode::Hang);
    let opened = "trigger school/circuit_open:finnhub";
    eventually("the circuit is reported", || count(&receiver, opened) == 1);
    eventually("the hanging receiver was tried", || {
        server.metric("notifications_total{channel=\"webhook\",result=\"retried\"}") > 0
    });
    for _ in 0..20 {
        assert_eq!(buy(&server, &token), 200);
    }

    fake.set_mode(FakeMode::Healthy);
    let resolved = "resolve school/circuit_open:finnhub";
    eventually("the circuit is closed", || {
        for symbol in ["AAPL", "MSFT"] {
            fake.set_price(symbol, "190.25", crate::live::now());
        }
        count(&receiver, resolved) == 1
    });
    assert_eq!(count(&receiver, opened), 1, "{:?}", events(&receiver));
    let delivered = |channel: &str| {
        server.metric(&format!("notifications_total{{channel={channel:?},result=\"delivered\"}}"))
    };
    eventually("both are counted", || delivered("pagerduty") == 2);
    let (_, metrics) = server.get("/metrics");
    let untouched = "openbell_notifications_total{channel=\"smtp\",result=\"rejected\"} 0";
    assert!(metrics.as_str().is_some_and(|text| text.contains(untouched)), "{metrics}");

    hanging.set_mode(ReceiverMode::Accept);
    eventually("the hanging receiver gets the newest state only", || delivered("webhook") == 1);
    let last = hanging.requests().pop().expect("a request");
    assert!(last.body.contains("incident.resolved"), "{}", last.body);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_is_reported_by_each_node_and_resolved_after_its_restart() {
    let receiver = NotificationReceiver::start().await;
    let mut postgres = Postgres::start();
    let url = postgres.fresh_database();
    let settings = settings(&receiver, receiver.url());
    let nodes = [start(&["--database", &url], &settings), start(&["--database", &url], &settings)];
    let key = "school/database_away";
    eventually("earlier outages are resolved", || {
        count_pagerduty(&receiver, &format!("resolve {key}")) == 2
    });
    postgres.stop_hard();
    eventually("each node reports it", || {
        count_pagerduty(&receiver, &format!("trigger {key}")) == 2
    });
    postgres.start_again();
    eventually("one node or both resolve it", || {
        count_pagerduty(&receiver, &format!("resolve {key}")) > 2
    });
    for node in nodes {
        node.stop();
    }
}

/// As `count`, where the webhook has the same address.
fn count_pagerduty(receiver: &NotificationReceiver, event: &str) -> usize {
    let requests = receiver.requests();
    let bodies = requests.iter().filter(|one| !one.headers.contains_key("webhook-id"));
    let bodies = bodies.map(|one| serde_json::from_str::<Value>(&one.body).expect("JSON"));
    let is_event = |body: &Value| {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("event_action"), text("dedup_key")) == event
    };
    bodies.filter(is_event).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_nodes_reports_an_incident_and_another_process_resolves_it_after_its_end() {
    let receiver = NotificationReceiver::start().await;
    let backups = tempfile::tempdir().expect("a directory");
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let mut settings = settings(&receiver, receiver.url());
    settings.push(("OPENBELL__BACKUP__DIR", backups.path().display().to_string()));
    let start = || start(&["--database", &url], &settings);
    let nodes = [start(), start()];
    let opened = "trigger school/backup_old";
    eventually("a node reports it", || count_pagerduty(&receiver, opened) > 0);
    eventually("both have evaluated the conditions", || {
        let runs = "openbell_reconciler_runs_total{name=\"watch_conditions\",outcome=\"ok\"}";
        nodes.iter().all(|node| node.metric(runs) >= 3)
    });
    assert_eq!(count_pagerduty(&receiver, opened), 1, "the other one leaves it to that node");
    for node in nodes {
        node.kill();
    }
    std::fs::write(backups.path().join("backup.json"), "{}").expect("written");
    let node = start();
    eventually("it is resolved", || count_pagerduty(&receiver, "resolve school/backup_old") == 1);
    assert_eq!(count_pagerduty(&receiver, opened), 1);
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_report_the_result_of_each_channel() {
    let (events, hook) = (NotificationReceiver::start().await, NotificationReceiver::start().await);
    let settings = settings(&events, hook.url());
    let (code, text) = command(&["notify", "test"], &settings);
    assert_eq!((code, text.as_str()), (0, "pagerduty: delivered\nwebhook: delivered\n"));
    let line = ["notify", "send", "--condition", "backup_failed", "--summary", "It failed."];
    let (code, text) = command(&line, &settings);
    assert_eq!((code, text.as_str()), (0, "pagerduty: delivered\nwebhook: delivered\n"));
    let (code, _) =
        command(&["notify", "send", "--condition", "backup_failed", "--resolve"], &settings);
    assert_eq!(code, 0);
    assert_eq!(
        self::events(&events),
        [
            "trigger school/test",
            "resolve school/test",
            "trigger school/backup_failed",
            "resolve school/backup_failed",
        ]
    );
    hook.set_mode(ReceiverMode::Status(404));
    let (code, text) = command(&["notify", "test"], &settings);
    let failed = "webhook: failed: the receiver returned 404; check the settings of the channel\n";
    assert_eq!((code, text), (1, format!("pagerduty: delivered\n{failed}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_refused_with_what_was_expected() {
    let events = NotificationReceiver::start().await;
    let settings = settings(&events, "https://example.org/hook");
    let refused = |args: &[&str], name: &'static str, value: &str| {
        let mut settings = settings.clone();
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value.to_owned()));
        let mut command = openbell(args);
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        error_line(&command.output().expect("it runs"))
    };
    for (name, value, expected) in [
        ("OPENBELL__NOTIFY__PAGERDUTY__ROUTING_KEY", "", "notify.pagerduty.routing_key: expected"),
        ("OPENBELL__NOTIFY__WEBHOOK__URL", "http://example.org", "notify.webhook.url: expected"),
        ("OPENBELL__NOTIFY__WEBHOOK__SECRET", "s3cret-text", "notify.webhook.secret: expected"),
        ("OPENBELL__NOTIFY__CHANNELS", "[\"smtp\"]", "notify.smtp.host: expected the name"),
        ("OPENBELL__NOTIFY__CHANNELS", "[\"sms\"]", "expected a list of \"pagerduty\", "),
    ] {
        let text = refused(&["check-config"], name, value);
        assert!(text.contains(expected), "{name}: {text}");
        assert!(!text.contains("s3cret-text"), "{text}");
    }
    let text = refused(&["notify", "test"], "OPENBELL__NOTIFY__CHANNELS", "[]");
    assert!(text.contains("there is no channel to notify"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_whatever_the_receiver_responds() {
    let receiver = NotificationReceiver::start().await;
    receiver.script([
        ReceiverMode::Status(400),
        ReceiverMode::Garbage,
        ReceiverMode::Status(500),
        ReceiverMode::Hang,
    ]);
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let hook = format!("{}/a-secret-path", receiver.url());
    let mut settings = settings(&receiver, &hook);
    settings.push(("OPENBELL__BACKUP__DIR", dir.path().display().to_string()));
    settings.push(("OPENBELL__LOG__LEVEL", "debug".to_owned()));
    let data_dir = dir.path().join("data").display().to_string();
    let file = std::fs::File::create(&log).expect("made");
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data_dir], |command| {
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        command.stderr(file);
    });
    eventually("all modes were used", || receiver.requests().len() >= 5);
    server.stop();
    let text = read(&log);
    assert!(text.contains("notification"), "{text}");
    for secret in [ROUTING_KEY, SECRET, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a-secret-path"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}

/// Runs a command; its exit code and its output.
fn command(args: &[&str], settings: &[(&'static str, String)]) -> (i32, String) {
    let mut command = openbell(args);
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().expect("it exits"), text)
}

fn buy(server: &Server, token: &str) -> u16 {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    server.ask("POST", "/api/portfolio/buy", token, Some(&order)).0
}
