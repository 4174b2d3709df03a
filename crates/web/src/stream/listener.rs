//! One open stream: it waits for what there is to tell its player, in order, without gap and
//! without telling anything twice. Fills that are told out of order or were lost by a slow reader
//! are read from the ledger. It does not know what events look like.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{Fill, Unlock};
use store::{StoreError, TokenKind};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::{Cursor, Place, Prices, Told};
use crate::problem::Problem;
use crate::state::AppState;

/// The most entries that are read from the ledger for a reader who missed some.
const CATCH_UP_MAX: i64 = 100;

/// Whose stream it is, and by which token.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) player_id: i64,
    pub(crate) kind: TokenKind,
    pub(crate) hash: [u8; 32],
}

/// What there is to tell.
pub(crate) enum News {
    /// The next entry of the player's ledger.
    Fill(Arc<Fill>),
    /// More entries were missed than are read again: what is known of the player is to be loaded
    /// anew. The next entry follows this version.
    Missed(i64),
    /// Prices, of which some may have changed.
    Prices(Arc<Prices>),
    /// Nothing; but the token still lives, and the connection should, too.
    Beat,
}

/// One open stream.
pub(crate) struct Listener {
    state: AppState,
    session: Session,
    place: Place,
    told: broadcast::Receiver<Told>,
    prices: watch::Receiver<Arc<Prices>>,
    /// What was found in the ledger and not given out yet.
    backlog: VecDeque<News>,
    /// The newest entry that was given out or is in the backlog.
    version: i64,
    heartbeat: Duration,
    next_beat: Instant,
}

impl Listener {
    /// Opens a stream that goes on where `last` was, or begins now. Returns where it begins.
    pub(crate) async fn open(
        state: &AppState,
        session: Session,
        last: Option<Cursor>,
    ) -> Result<(Self, Cursor), Problem> {
        // First this, then the ledger: what is committed in between is found twice, not never.
        let (place, told) = state.hub.open(session.player_id)?;
        let newest = state.store.transactions_page(session.player_id, None, 1).await?;
        let newest = newest.first().map_or(0, |row| row.entry.version);
        let begin = Cursor { version: newest, ..Cursor::default() };
        // A version that is not there yet is none that we told.
        let begin = last.filter(|last| last.version <= newest).unwrap_or(begin);
        let mut prices = state.hub.prices();
        prices.mark_changed();
        let heartbeat = Duration::from_millis(state.config.http.stream_heartbeat_ms.max(1));
        let mut listener = Self {
            state: state.clone(),
            session,
            place,
            told,
            prices,
            backlog: VecDeque::new(),
            version: begin.version,
            heartbeat,
            next_beat: Instant::now() + heartbeat,
        };
        listener.catch_up(newest).await?;
        Ok((listener, begin))
    }

    /// Waits for what comes next; `None` when the stream is to end.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            if let Some(news) = self.backlog.pop_front() {
                return Some(news);
            }
            tokio::select! {
                biased;
                () = self.place.ended() => return None,
                () = tokio::time::sleep_until(self.next_beat) => {
                    self.next_beat = Instant::now() + self.heartbeat;
                    return self.is_welcome().await.then_some(News::Beat);
                }
                told = self.told.recv() => self.take(told).await?,
                changed = self.prices.changed() => {
                    changed.ok()?;
                    return Some(News::Prices(Arc::clone(&self.prices.borrow_and_update())));
                }
            }
        }
    }

    /// Puts what was told into the backlog, and what is missing before it.
    async fn take(&mut self, told: Result<Told, RecvError>) -> Option<()> {
        let version = match told {
            Ok(Told::Fill(fill)) if fill.entry.version == self.version + 1 => {
                self.version = fill.entry.version;
                self.backlog.push_back(News::Fill(fill));
                return Some(());
            }
            Ok(Told::Fill(fill)) => fill.entry.version,
            Ok(Told::Version(version)) => version,
            Err(RecvError::Lagged(_)) => {
                // The next that comes shows how much is missing.
                metrics::counter!("openbell_stream_lagged_total").increment(1);
                return Some(());
            }
            Err(RecvError::Closed) => return None,
        };
        if let Err(error) = self.catch_up(version).await {
            // The reader comes back and says how far it has read.
            tracing::warn!(%error, "cannot read what a stream has missed");
            return None;
        }
        Some(())
    }

    /// Puts what the ledger has up to this version, and perhaps beyond, into the backlog.
    async fn catch_up(&mut self, version: i64) -> Result<(), StoreError> {
        if version <= self.version {
            return Ok(());
        }
        if version - self.version > CATCH_UP_MAX {
            self.version = version;
            self.backlog.push_back(News::Missed(version));
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
            self.backlog.push_back(News::Fill(Arc::new(Fill { entry, hash, unlocked })));
        }
        Ok(())
    }

    /// Whether the token still lives. While nobody can say, it does.
    async fn is_welcome(&self) -> bool {
        match self.state.session_lookup.find_session(self.session.hash).await {
            Ok(session) => session.is_some_and(|session| session.kind == self.session.kind),
            Err(_) => true,
        }
    }
}
