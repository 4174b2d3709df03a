//! One way to reach operators: PagerDuty, a webhook or e-mail.

use std::time::Duration;

use domain::UnixMicros;
use thiserror::Error;

use crate::config::{CHANNEL_NAMES, NotifyConfig};
use crate::delivery_error::DeliveryError;
use crate::http;
use crate::notification::{Notification, NotificationKind};
use crate::pagerduty::PagerDutyChannel;
use crate::smtp::SmtpChannel;
use crate::webhook::WebhookChannel;

/// Why the channels cannot be set up.
#[derive(Debug, Error)]
pub enum NotifierError {
    #[error("notify.{channel}.{key}: {expected}")]
    Setting { channel: &'static str, key: &'static str, expected: &'static str },
    #[error("cannot set up the HTTP client of the notification channels")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) enum Channel {
    PagerDuty(PagerDutyChannel),
    Webhook(WebhookChannel),
    Smtp(SmtpChannel),
}

impl Channel {
    /// The configured channels, in the order of [`CHANNEL_NAMES`].
    pub(crate) fn open_all(
        config: &NotifyConfig,
        names: (&str, &str),
        timeout: Duration,
    ) -> Result<Vec<Self>, NotifierError> {
        let is_configured =
            |name: &&'static str| config.channels.iter().any(|configured| configured == name);
        let configured = CHANNEL_NAMES.into_iter().filter(is_configured);
        configured.map(|name| Self::open(name, config, names, timeout)).collect()
    }

    /// The channel of this name, whether it is configured or not; `names` are those of the game and
    /// of this node.
    pub(crate) fn open(
        name: &'static str,
        config: &NotifyConfig,
        names: (&str, &str),
        timeout: Duration,
    ) -> Result<Self, NotifierError> {
        let client = || http::client(timeout).map_err(NotifierError::Client);
        let channel = match name {
            "pagerduty" => {
                PagerDutyChannel::new(&config.pagerduty, client()?, names).map(Self::PagerDuty)
            }
            "webhook" => WebhookChannel::new(&config.webhook, client()?, names).map(Self::Webhook),
            _ => SmtpChannel::new(&config.smtp, names).map(Self::Smtp),
        };
        let setting = |(key, expected)| NotifierError::Setting { channel: name, key, expected };
        channel.map_err(setting)
    }

    pub(crate) fn name(&self) -> &'static str {
        let [pagerduty, webhook, smtp] = CHANNEL_NAMES;
        match self {
            Self::PagerDuty(_) => pagerduty,
            Self::Webhook(_) => webhook,
            Self::Smtp(_) => smtp,
        }
    }

    /// Whether its receivers get notifications of this kind.
    pub(crate) fn accepts(&self, kind: NotificationKind) -> bool {
        match kind {
            NotificationKind::Opened | NotificationKind::Resolved | NotificationKind::Test => true,
            NotificationKind::Repeated | NotificationKind::Cleared => {
                matches!(self, Self::PagerDuty(_))
            }
            NotificationKind::Reminder => matches!(self, Self::Smtp(_)),
        }
    }

    /// Tries once.
    pub(crate) async fn send(
        &self,
        notification: &Notification,
        now: UnixMicros,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::PagerDuty(channel) => channel.send(notification).await,
            Self::Webhook(channel) => channel.send(notification, now).await,
            Self::Smtp(channel) => channel.send(notification).await,
        }
    }
}
