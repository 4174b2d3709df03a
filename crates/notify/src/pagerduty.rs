//! PagerDuty, over the Events API v2
//! (<https://developer.pagerduty.com/docs/events-api-v2-overview>). Events with the same
//! deduplication key belong to one incident of PagerDuty.

use domain::Secret;
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::delivery_error::DeliveryError;
use crate::http;
use crate::notification::{Notification, NotificationKind};

/// The length of an integration key.
const KEY_LENGTH: usize = 32;
/// The longest summary that PagerDuty accepts, in characters.
const SUMMARY_LENGTH_MAX: usize = 1_024;

/// The section `[notify.pagerduty]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// The integration key of a service.
    pub routing_key: Secret,
    pub url: String,
}

impl Default for PagerDutyConfig {
    fn default() -> Self {
        let url = "https://events.pagerduty.com/v2/enqueue".to_owned();
        Self { routing_key: Secret::default(), url }
    }
}

pub(crate) struct PagerDutyChannel {
    client: Client,
    url: Url,
    key: Secret,
    /// The name of the game and of this node.
    game: String,
    node: String,
}

impl PagerDutyChannel {
    /// # Errors
    /// The setting that is wrong, and what was expected.
    pub(crate) fn new(
        config: &PagerDutyConfig,
        client: Client,
        (game, node): (&str, &str),
    ) -> Result<Self, (&'static str, &'static str)> {
        let url = http::parse_url(&config.url).map_err(|expected| ("url", expected))?;
        let key = config.routing_key.reveal();
        if key.len() != KEY_LENGTH || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let expected = "expected the 32 letters and digits of an integration key: add the \
                            integration \"Events API V2\" to a service of PagerDuty";
            return Err(("routing_key", expected));
        }
        let (key, game, node) = (config.routing_key.clone(), game.to_owned(), node.to_owned());
        Ok(Self { client, url, key, game, node })
    }

    pub(crate) async fn send(&self, notification: &Notification) -> Result<(), DeliveryError> {
        self.enqueue(self.event(notification)).await?;
        if notification.kind == NotificationKind::Test {
            // The incident of a test must not stay open.
            self.enqueue(self.resolve(notification)).await?;
        }
        Ok(())
    }

    async fn enqueue(&self, event: Value) -> Result<(), DeliveryError> {
        let body = event.to_string();
        let response = http::post(&self.client, &self.url, HeaderMap::new(), body).await?;
        let body = http::read(response).await?;
        // A proxy or a captive portal returns a status of success, too.
        let response = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        if response["status"] == "success" {
            return Ok(());
        }
        let reason = "the response is not one of PagerDuty".to_owned();
        Err(DeliveryError::Retry { reason, after: None })
    }

    fn event(&self, notification: &Notification) -> Value {
        match notification.kind {
            NotificationKind::Resolved | NotificationKind::Cleared => self.resolve(notification),
            NotificationKind::Opened
            | NotificationKind::Repeated
            | NotificationKind::Reminder
            | NotificationKind::Test => self.trigger(notification),
        }
    }

    fn trigger(&self, notification: &Notification) -> Value {
        let condition = notification.condition.as_str();
        let (class, component) = condition.split_once(':').unwrap_or((condition, "openbell"));
        let summary = format!("[{}] {}", self.game, notification.summary);
        json!({
            "routing_key": self.key.reveal(),
            "event_action": "trigger",
            "dedup_key": self.dedup_key(notification),
            "client": "Openbell",
            "payload": {
                "summary": summary.chars().take(SUMMARY_LENGTH_MAX).collect::<String>(),
                "source": self.game,
                "severity": notification.severity.as_str(),
                "timestamp": notification.at.to_string(),
                "component": component,
                "group": self.game,
                "class": class,
                "custom_details": {
                    "since": notification.since.to_string(),
                    "node": self.node,
                },
            },
        })
    }

    fn resolve(&self, notification: &Notification) -> Value {
        json!({
            "routing_key": self.key.reveal(),
            "event_action": "resolve",
            "dedup_key": self.dedup_key(notification),
        })
    }

    /// Equal on all nodes of a game.
    fn dedup_key(&self, notification: &Notification) -> String {
        format!("{}/{}", self.game, notification.condition)
    }
}
