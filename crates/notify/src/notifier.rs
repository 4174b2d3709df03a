//! The configured channels: publishes notifications to all of them without waiting.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Entropy};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::channel::{Channel, NotifierError};
use crate::condition::ConditionKey;
use crate::config::NotifyConfig;
use crate::delivery::Delivery;
use crate::delivery_error::DeliveryError;
use crate::notification::{Notification, NotificationKind};
use crate::severity::Severity;
use crate::smtp::SmtpChannel;

/// Attempts of a command.
const COMMAND_ATTEMPTS: u32 = 3;

/// The configured channels. Shared between tasks behind an `Arc`.
pub struct Notifier {
    channels: Vec<Arc<Delivery>>,
    /// The names of the game and of this node.
    game: String,
    node: String,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Notifier {
    /// Sets up the channels; `node` is the name of this process in notifications.
    ///
    /// # Errors
    /// A setting is missing or malformed.
    pub fn new(
        config: &NotifyConfig,
        node: &str,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, NotifierError> {
        let timeout = Duration::from_secs(config.timeout_s);
        let delivery = |channel| {
            Arc::new(Delivery::new(channel, timeout, Arc::clone(clock), Arc::clone(entropy)))
        };
        let channels = Channel::open_all(config, (config.game.as_str(), node), timeout)?;
        Ok(Self {
            channels: channels.into_iter().map(delivery).collect(),
            game: config.game.clone(),
            node: node.to_owned(),
            timeout,
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        })
    }

    /// Delivers over the section `name` of another configuration from now on, also what waits
    /// already. False if this channel is not open.
    ///
    /// # Errors
    /// A setting of the section is missing or malformed; the channel stays as it is.
    pub fn replace_channel(
        &self,
        name: &str,
        config: &NotifyConfig,
    ) -> Result<bool, NotifierError> {
        let Some(delivery) = self.channels.iter().find(|channel| channel.name() == name) else {
            return Ok(false);
        };
        let names = (self.game.as_str(), self.node.as_str());
        delivery.replace(Channel::open(delivery.name(), config, names, self.timeout)?);
        Ok(true)
    }

    /// The names of the configured channels.
    pub fn channels(&self) -> Vec<&'static str> {
        self.channels.iter().map(|channel| channel.name()).collect()
    }

    /// A notification that begins now; its other fields are set by the caller.
    pub fn notification(
        &self,
        kind: NotificationKind,
        condition: ConditionKey,
        severity: Severity,
        summary: String,
    ) -> Notification {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let (id, at) = (format!("msg_{}", hex::encode(random)), self.clock.now());
        Notification { id, kind, condition, severity, summary, since: at, at }
    }

    /// Queues a notification for all channels. Never waits.
    pub fn publish(&self, notification: &Notification) {
        self.channels.iter().for_each(|channel| channel.push(notification));
    }

    /// Delivers what is published until `stop` is cancelled, and then for a moment what is left.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for channel in &self.channels {
            let (channel, stop) = (Arc::clone(channel), stop.clone());
            tasks.spawn(async move { channel.run(stop).await });
        }
        tasks.join_all().await;
    }

    /// Delivers a notification by a command, past the queues, and returns the outcome of each
    /// channel. `on_attempt` is called before each attempt.
    pub async fn send(
        &self,
        notification: &Notification,
        on_attempt: impl Fn(&CommandAttempt),
    ) -> Vec<(&'static str, Result<(), DeliveryError>)> {
        let mut outcomes = Vec::new();
        for channel in &self.channels {
            outcomes.push((channel.name(), send_to(channel, notification, &on_attempt).await));
        }
        outcomes
    }
}

/// An attempt of a command to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandAttempt {
    pub channel: &'static str,
    /// From 1 to `attempts_max`.
    pub attempt: u32,
    pub attempts_max: u32,
    /// The longest time of this attempt.
    pub timeout: Duration,
    /// Why the attempt before failed.
    pub failure: Option<DeliveryError>,
}

async fn send_to(
    channel: &Delivery,
    notification: &Notification,
    on_attempt: &impl Fn(&CommandAttempt),
) -> Result<(), DeliveryError> {
    let (mut attempt, mut failure) = (1, None);
    loop {
        on_attempt(&CommandAttempt {
            channel: channel.name(),
            attempt,
            attempts_max: COMMAND_ATTEMPTS,
            timeout: channel.timeout(),
            failure,
        });
        let outcome = channel.attempt(notification).await;
        let is_final = matches!(outcome, Ok(()) | Err(DeliveryError::Rejected { .. }));
        if attempt == COMMAND_ATTEMPTS || is_final {
            return outcome;
        }
        failure = outcome.err();
        tokio::time::sleep(channel.backoff(attempt)).await;
        attempt += 1;
    }
}

/// Checks the settings of the configured channels.
///
/// # Errors
/// A setting is missing or malformed; the text has its key and what was expected.
pub fn check_config(config: &NotifyConfig) -> Result<(), NotifierError> {
    Channel::open_all(config, ("", ""), Duration::from_secs(config.timeout_s))?;
    Ok(())
}

/// Connects to the mail server with the configured encryption and authentication, and sends no
/// message. `None` unless `notify.channels` has `smtp`.
pub async fn check_mail_server(config: &NotifyConfig) -> Option<Result<(), DeliveryError>> {
    if !config.channels.iter().any(|name| name == "smtp") {
        return None;
    }
    let timeout = Duration::from_secs(config.timeout_s);
    let channel = SmtpChannel::new(&config.smtp, ("", "")).map_err(|(key, expected)| {
        DeliveryError::Rejected { reason: format!("notify.smtp.{key}: {expected}") }
    });
    Some(match channel {
        Ok(channel) => channel.check(timeout).await,
        Err(error) => Err(error),
    })
}
