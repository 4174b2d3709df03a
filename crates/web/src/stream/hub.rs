//! The hub: who listens to events on this node, and what they are told. The trade path tells it of
//! fills, the follower of the ledger of what other nodes committed, the price board of prices. It
//! keeps nothing for those who do not listen, and a bounded queue for those who do: what a slow
//! reader misses is read again from the ledger, by `listener`. How events look is decided in
//! `api::events` and `pages::live`.

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

/// What waits for the streams of one player; more than that is read from the ledger again.
const QUEUE_MAX: usize = 32;
/// When to come back when all streams are taken, in seconds.
const RETRY_AFTER_S: u64 = 15;

/// Tells those who listen. Shared by the trade path, the follower and all requests.
pub struct Hub {
    listeners: RwLock<Listeners>,
    prices: watch::Receiver<Arc<Prices>>,
    closing: CancellationToken,
    streams_max: usize,
    per_player_max: usize,
}

#[derive(Default)]
struct Listeners {
    by_player: HashMap<i64, Topic>,
    /// Streams that are open, those of all players.
    open: usize,
    /// How many there ever were, which numbers them.
    ever: u64,
}

/// The streams of one player.
struct Topic {
    told: broadcast::Sender<Told>,
    /// The newest entry that was told of.
    newest: AtomicI64,
    /// The oldest first.
    streams: VecDeque<(u64, CancellationToken)>,
}

/// What a player's streams are told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// What the trade path has just committed.
    Fill(Arc<Fill>),
    /// That the ledger has this version.
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
            listeners: RwLock::default(),
            prices: prices::follow(Arc::clone(board), config, closing.clone()),
            closing,
            streams_max: config.streams_max,
            per_player_max: config.streams_per_player_max.max(1),
        })
    }

    /// Tells of committed fills. It is called on the trade path: one look under a lock that is only
    /// ever held for a look, and nothing more for players who do not listen.
    pub fn tell(&self, fills: &[Fill]) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        if listeners.by_player.is_empty() {
            return;
        }
        for fill in fills {
            let Some(topic) = listeners.by_player.get(&fill.entry.player_id) else { continue };
            topic.newest.fetch_max(fill.entry.version, Ordering::Relaxed);
            // It fails when the last stream has just gone.
            let _ = topic.told.send(Told::Fill(Arc::new(fill.clone())));
        }
    }

    /// Tells which entries (player, version) the ledger has, from whatever node. They may have been
    /// told before and come in any order.
    pub fn hear(&self, entries: impl IntoIterator<Item = (i64, i64)>) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        if listeners.by_player.is_empty() {
            return;
        }
        for (player_id, version) in entries {
            let Some(topic) = listeners.by_player.get(&player_id) else { continue };
            if topic.newest.fetch_max(version, Ordering::Relaxed) < version {
                let _ = topic.told.send(Told::Version(version));
            }
        }
    }

    /// Opens a stream. When a player has as many as one may have, the oldest of them ends: it may
    /// well be one whose phone has left the network without a word.
    pub(crate) fn open(
        self: &Arc<Self>,
        player_id: i64,
    ) -> Result<(Place, broadcast::Receiver<Told>), Problem> {
        if self.closing.is_cancelled() {
            return Err((&codes::CLOSING).into());
        }
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if listeners.open >= self.streams_max {
            return Err(Problem::from(&codes::BUSY).retry_after(RETRY_AFTER_S));
        }
        listeners.open += 1;
        listeners.ever += 1;
        let (number, end) = (listeners.ever, self.closing.child_token());
        let topic = listeners.by_player.entry(player_id).or_insert_with(|| Topic {
            told: broadcast::Sender::new(QUEUE_MAX),
            newest: AtomicI64::new(0),
            streams: VecDeque::new(),
        });
        if topic.streams.len() >= self.per_player_max
            && let Some((_, oldest)) = topic.streams.pop_front()
        {
            oldest.cancel();
        }
        topic.streams.push_back((number, end.clone()));
        let told = topic.told.subscribe();
        metrics::gauge!("openbell_streams_open").increment(1.0);
        Ok((Place { hub: Arc::clone(self), player_id, number, end }, told))
    }

    /// The prices as they are told, and each time they are.
    pub(crate) fn prices(&self) -> watch::Receiver<Arc<Prices>> {
        self.prices.clone()
    }

    fn leave(&self, player_id: i64, number: u64) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.open = listeners.open.saturating_sub(1);
        if let Some(topic) = listeners.by_player.get_mut(&player_id) {
            topic.streams.retain(|(known, _)| *known != number);
            if topic.streams.is_empty() {
                listeners.by_player.remove(&player_id);
            }
        }
    }
}

/// The place of one open stream, given back when it is dropped.
pub(crate) struct Place {
    hub: Arc<Hub>,
    player_id: i64,
    number: u64,
    end: CancellationToken,
}

impl Place {
    /// Done when the stream has to end: the server does, or the player opened too many others.
    pub(crate) async fn ended(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(self.player_id, self.number);
        metrics::gauge!("openbell_streams_open").decrement(1.0);
    }
}

#[cfg(test)]
mod tests;
