//! A receiver of one's own, with signatures by the specification of Standard Webhooks
//! (<https://www.standardwebhooks.com>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Secret, UnixMicros};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use crate::delivery_error::DeliveryError;
use crate::http;
use crate::notification::{Notification, NotificationKind};

/// The prefix of a secret, and the lengths of its bytes.
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The section `[notify.webhook]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    pub url: String,
    /// `whsec_` and the bytes of the key in base64.
    pub secret: Secret,
}

pub(crate) struct WebhookChannel {
    client: Client,
    url: Url,
    mac: Hmac<Sha256>,
    /// The name of the game and of this node.
    game: String,
    node: String,
}

impl WebhookChannel {
    /// # Errors
    /// The setting that is wrong, and what was expected.
    pub(crate) fn new(
        config: &WebhookConfig,
        client: Client,
        (game, node): (&str, &str),
    ) -> Result<Self, (&'static str, &'static str)> {
        let url = http::parse_url(&config.url).map_err(|expected| ("url", expected))?;
        let mac = read_secret(&config.secret).ok_or((
            "secret",
            "expected whsec_ and 24 to 64 bytes in base64, which both sides know: make one with \
             echo \"whsec_$(openssl rand -base64 32)\"",
        ))?;
        Ok(Self { client, url, mac, game: game.to_owned(), node: node.to_owned() })
    }

    pub(crate) async fn send(
        &self,
        notification: &Notification,
        now: UnixMicros,
    ) -> Result<(), DeliveryError> {
        let body = self.body(notification);
        // Receivers reject old timestamps, so it is that of the attempt.
        let headers = self.headers(&notification.id, now.seconds(), &body)?;
        http::post(&self.client, &self.url, headers, body).await?;
        Ok(())
    }

    fn body(&self, notification: &Notification) -> String {
        let kind = match notification.kind {
            NotificationKind::Resolved | NotificationKind::Cleared => "incident.resolved",
            NotificationKind::Test => "test",
            NotificationKind::Opened | NotificationKind::Repeated | NotificationKind::Reminder => {
                "incident.opened"
            }
        };
        let body = json!({
            "type": kind,
            "timestamp": notification.at.to_string(),
            "data": {
                "game": self.game,
                "condition": notification.condition.as_str(),
                "severity": notification.severity.as_str(),
                "summary": notification.summary,
                "since": notification.since.to_string(),
                "node": self.node,
            },
        });
        body.to_string()
    }

    fn headers(&self, id: &str, seconds: i64, body: &str) -> Result<HeaderMap, DeliveryError> {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
        ] {
            let value = HeaderValue::from_str(value).map_err(|_| {
                let reason = format!("{name} cannot be a header");
                DeliveryError::Rejected { reason }
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

fn read_secret(secret: &Secret) -> Option<Hmac<Sha256>> {
    let bytes = STANDARD.decode(secret.reveal().strip_prefix(SECRET_PREFIX)?).ok()?;
    let is_long = SECRET_BYTES.contains(&bytes.len());
    is_long.then(|| Hmac::new_from_slice(&bytes).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the specification's test suite.
    #[test]
    fn the_signature_of_the_specification_is_made() {
        let config = WebhookConfig {
            url: "https://example.org/hook".to_owned(),
            secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        };
        let client = http::client(std::time::Duration::from_secs(1)).unwrap();
        let channel = WebhookChannel::new(&config, client, ("game", "node")).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let headers = channel.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers["webhook-signature"], signature);
        assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
    }

    #[test]
    fn a_short_or_malformed_secret_is_rejected() {
        let read = |text: &str| read_secret(&Secret::new(text)).is_some();
        assert!(read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!"]
        {
            assert!(!read(text), "{text}");
        }
    }
}
