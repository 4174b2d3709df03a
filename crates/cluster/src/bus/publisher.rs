//! The task that publishes a node's messages. A message that Redis does not accept in time is
//! dropped, and a gap is published when Redis is available again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{BusFlags, BusMessage, CHANNEL, Envelope};
use crate::redis::Redis;

/// Minimum time between two ledger messages.
const LEDGER_INTERVAL: Duration = Duration::from_millis(20);

pub(super) struct Publisher {
    redis: Redis,
    from: String,
    messages: mpsc::Receiver<BusMessage>,
    flags: Arc<BusFlags>,
}

impl Publisher {
    pub(super) fn new(
        redis: Redis,
        from: String,
        messages: mpsc::Receiver<BusMessage>,
        flags: Arc<BusFlags>,
    ) -> Self {
        Self { redis, from, messages, flags }
    }

    pub(super) async fn run(mut self) {
        let mut redis = self.redis.watch();
        let mut ledger_sent_at: Option<Instant> = None;
        let mut ledger_due: Option<Instant> = None;
        loop {
            self.publish_pending_gap().await;
            let due = ledger_due.unwrap_or_else(Instant::now);
            tokio::select! {
                message = self.messages.recv() => match message {
                    None => return,
                    Some(BusMessage::Ledger) => {
                        let earliest = ledger_sent_at.map(|at| at + LEDGER_INTERVAL);
                        ledger_due = Some(earliest.unwrap_or_else(Instant::now));
                    }
                    Some(message) => self.publish_or_drop(message).await,
                },
                () = sleep_until(due), if ledger_due.is_some() => {
                    (ledger_sent_at, ledger_due) = (Some(Instant::now()), None);
                    // Cleared before publishing: an entry written from here on needs a message of
                    // its own.
                    self.flags.ledger_queued.store(false, Ordering::Release);
                    self.publish_or_drop(BusMessage::Ledger).await;
                }
                // A pending gap can be published when Redis is available again.
                changed = redis.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn publish_or_drop(&self, message: BusMessage) {
        if !self.publish(Some(message)).await {
            metrics::counter!("openbell_bus_dropped_total").increment(1);
            self.flags.gap_pending.store(true, Ordering::Release);
        }
    }

    async fn publish_pending_gap(&self) {
        if !self.redis.is_up() || !self.flags.gap_pending.swap(false, Ordering::AcqRel) {
            return;
        }
        if !self.publish(None).await {
            self.flags.gap_pending.store(true, Ordering::Release);
        }
    }

    /// Whether Redis accepted the message; `None` publishes a gap.
    async fn publish(&self, message: Option<BusMessage>) -> bool {
        let envelope = Envelope { from: self.from.clone(), message };
        let text = serde_json::to_string(&envelope);
        let text = text.expect("invariant: names and tags are JSON");
        let publish = async |mut connection| {
            redis::cmd("PUBLISH").arg(CHANNEL).arg(text).exec_async(&mut connection).await
        };
        let is_sent = self.redis.query("publish", publish).await.is_ok();
        if is_sent {
            metrics::counter!("openbell_bus_sent_total").increment(1);
        }
        is_sent
    }
}
