//! The task that sends what a node says. It drops what Redis does not take in time, and tells the
//! others of the gap when Redis is back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{CHANNEL, Envelope, Message, Signs};
use crate::redis::Redis;

/// Between two nudges about the ledger, at least.
const LEDGER_INTERVAL: Duration = Duration::from_millis(20);

pub(super) struct Speaker {
    redis: Redis,
    from: String,
    messages: mpsc::Receiver<Message>,
    signs: Arc<Signs>,
}

impl Speaker {
    pub(super) fn new(
        redis: Redis,
        from: String,
        messages: mpsc::Receiver<Message>,
        signs: Arc<Signs>,
    ) -> Self {
        Self { redis, from, messages, signs }
    }

    pub(super) async fn run(mut self) {
        let mut redis = self.redis.watch();
        let mut nudged_at: Option<Instant> = None;
        let mut nudge_due: Option<Instant> = None;
        loop {
            self.tell_of_gap().await;
            let due = nudge_due.unwrap_or_else(Instant::now);
            tokio::select! {
                message = self.messages.recv() => match message {
                    None => return,
                    Some(Message::Ledger) => {
                        let earliest = nudged_at.map(|at| at + LEDGER_INTERVAL);
                        nudge_due = Some(earliest.unwrap_or_else(Instant::now));
                    }
                    Some(message) => self.send(message).await,
                },
                () = sleep_until(due), if nudge_due.is_some() => {
                    (nudged_at, nudge_due) = (Some(Instant::now()), None);
                    // Before it is sent: an entry written from here on needs a nudge of its own.
                    self.signs.ledger_waits.store(false, Ordering::Release);
                    self.send(Message::Ledger).await;
                }
                // A gap that is owed can be told when Redis is back.
                changed = redis.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn send(&self, message: Message) {
        if !self.say(Some(message)).await {
            metrics::counter!("openbell_bus_dropped_total").increment(1);
            self.signs.owes_gap.store(true, Ordering::Release);
        }
    }

    async fn tell_of_gap(&self) {
        if !self.redis.is_up() || !self.signs.owes_gap.swap(false, Ordering::AcqRel) {
            return;
        }
        if !self.say(None).await {
            self.signs.owes_gap.store(true, Ordering::Release);
        }
    }

    async fn say(&self, message: Option<Message>) -> bool {
        let envelope = Envelope { from: self.from.clone(), message };
        let text = serde_json::to_string(&envelope);
        let text = text.expect("invariant: names and tags are JSON");
        let publish = async |mut connection| {
            redis::cmd("PUBLISH").arg(CHANNEL).arg(text).exec_async(&mut connection).await
        };
        let is_sent = self.redis.ask("publish", publish).await.is_ok();
        if is_sent {
            metrics::counter!("openbell_bus_sent_total").increment(1);
        }
        is_sent
    }
}
