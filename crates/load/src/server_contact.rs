//! Detects that no server of a run responds any more. Workers share it, so that the run ends within
//! seconds instead of retrying every request to its own limit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long all requests may stay without a response before the run ends. A server that is killed
/// and restarted is back sooner.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The time of the last response to any worker.
#[derive(Debug)]
pub(crate) struct ServerContact {
    start: Instant,
    /// Milliseconds from `start` to the last response.
    answered_ms: AtomicU64,
    lost: AtomicBool,
}

impl ServerContact {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, answered_ms: AtomicU64::new(0), lost: AtomicBool::new(false) }
    }

    /// Records a response of any status.
    pub(crate) fn record_answer(&self, now: Instant) {
        self.answered_ms.fetch_max(self.millis(now), Ordering::Relaxed);
    }

    /// Records that a request sent at `sent` has no response.
    pub(crate) fn record_silence(&self, sent: Instant, now: Instant) {
        let since = self.answered_ms.load(Ordering::Relaxed).max(self.millis(sent));
        let silence = self.millis(now).saturating_sub(since);
        if u128::from(silence) >= SILENCE_MAX.as_millis() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the run is over because no server responds.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    fn millis(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.start);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_is_lost_once_every_request_stayed_without_an_answer() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let contact = ServerContact::new(start);
        contact.record_answer(at(10));
        contact.record_silence(at(9), at(24));
        assert!(!contact.is_lost(), "14 s after the last answer");
        contact.record_silence(at(20), at(26));
        assert!(!contact.is_lost(), "this request was tried for 6 s");
        contact.record_silence(at(10), at(25));
        assert!(contact.is_lost());
    }
}
