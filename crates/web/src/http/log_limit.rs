//! Limits log lines that clients can cause at will to one a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const LOG_EVERY: Duration = Duration::from_secs(60);

/// Counts events, of which one a minute is logged.
pub(crate) struct LogLimit(Mutex<EventCount>);

struct EventCount {
    logged_at: Option<Instant>,
    /// Since `logged_at`.
    events: u64,
}

impl LogLimit {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(EventCount { logged_at: None, events: 0 }))
    }

    /// Counts an event. If it is to be logged, returns the number of events since the last logged
    /// one, with this one.
    pub(crate) fn count(&self) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.events += 1;
        if count.logged_at.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return None;
        }
        count.logged_at = Some(Instant::now());
        Some(std::mem::take(&mut count.events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_event_a_minute_is_logged_with_the_number_of_all() {
        let limit = LogLimit::new();
        assert_eq!(limit.count(), Some(1));
        assert_eq!((limit.count(), limit.count()), (None, None));
        tokio::time::advance(LOG_EVERY).await;
        assert_eq!((limit.count(), limit.count()), (Some(3), None));
    }
}
