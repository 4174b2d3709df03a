//! What nodes tell each other, over one channel of Redis. A message is a nudge: nothing is lost
//! for good when it does not arrive, and whoever may have missed some is told so ([`Heard::Gap`])
//! and looks for himself.

mod listener;
mod speaker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Entropy;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use self::listener::Listener;
use self::speaker::Speaker;
use crate::redis::Redis;

const CHANNEL: &str = "openbell:bus";

/// Messages that wait to be sent, and those that wait to be heard by one subscriber, at most.
const QUEUE_MAX: usize = 1_024;
const HEARD_MAX: usize = 1_024;

/// What a node tells the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The ledger has new entries.
    Ledger,
    /// There are new prices.
    Prices,
    /// What is cached under these tags is old.
    Tags(Vec<String>),
}

/// What a node hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Another node said so.
    Message(Message),
    /// Messages may have been missed, any number of them.
    Gap,
}

/// A message as it is sent; without one it says that its sender could not send some.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    from: String,
    message: Option<Message>,
}

/// A node's end of the line. Clones share it.
#[derive(Clone, Debug)]
pub struct Bus {
    heard: broadcast::Sender<Heard>,
    line: Option<Arc<Line>>,
}

#[derive(Debug)]
struct Line {
    queue: mpsc::Sender<Message>,
    signs: Arc<Signs>,
    listener: JoinHandle<()>,
}

/// What the tasks of a line and its users tell each other.
#[derive(Debug, Default)]
struct Signs {
    /// Whether a nudge about the ledger waits already.
    ledger_waits: AtomicBool,
    /// Whether messages were dropped, and the others were not told yet.
    owes_gap: AtomicBool,
    /// Whether there is a subscription.
    hears: AtomicBool,
}

/// What a subscriber hears, from its subscription on.
#[derive(Debug)]
pub struct Hearing(broadcast::Receiver<Heard>);

impl Bus {
    /// The bus of a node without others: publishing does nothing, and nothing is heard.
    pub fn alone() -> Self {
        Self { heard: broadcast::Sender::new(1), line: None }
    }

    /// The bus over a Redis, from within a Tokio runtime. `node` is for people; chance makes the
    /// sender unique, because a node does not hear what it says itself.
    pub fn over(redis: &Redis, node: &str, chance: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        chance.fill(&mut random);
        let from = format!("{node}-{:016x}", u64::from_le_bytes(random));
        let (heard, signs) = (broadcast::Sender::new(HEARD_MAX), Arc::<Signs>::default());
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let speaker = Speaker::new(redis.clone(), from.clone(), messages, Arc::clone(&signs));
        tokio::spawn(speaker.run());
        let listener = Listener::new(redis.clone(), from, heard.clone(), Arc::clone(&signs));
        let listener = tokio::spawn(listener.run());
        Self { heard, line: Some(Arc::new(Line { queue, signs, listener })) }
    }

    /// Tells the other nodes. It neither waits nor fails: what cannot be sent is dropped, and the
    /// others hear of a gap as soon as that is possible. Nudges about the ledger that come within
    /// 20 ms are one.
    pub fn publish(&self, message: Message) {
        let Some(line) = &self.line else { return };
        let is_ledger = message == Message::Ledger;
        if is_ledger && line.signs.ledger_waits.swap(true, Ordering::AcqRel) {
            return;
        }
        if line.queue.try_send(message).is_err() {
            metrics::counter!("openbell_bus_dropped_total").increment(1);
            line.signs.owes_gap.store(true, Ordering::Release);
            if is_ledger {
                line.signs.ledger_waits.store(false, Ordering::Release);
            }
        }
    }

    /// Hears the other nodes from now on.
    pub fn subscribe(&self) -> Hearing {
        Hearing(self.heard.subscribe())
    }

    /// Whether what others say now is heard. A node without others misses nothing.
    pub fn hears(&self) -> bool {
        self.line.as_ref().is_none_or(|line| line.signs.hears.load(Ordering::Acquire))
    }
}

impl Hearing {
    /// What is heard next; `None` when the bus is gone. May be dropped and asked again.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                metrics::counter!("openbell_bus_gaps_total", "reason" => "slow").increment(1);
                Some(Heard::Gap)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Line {
    /// The speaker ends with its queue.
    fn drop(&mut self) {
        self.listener.abort();
    }
}
