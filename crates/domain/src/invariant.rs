//! `invariant!` checks internal facts: it panics in debug builds and counts in release builds. Bad
//! input is a [`crate::Rejection`] or an error instead.

use std::sync::atomic::{AtomicU64, Ordering};

static BREACHES: AtomicU64 = AtomicU64::new(0);

/// Violated invariants since the process started; 0 in a healthy server.
pub fn invariant_breaches() -> u64 {
    BREACHES.load(Ordering::Relaxed)
}

/// Counts a violated invariant; called by `invariant!` only.
pub fn note_breach() {
    BREACHES.fetch_add(1, Ordering::Relaxed);
}

/// Checks a fact that no input can violate: panics in debug builds, counts in release builds.
#[macro_export]
macro_rules! invariant {
    ($fact:expr, $text:literal) => {
        if !$fact {
            $crate::note_breach();
            debug_assert!(false, concat!("invariant: ", $text));
        }
    };
}
