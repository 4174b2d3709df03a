//! Waits for conditions outside of the test's process that cause no event in it: another process is
//! ready, a response of a server changes. Everything else waits for its event instead.

use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Between two checks of a condition: short for processes that take seconds, and long enough to
/// leave the processor to them.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// A condition that does not hold after this time fails the test.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, which is checked every 20 ms.
///
/// # Panics
/// With `what`, if it does not hold within 60 s.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    poll(what, || holds().then_some(()));
}

/// Waits until an attempt, which is repeated every 20 ms, returns a value.
///
/// # Panics
/// With `what`, if it returns none within 60 s.
#[track_caller]
pub fn poll<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    // Not in a closure, which would report its own place instead of the caller's.
    let Some(value) = try_poll(attempt) else {
        panic!("it did not happen within {DEADLINE:?}: {what}")
    };
    value
}

/// As [`poll`], for what takes longer than a minute by its nature.
///
/// # Panics
/// With `what`, if the attempt returns no value within `longest`.
#[track_caller]
pub fn poll_within<T>(what: &str, longest: Duration, attempt: impl FnMut() -> Option<T>) -> T {
    let Some(value) = poll_until(Instant::now() + longest, attempt) else {
        panic!("it did not happen within {longest:?}: {what}")
    };
    value
}

/// As [`poll`]; `None` if the attempt returns no value within 60 s.
pub(crate) fn try_poll<T>(attempt: impl FnMut() -> Option<T>) -> Option<T> {
    poll_until(Instant::now() + DEADLINE, attempt)
}

#[expect(clippy::disallowed_methods, reason = "the one polling interval of all tests")]
fn poll_until<T>(deadline: Instant, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        let value = attempt();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        thread::sleep(POLL_INTERVAL);
    }
}
