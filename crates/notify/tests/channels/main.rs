//! The channels against real receivers, which respond as they should or not at all.

mod delivery;
mod pagerduty;
mod smtp;
mod webhook;

use std::sync::Arc;

use domain::{Clock, Entropy, Secret, UnixMicros};
use notify::{
    ConditionKey, ConditionKind, DeliveryError, Notification, NotificationKind, Notifier,
    NotifyConfig, Severity,
};
use testkit::{ManualClock, SeededEntropy};
use tokio_util::sync::CancellationToken;

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// 2027-01-15T08:00:00Z
const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn notifier(config: &NotifyConfig) -> Notifier {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    Notifier::new(config, "node-1", &clock, &entropy).expect("good settings")
}

fn pagerduty(url: &str) -> NotifyConfig {
    let mut config = NotifyConfig { channels: vec!["pagerduty".to_owned()], ..base() };
    config.pagerduty.routing_key = Secret::new(ROUTING_KEY);
    config.pagerduty.url = url.to_owned();
    config
}

fn webhook(url: &str) -> NotifyConfig {
    let mut config = NotifyConfig { channels: vec!["webhook".to_owned()], ..base() };
    config.webhook.url = url.to_owned();
    config.webhook.secret = Secret::new(SECRET);
    config
}

fn base() -> NotifyConfig {
    NotifyConfig { game: "school".to_owned(), timeout_s: 1, ..NotifyConfig::default() }
}

/// A notification of an open circuit, which began a minute ago.
fn circuit(notifier: &Notifier, kind: NotificationKind) -> Notification {
    let key = ConditionKey::of_part(ConditionKind::CircuitOpen, "finnhub");
    let summary = "The circuit is open.".to_owned();
    let made = notifier.notification(kind, key, Severity::Warning, summary);
    Notification { since: NOW.plus_seconds(-60), ..made }
}

/// Delivers in tasks of their own until the value is dropped.
fn start(notifier: Notifier) -> (Arc<Notifier>, tokio_util::sync::DropGuard) {
    let (notifier, stop) = (Arc::new(notifier), CancellationToken::new());
    let (running, stopped) = (Arc::clone(&notifier), stop.clone());
    tokio::spawn(async move { running.run(stopped).await });
    (notifier, stop.drop_guard())
}

/// Delivers as a command does.
async fn send(
    notifier: &Notifier,
    notification: &Notification,
) -> Vec<(&'static str, Result<(), DeliveryError>)> {
    notifier.send(notification, |_| ()).await
}
