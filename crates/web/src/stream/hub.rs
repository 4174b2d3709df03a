//! The hub of event streams on this node: the trade path publishes fills, the ledger follower
//! publishes entries of other nodes, the price board publishes prices. The queue of a player is
//! bounded; what a slow stream misses is read again from the ledger, by `subscriber`.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::Fill;
use market::PriceBoard;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::prices::{self, Prices};
use crate::config::HttpConfig;
use crate::problem::{Problem, codes};

/// Events queued for the streams of one player; beyond that, streams read the ledger again.
const QUEUE_MAX: usize = 32;
/// `Retry-After` when the maximum number of streams is open.
const RETRY_AFTER_S: u64 = 15;

/// Publishes events to open streams. Shared by the trade path, the follower and all requests.
pub struct Hub {
    subscribers: RwLock<Subscribers>,
    prices: watch::Receiver<Arc<Prices>>,
    closing: CancellationToken,
    streams_max: usize,
    per_player_max: usize,
}

#[derive(Default)]
struct Subscribers {
    by_player: HashMap<i64, PlayerStreams>,
    /// Open streams of all players.
    open: usize,
    last_id: u64,
}

struct PlayerStreams {
    events: broadcast::Sender<StreamEvent>,
    /// The version of the newest published entry.
    newest: AtomicI64,
    /// By id, oldest first.
    streams: VecDeque<(u64, CancellationToken)>,
}

/// An event of one player's ledger.
#[derive(Clone, Debug)]
pub(crate) enum StreamEvent {
    /// A fill that this node committed.
    Fill(Arc<Fill>),
    /// The ledger contains this version.
    Version(i64),
}

impl Hub {
    /// A hub that follows the board's prices and ends every stream when `closing` is cancelled.
    /// Call it within a Tokio runtime.
    pub fn start(
        config: &HttpConfig,
        board: &Arc<PriceBoard>,
        closing: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            subscribers: RwLock::default(),
            prices: prices::follow(Arc::clone(board), config, closing.clone()),
            closing,
            streams_max: config.streams_max,
            per_player_max: config.streams_per_player_max.max(1),
        })
    }

    /// Publishes committed fills. On the trade path: one lookup under a read lock, and no more for
    /// players without a stream.
    pub fn publish_fills(&self, fills: &[Fill]) {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        if subscribers.by_player.is_empty() {
            return;
        }
        for fill in fills {
            let Some(topic) = subscribers.by_player.get(&fill.entry.player_id) else { continue };
            topic.newest.fetch_max(fill.entry.version, Ordering::Relaxed);
            // Fails if the last stream has just closed.
            let _ = topic.events.send(StreamEvent::Fill(Arc::new(fill.clone())));
        }
    }

    /// Publishes entries (player, version) that any node committed. They may arrive in any order
    /// and more than once.
    pub fn publish_entries(&self, entries: impl IntoIterator<Item = (i64, i64)>) {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        if subscribers.by_player.is_empty() {
            return;
        }
        for (player_id, version) in entries {
            let Some(topic) = subscribers.by_player.get(&player_id) else { continue };
            if topic.newest.fetch_max(version, Ordering::Relaxed) < version {
                let _ = topic.events.send(StreamEvent::Version(version));
            }
        }
    }

    /// Opens a stream. At the player's limit the oldest stream is closed: its client may have lost
    /// its network without closing the connection.
    pub(crate) fn open(
        self: &Arc<Self>,
        player_id: i64,
    ) -> Result<(StreamSlot, broadcast::Receiver<StreamEvent>), Problem> {
        if self.closing.is_cancelled() {
            return Err((&codes::CLOSING).into());
        }
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        if subscribers.open >= self.streams_max {
            return Err(Problem::from(&codes::BUSY).retry_after(RETRY_AFTER_S));
        }
        subscribers.open += 1;
        subscribers.last_id += 1;
        let (stream_id, closed) = (subscribers.last_id, self.closing.child_token());
        let topic = subscribers.by_player.entry(player_id).or_insert_with(|| PlayerStreams {
            events: broadcast::Sender::new(QUEUE_MAX),
            newest: AtomicI64::new(0),
            streams: VecDeque::new(),
        });
        if topic.streams.len() >= self.per_player_max
            && let Some((_, oldest)) = topic.streams.pop_front()
        {
            oldest.cancel();
        }
        topic.streams.push_back((stream_id, closed.clone()));
        let events = topic.events.subscribe();
        metrics::gauge!("openbell_streams_open").increment(1.0);
        Ok((StreamSlot { hub: Arc::clone(self), player_id, stream_id, closed }, events))
    }

    /// The newest set of prices, and a notification of each later one.
    pub(crate) fn prices(&self) -> watch::Receiver<Arc<Prices>> {
        self.prices.clone()
    }

    fn close(&self, player_id: i64, stream_id: u64) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.open = subscribers.open.saturating_sub(1);
        if let Some(topic) = subscribers.by_player.get_mut(&player_id) {
            topic.streams.retain(|(known, _)| *known != stream_id);
            if topic.streams.is_empty() {
                subscribers.by_player.remove(&player_id);
            }
        }
    }
}

/// One open stream, counted until it is dropped.
pub(crate) struct StreamSlot {
    hub: Arc<Hub>,
    player_id: i64,
    stream_id: u64,
    closed: CancellationToken,
}

impl StreamSlot {
    /// Completes when the stream must end: the server shuts down, or the player opened too many.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.hub.close(self.player_id, self.stream_id);
        metrics::gauge!("openbell_streams_open").decrement(1.0);
    }
}

#[cfg(test)]
mod tests;
