//! `invariant!`: what must be true inside the program. Panics in debug builds, counts in release
//! builds. It is not for input: bad input is a [`crate::Rejection`] or an error.

use std::sync::atomic::{AtomicU64, Ordering};

static BREACHES: AtomicU64 = AtomicU64::new(0);

/// How many invariants were found broken since the process started (always 0 in a healthy server).
pub fn invariant_breaches() -> u64 {
    BREACHES.load(Ordering::Relaxed)
}

/// Counts one broken invariant; called by `invariant!` only.
pub fn note_breach() {
    BREACHES.fetch_add(1, Ordering::Relaxed);
}

/// States a fact that no input can break: panics in debug builds, counts in release builds.
#[macro_export]
macro_rules! invariant {
    ($fact:expr, $text:literal) => {
        if !$fact {
            $crate::note_breach();
            debug_assert!(false, concat!("invariant: ", $text));
        }
    };
}
