//! Notification of operators by the program itself: incidents follow from conditions, and each
//! change of an incident goes to PagerDuty, a webhook or an e-mail server, with retries and without
//! delaying the caller. The server evaluates the conditions.

mod channel;
mod condition;
mod config;
mod delivery;
mod delivery_error;
mod http;
mod incident;
mod mail_connection;
mod mailbox;
mod metric_families;
mod notification;
mod notifier;
mod pagerduty;
mod severity;
mod smtp;
mod webhook;

pub use channel::NotifierError;
pub use condition::{ConditionError, ConditionKey, ConditionKind, Observations, RaisedCondition};
pub use config::NotifyConfig;
pub use delivery_error::DeliveryError;
pub use http::{client as http_client, parse_url as parse_receiver_url};
pub use incident::{Incident, IncidentTracker, LeaseOutcome};
pub use metric_families::METRIC_FAMILIES;
pub use notification::{Notification, NotificationKind};
pub use notifier::{CommandAttempt, Notifier, check_config, check_mail_server};
pub use pagerduty::PagerDutyConfig;
pub use severity::Severity;
pub use smtp::{MailTls, SmtpConfig};
pub use webhook::WebhookConfig;
