//! The message bus between nodes: publish/subscribe over one Redis channel. Delivery is best
//! effort; after a possible gap, subscribers receive [`BusEvent::Gap`] and re-read the database.

mod publisher;
mod subscriber;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Entropy;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use self::publisher::Publisher;
use self::subscriber::Subscriber;
use crate::redis::Redis;

const CHANNEL: &str = "openbell:bus";

/// Messages waiting to be published.
const PUBLISH_QUEUE_MAX: usize = 1_024;
/// Events waiting for one subscription.
const EVENT_QUEUE_MAX: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusMessage {
    /// The ledger has new entries.
    Ledger,
    /// There are new prices.
    Prices,
    /// The clock of a game has new segments.
    Clock,
    /// Cached values under these tags are invalid.
    Tags(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusEvent {
    /// A message of another node.
    Message(BusMessage),
    /// Any number of messages may have been missed.
    Gap,
}

/// The payload on the channel. Without a message it announces that the sender dropped some.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    from: String,
    message: Option<BusMessage>,
}

/// A node's connection to the bus. Clones share it.
#[derive(Clone, Debug)]
pub struct Bus {
    events: broadcast::Sender<BusEvent>,
    tasks: Option<Arc<BusTasks>>,
}

#[derive(Debug)]
struct BusTasks {
    queue: mpsc::Sender<BusMessage>,
    flags: Arc<BusFlags>,
    subscriber: JoinHandle<()>,
}

/// State shared by the bus and its two tasks.
#[derive(Debug, Default)]
struct BusFlags {
    /// A ledger message is queued.
    ledger_queued: AtomicBool,
    /// Messages were dropped and the gap is not published yet.
    gap_pending: AtomicBool,
    subscribed: AtomicBool,
}

/// Receives a gap, because of the messages before it, and the events that follow
/// [`Bus::subscribe`].
#[derive(Debug)]
pub struct Subscription {
    events: broadcast::Receiver<BusEvent>,
    /// Whether the first gap has not been received yet.
    begins: bool,
}

impl Bus {
    /// The bus of a single node: publishing does nothing and no events arrive.
    pub fn alone() -> Self {
        Self { events: broadcast::Sender::new(1), tasks: None }
    }

    /// The bus over a Redis. Call it within a Tokio runtime. Random bytes are appended to `node`,
    /// so that two nodes of one name are distinct: a node ignores its own messages.
    pub fn over(redis: &Redis, node: &str, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let from = format!("{node}-{:016x}", u64::from_le_bytes(random));
        let events = broadcast::Sender::new(EVENT_QUEUE_MAX);
        let flags = Arc::<BusFlags>::default();
        let (queue, messages) = mpsc::channel(PUBLISH_QUEUE_MAX);
        let publisher = Publisher::new(redis.clone(), from.clone(), messages, Arc::clone(&flags));
        tokio::spawn(publisher.run());
        let subscriber = Subscriber::new(redis.clone(), from, events.clone(), Arc::clone(&flags));
        let subscriber = tokio::spawn(subscriber.run());
        Self { events, tasks: Some(Arc::new(BusTasks { queue, flags, subscriber })) }
    }

    /// Queues a message for the other nodes. It neither waits nor fails: a message that cannot be
    /// published is dropped, and a gap is published as soon as possible. Ledger messages within
    /// 20 ms are merged.
    pub fn publish(&self, message: BusMessage) {
        let Some(tasks) = &self.tasks else { return };
        let is_ledger = message == BusMessage::Ledger;
        if is_ledger && tasks.flags.ledger_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if tasks.queue.try_send(message).is_err() {
            metrics::counter!("openbell_bus_dropped_total").increment(1);
            tasks.flags.gap_pending.store(true, Ordering::Release);
            if is_ledger {
                tasks.flags.ledger_queued.store(false, Ordering::Release);
            }
        }
    }

    pub fn subscribe(&self) -> Subscription {
        Subscription { events: self.events.subscribe(), begins: self.tasks.is_some() }
    }

    /// Whether messages of other nodes arrive now. Always true for a single node.
    pub fn is_subscribed(&self) -> bool {
        self.tasks.as_ref().is_none_or(|tasks| tasks.flags.subscribed.load(Ordering::Acquire))
    }
}

impl Subscription {
    /// The next event; `None` when the bus was dropped. Cancel safe.
    pub async fn next(&mut self) -> Option<BusEvent> {
        if std::mem::take(&mut self.begins) {
            return Some(BusEvent::Gap);
        }
        match self.events.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                metrics::counter!("openbell_bus_gaps_total", "reason" => "slow").increment(1);
                Some(BusEvent::Gap)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for BusTasks {
    /// The publisher ends with its queue.
    fn drop(&mut self) {
        self.subscriber.abort();
    }
}
