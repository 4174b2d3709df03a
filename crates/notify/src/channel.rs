//! One way to reach operators, and why a delivery failed.

use std::time::Duration;

use domain::UnixMicros;
use thiserror::Error;

use crate::notification::{Notification, NotificationKind};
use crate::pagerduty::PagerDutyChannel;
use crate::smtp::SmtpChannel;
use crate::webhook::WebhookChannel;

/// Why a notification was not delivered. The texts contain no secret, address or URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// A later attempt may succeed.
    #[error("{reason}")]
    Retry {
        reason: String,
        /// The wait that the receiver requested.
        after: Option<Duration>,
    },
    /// The receiver does not accept it.
    #[error("{reason}; check the settings of the channel")]
    Rejected { reason: String },
}

pub(crate) enum Channel {
    PagerDuty(PagerDutyChannel),
    Webhook(WebhookChannel),
    Smtp(SmtpChannel),
}

impl Channel {
    /// The names in the configuration and in metrics.
    pub(crate) const NAMES: [&'static str; 3] = ["pagerduty", "webhook", "smtp"];

    pub(crate) fn name(&self) -> &'static str {
        let [pagerduty, webhook, smtp] = Self::NAMES;
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
