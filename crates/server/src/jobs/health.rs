//! What jobs found out about the ledger and the leaderboards, for the notification of operators.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::UnixMicros;

/// Shared between the jobs of a node.
#[derive(Debug, Default)]
pub(crate) struct JobHealth {
    seals: Mutex<SealHealth>,
    board_differences: AtomicU64,
}

/// The seals of the ledger's chain heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SealHealth {
    /// When any node made the newest one.
    pub(crate) newest_at: Option<UnixMicros>,
    /// When this node failed to make one, and whether the ledger differed from the last one.
    pub(crate) failed_at: Option<(UnixMicros, bool)>,
}

impl SealHealth {
    /// Whether the ledger differed from the last seal; `None` unless an attempt failed and no node
    /// has made a seal since.
    pub(crate) fn failure(&self) -> Option<bool> {
        let (failed_at, is_mismatch) = self.failed_at?;
        self.newest_at.is_none_or(|newest_at| newest_at < failed_at).then_some(is_mismatch)
    }
}

impl JobHealth {
    pub(crate) fn seals(&self) -> SealHealth {
        *self.lock()
    }

    pub(crate) fn set_newest_seal(&self, made_at: Option<UnixMicros>) {
        self.lock().newest_at = made_at;
    }

    pub(crate) fn set_seal_failed(&self, at: UnixMicros, is_mismatch: bool) {
        self.lock().failed_at = Some((at, is_mismatch));
    }

    /// Players whose score on the leaderboard was too high, or who should not have been on it.
    pub(crate) fn board_differences(&self) -> u64 {
        self.board_differences.load(Ordering::Relaxed)
    }

    pub(crate) fn add_board_differences(&self, count: u64) {
        self.board_differences.fetch_add(count, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, SealHealth> {
        self.seals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_to_seal_is_over_when_any_node_has_made_a_seal() {
        let health = JobHealth::default();
        assert_eq!(health.seals().failure(), None);
        health.set_newest_seal(Some(UnixMicros(5)));
        health.set_seal_failed(UnixMicros(7), true);
        assert_eq!(health.seals().failure(), Some(true));
        health.set_newest_seal(Some(UnixMicros(9)));
        assert_eq!(health.seals().failure(), None);
    }
}
