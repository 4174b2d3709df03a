//! One open stream: returns the player's fills in order, each once, and prices. Fills that arrive
//! out of order, or that a slow client missed, are read from the ledger.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{Fill, Unlock};
use store::{StoreError, TokenKind};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::{Cursor, Prices, StreamEvent, StreamSlot};
use crate::problem::Problem;
use crate::state::AppState;

/// Entries that are read again from the ledger after a gap; a larger gap is `StreamItem::Missed`.
const CATCH_UP_MAX: i64 = 100;

/// The player of a stream, and the token that opened it.
#[derive(Clone, Copy)]
pub(crate) struct StreamSession {
    pub(crate) player_id: i64,
    pub(crate) kind: TokenKind,
    pub(crate) hash: [u8; 32],
}

pub(crate) enum StreamItem {
    /// The next entry of the player's ledger.
    Fill(Arc<Fill>),
    /// The gap is too large to be filled: the client must reload the player's state. The next entry
    /// follows this version.
    Missed(i64),
    /// A set of prices, of which some may have changed.
    Prices(Arc<Prices>),
    /// A heartbeat; the token is still valid.
    Beat,
}

pub(crate) struct StreamSubscriber {
    state: AppState,
    session: StreamSession,
    slot: StreamSlot,
    events: broadcast::Receiver<StreamEvent>,
    prices: watch::Receiver<Arc<Prices>>,
    /// Read from the ledger and not delivered yet.
    backlog: VecDeque<StreamItem>,
    /// The newest entry that was delivered or is in the backlog.
    version: i64,
    heartbeat: Duration,
    next_beat: Instant,
}

impl StreamSubscriber {
    /// Opens a stream that continues after `last`, or begins now. Returns where it begins.
    pub(crate) async fn open(
        state: &AppState,
        session: StreamSession,
        last: Option<Cursor>,
    ) -> Result<(Self, Cursor), Problem> {
        // Subscribed before the ledger is read: an entry committed in between is found twice.
        let (slot, events) = state.hub.open(session.player_id)?;
        let newest = state.store.transactions_page(session.player_id, None, 1).await?;
        let newest = newest.first().map_or(0, |row| row.entry.version);
        let begin = Cursor { version: newest, ..Cursor::default() };
        // A version that does not exist yet was never sent.
        let begin = last.filter(|last| last.version <= newest).unwrap_or(begin);
        let mut prices = state.hub.prices();
        prices.mark_changed();
        let heartbeat = Duration::from_millis(state.config.http.stream_heartbeat_ms.max(1));
        let mut subscriber = Self {
            state: state.clone(),
            session,
            slot,
            events,
            prices,
            backlog: VecDeque::new(),
            version: begin.version,
            heartbeat,
            next_beat: Instant::now() + heartbeat,
        };
        subscriber.catch_up(newest).await?;
        Ok((subscriber, begin))
    }

    /// Waits for the next item; `None` when the stream must end.
    pub(crate) async fn next(&mut self) -> Option<StreamItem> {
        loop {
            if let Some(item) = self.backlog.pop_front() {
                return Some(item);
            }
            tokio::select! {
                biased;
                () = self.slot.closed() => return None,
                () = tokio::time::sleep_until(self.next_beat) => {
                    self.next_beat = Instant::now() + self.heartbeat;
                    return self.has_valid_token().await.then_some(StreamItem::Beat);
                }
                event = self.events.recv() => self.take(event).await?,
                changed = self.prices.changed() => {
                    changed.ok()?;
                    return Some(StreamItem::Prices(Arc::clone(&self.prices.borrow_and_update())));
                }
            }
        }
    }

    /// Appends an event to the backlog, and the entries that are missing before it.
    async fn take(&mut self, event: Result<StreamEvent, RecvError>) -> Option<()> {
        let version = match event {
            Ok(StreamEvent::Fill(fill)) if fill.entry.version == self.version + 1 => {
                self.version = fill.entry.version;
                self.backlog.push_back(StreamItem::Fill(fill));
                return Some(());
            }
            Ok(StreamEvent::Fill(fill)) => fill.entry.version,
            Ok(StreamEvent::Version(version)) => version,
            Err(RecvError::Lagged(_)) => {
                // The next event shows how many entries are missing.
                metrics::counter!("openbell_stream_lagged_total").increment(1);
                return Some(());
            }
            Err(RecvError::Closed) => return None,
        };
        if let Err(error) = self.catch_up(version).await {
            // The client reconnects with `Last-Event-ID`.
            let player_id = self.session.player_id;
            tracing::warn!(player_id, %error, "reading missed entries failed; the stream is closed");
            return None;
        }
        Some(())
    }

    /// Appends the entries of the ledger at least up to this version to the backlog.
    async fn catch_up(&mut self, version: i64) -> Result<(), StoreError> {
        if version <= self.version {
            return Ok(());
        }
        if version - self.version > CATCH_UP_MAX {
            self.version = version;
            self.backlog.push_back(StreamItem::Missed(version));
            return Ok(());
        }
        let (store, player_id) = (&self.state.store, self.session.player_id);
        let after = (player_id, self.version);
        let entries = store.ledger_range(after, player_id, CATCH_UP_MAX).await?;
        let unlocks = store.unlocks_range(player_id - 1, player_id).await?;
        for (entry, hash) in entries {
            let by_it = unlocks.iter().filter(|(_, version, ..)| *version == entry.version);
            let unlocked = by_it.map(|(_, _, id, xp)| Unlock { achievement_id: *id, xp: *xp });
            let unlocked = unlocked.collect();
            self.version = entry.version;
            self.backlog.push_back(StreamItem::Fill(Arc::new(Fill { entry, hash, unlocked })));
        }
        Ok(())
    }

    /// Whether the token is still valid. If the lookup fails, it counts as valid.
    async fn has_valid_token(&self) -> bool {
        match self.state.session_lookup.find_session(self.session.hash).await {
            Ok(session) => session.is_some_and(|session| session.kind == self.session.kind),
            Err(_) => true,
        }
    }
}
