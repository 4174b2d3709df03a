//! Delivers the notifications of one channel, in a task of its own: attempts with a timeout,
//! retries with backoff, and a limit on both. A receiver that fails delays this channel only, and a
//! notification that is refused delays no other.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::{Clock, Entropy};
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::delivery_error::DeliveryError;
use crate::mailbox::{Enqueued, Mailbox, Queued};
use crate::notification::Notification;

/// The backoff before the second attempt; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// After so many attempts, in an hour and a half to two hours, a notification is abandoned.
const ATTEMPTS_MAX: u32 = 24;
/// How long the last notifications are delivered after the process has begun to stop.
const LAST_DELIVERIES: Duration = Duration::from_secs(2);

/// The results in metrics.
pub(crate) const RESULTS: [&str; 5] = ["delivered", "retried", "rejected", "abandoned", "dropped"];

/// A channel and its queue.
pub(crate) struct Delivery {
    /// Replaced while an attempt may be running.
    channel: ArcSwap<Channel>,
    mailbox: Mailbox,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Delivery {
    pub(crate) fn new(
        channel: Channel,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            channel: ArcSwap::from_pointee(channel),
            mailbox: Mailbox::default(),
            timeout,
            clock,
            entropy,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.channel.load().name()
    }

    /// The longest time of an attempt.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Delivers over another channel of the same name, and retries at once what waits.
    pub(crate) fn replace(&self, channel: Channel) {
        self.channel.store(Arc::new(channel));
        self.mailbox.retry_now();
    }

    /// Adds a notification to the queue, if the channel is for its kind.
    pub(crate) fn push(&self, notification: &Notification) {
        if !self.channel.load().accepts(notification.kind) {
            return;
        }
        if self.mailbox.push(notification) == Enqueued::Dropped {
            self.count("dropped");
            let (channel, condition) = (self.name(), &notification.condition);
            tracing::error!(channel, %condition, "notification dropped: the queue is full");
        }
    }

    /// Delivers until `stop` is cancelled, and then for a moment what is left.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let deliver = async {
            loop {
                self.deliver_next().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = deliver => {}
        }
        self.mailbox.retry_now();
        let finish = async {
            while !self.mailbox.is_empty() {
                self.deliver_next().await;
            }
        };
        let _ = tokio::time::timeout(LAST_DELIVERIES, finish).await;
    }

    /// Waits for the next notification that is due, and tries to deliver it.
    async fn deliver_next(&self) {
        let Queued { number, notification, attempts, .. } = self.mailbox.next().await;
        let outcome = self.attempt(&notification).await;
        let is_throttled = matches!(outcome, Err(DeliveryError::Throttled { .. }));
        let Some(wait) = self.conclude(&notification, outcome, attempts + 1) else {
            return self.mailbox.remove(number);
        };
        self.mailbox.postpone(number, wait);
        if is_throttled {
            self.mailbox.pause(wait);
        }
    }

    /// Tries once, within the timeout.
    pub(crate) async fn attempt(&self, notification: &Notification) -> Result<(), DeliveryError> {
        let channel = self.channel.load_full();
        let sending = channel.send(notification, self.clock.now());
        let sent = tokio::time::timeout(self.timeout, sending).await;
        let reason = || "no response in time".to_owned();
        sent.unwrap_or_else(|_| Err(DeliveryError::Retry { reason: reason(), after: None }))
    }

    /// Counts and logs the outcome of an attempt. Returns how long to wait for the next one; `None`
    /// after the last.
    fn conclude(
        &self,
        notification: &Notification,
        outcome: Result<(), DeliveryError>,
        attempt: u32,
    ) -> Option<Duration> {
        let (channel, condition) = (self.name(), &notification.condition);
        let (reason, after) = match outcome {
            Ok(()) => {
                self.count("delivered");
                let kind = notification.kind;
                tracing::info!(channel, %condition, ?kind, "notification delivered");
                return None;
            }
            Err(DeliveryError::Rejected { reason }) => {
                self.count("rejected");
                tracing::error!(
                    channel, %condition, reason,
                    "notification rejected: check the settings with `openbell notify test`"
                );
                return None;
            }
            Err(
                DeliveryError::Retry { reason, after } | DeliveryError::Throttled { reason, after },
            ) => (reason, after),
        };
        if attempt == ATTEMPTS_MAX {
            self.count("abandoned");
            tracing::error!(channel, %condition, reason, attempt, "notification abandoned");
            return None;
        }
        self.count("retried");
        if attempt == 1 {
            tracing::warn!(channel, %condition, reason, "notification failed; it is retried");
        }
        Some(self.backoff(attempt).max(after.unwrap_or_default()))
    }

    /// Between half of the backoff and all of it, at random, so that nodes do not retry together.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        let backoff = BACKOFF_MIN.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_MAX);
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        let half = backoff / 2;
        let millis = u64::from(u32::from_be_bytes(random)) % (millis(half) + 1);
        half + Duration::from_millis(millis)
    }

    fn count(&self, result: &'static str) {
        let labels = [("channel", self.name()), ("result", result)];
        metrics::counter!("openbell_notifications_total", &labels).increment(1);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use testkit::{ManualClock, SeededEntropy};

    use super::*;
    use crate::condition::ConditionKey;
    use crate::notification::NotificationKind;
    use crate::severity::Severity;
    use crate::webhook::{WebhookChannel, WebhookConfig};

    fn delivery() -> Delivery {
        let config = WebhookConfig {
            url: "https://example.org/hook".to_owned(),
            secret: domain::Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        };
        let client = crate::http::client(Duration::from_secs(1)).unwrap();
        let channel = WebhookChannel::new(&config, client, ("game", "node")).unwrap();
        let (clock, entropy) = (ManualClock::new(), SeededEntropy::new(1));
        let channel = Channel::Webhook(channel);
        Delivery::new(channel, Duration::from_secs(1), Arc::new(clock), Arc::new(entropy))
    }

    #[test]
    fn the_backoff_doubles_to_a_limit_and_half_of_it_is_random() {
        let delivery = delivery();
        for (attempt, seconds) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (24, 300)] {
            let whole = Duration::from_secs(seconds);
            for _ in 0..100 {
                let wait = delivery.backoff(attempt);
                assert!((whole / 2..=whole).contains(&wait), "{attempt}: {wait:?}");
            }
        }
    }

    #[test]
    fn the_wait_is_that_of_the_receiver_if_it_is_longer_and_ends_with_the_last_attempt() {
        let delivery = delivery();
        let notification = Notification {
            id: String::new(),
            kind: NotificationKind::Opened,
            condition: ConditionKey::parse("a").unwrap(),
            severity: Severity::Error,
            summary: String::new(),
            since: domain::UnixMicros(0),
            at: domain::UnixMicros(0),
        };
        let wait = |after, attempt| {
            let error = DeliveryError::Retry { reason: String::new(), after };
            delivery.conclude(&notification, Err(error), attempt)
        };
        let after = Duration::from_secs(77);
        assert_eq!(wait(Some(after), 1), Some(after));
        assert!(wait(None, 1).is_some_and(|wait| wait <= BACKOFF_MIN));
        assert_eq!(wait(Some(after), ATTEMPTS_MAX), None);
    }
}
