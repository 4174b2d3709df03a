//! The clock of a game as a node knows it: its segments, and until when they are certain. A node
//! that cannot read the database stops its market instead of guessing. Readers take no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{ClockPosition, GameClock, UnixMicros};

#[derive(Debug)]
struct KnownClock {
    clock: Arc<GameClock>,
    /// The market stands still from this instant on.
    moves_until: UnixMicros,
    /// Orders are rejected from this instant on.
    trades_until: UnixMicros,
}

/// A game's clock at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    pub position: ClockPosition,
    /// Real seconds of a session; while the clock is paused, of the session after it.
    pub session_seconds: u32,
    pub is_paused: bool,
}

/// A game's clock, shared by the market source, the price board and the jobs of a node.
#[derive(Debug)]
pub struct SharedClock(ArcSwap<KnownClock>);

impl SharedClock {
    /// A clock that is certain for good, until [`Self::know`] limits it.
    pub fn new(clock: GameClock) -> Arc<Self> {
        let known = KnownClock {
            clock: Arc::new(clock),
            moves_until: UnixMicros(i64::MAX),
            trades_until: UnixMicros(i64::MAX),
        };
        Arc::new(Self(ArcSwap::from_pointee(known)))
    }

    /// The segments as they were read last.
    pub fn load(&self) -> Arc<GameClock> {
        Arc::clone(&self.0.load().clock)
    }

    /// Sets the clock and until when it is certain: for the prices, and for orders.
    pub fn know(&self, clock: Arc<GameClock>, moves_until: UnixMicros, trades_until: UnixMicros) {
        self.0.store(Arc::new(KnownClock { clock, moves_until, trades_until }));
    }

    /// Whether orders may be settled at `now` by this clock.
    pub fn is_known(&self, now: UnixMicros) -> bool {
        now < self.0.load().trades_until
    }

    /// The clock, and the instant at which it is read for `now`: an earlier one once the clock is
    /// no longer certain.
    pub(crate) fn read(&self, now: UnixMicros) -> (Arc<GameClock>, UnixMicros) {
        let known = self.0.load();
        (Arc::clone(&known.clock), now.min(known.moves_until))
    }

    pub fn is_paused(&self, now: UnixMicros) -> bool {
        let (clock, at) = self.read(now);
        clock.is_paused_at(at)
    }
}
