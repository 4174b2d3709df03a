//! Stores the ranks of both leaderboards once a day (UTC), on one node, and loads those that other
//! nodes stored.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use leaderboard::{Leaderboards, RankSnapshotWriter};
use store::{BoardKind, Store};

use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

const KINDS: [BoardKind; 2] = [BoardKind::Xp, BoardKind::Return];
/// Renewed with each step; far longer than one takes.
const LEASE_S: i64 = 30;

pub(crate) struct CloseBoards {
    store: Store,
    boards: Arc<Leaderboards>,
    clock: Arc<dyn Clock>,
    lease: JobLease,
    /// The snapshot that this node writes.
    writing: Option<(BoardKind, RankSnapshotWriter)>,
    /// Snapshots of this board before this id are deleted next.
    deleting: Option<(BoardKind, i64)>,
}

impl CloseBoards {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self {
            store: context.store.clone(),
            boards: Arc::clone(&context.boards),
            clock: Arc::clone(&context.clock),
            lease: context.lease(Self::NAME, LEASE_S),
            writing: None,
            deleting: None,
        }
    }

    /// Loads the newest snapshots; returns a leaderboard without one of this day.
    async fn find_due(&self, now: UnixMicros) -> Result<Option<BoardKind>, JobError> {
        let mut due = None;
        for kind in KINDS {
            let snapshot = self.store.find_rank_snapshot(kind).await?;
            self.boards.set_snapshot(kind, snapshot);
            let is_due = snapshot.is_none_or(|snapshot| snapshot.made_at.day() < now.day());
            if is_due && self.boards.board(kind).is_ready() {
                due = due.or(Some(kind));
            }
        }
        Ok(due)
    }

    /// Writes the next part of a snapshot.
    async fn write(
        &mut self,
        kind: BoardKind,
        mut writer: RankSnapshotWriter,
        now: UnixMicros,
    ) -> Result<JobProgress, JobError> {
        // After a lost lease another node has begun a snapshot of its own.
        if !self.lease.take(now).await? {
            return Ok(JobProgress::done(0));
        }
        match writer.step(&self.store).await {
            Ok(None) => self.writing = Some((kind, writer)),
            Ok(Some(snapshot)) => {
                self.boards.set_snapshot(kind, Some(snapshot));
                self.deleting = Some((kind, snapshot.snapshot_id));
            }
            Err(error) => {
                self.writing = Some((kind, writer));
                return Err(error.into());
            }
        }
        Ok(JobProgress::unfinished(1))
    }
}

impl Reconciler for CloseBoards {
    const NAME: &'static str = "close_boards";
    // Bounds how long the other nodes count movements from the snapshot before.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.clock.now();
        if let Some((kind, snapshot_id)) = self.deleting {
            if self.store.delete_rank_snapshots_before(kind, snapshot_id).await? {
                self.deleting = None;
            }
            return Ok(JobProgress::unfinished(1));
        }
        if let Some((kind, writer)) = self.writing.take() {
            return self.write(kind, writer, now).await;
        }
        if self.find_due(now).await?.is_none() || !self.lease.take(now).await? {
            return Ok(JobProgress::done(0));
        }
        // Another node may have written it before the lease was taken.
        let Some(kind) = self.find_due(now).await? else { return Ok(JobProgress::done(0)) };
        let board = self.boards.board(kind);
        self.writing =
            Some((kind, RankSnapshotWriter::begin(&self.store, board, kind, now).await?));
        Ok(JobProgress::unfinished(0))
    }

    async fn release(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the rank snapshots was not released; it expires");
        }
    }
}

#[cfg(test)]
mod tests {
    use leaderboard::Leaderboard;
    use testkit::ManualClock;

    use super::*;

    /// Runs the job until nothing is left to do; returns the number of its writing steps.
    async fn run(job: &mut CloseBoards) -> u64 {
        let mut steps = 0;
        loop {
            let progress = job.run().await.expect("runs");
            steps += progress.changed;
            if progress.done {
                return steps;
            }
        }
    }

    #[tokio::test]
    async fn the_ranks_are_stored_once_a_day_however_short_sessions_are() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        let config = store::DatabaseConfig { url, ..Default::default() };
        let store = Store::open(&config).await.expect("opens");
        store.migrate().await.expect("migrates");
        let board = || Leaderboard::from_scores([(1, 5), (2, 4)]);
        let (clock, boards) = (ManualClock::new(), Arc::new(Leaderboards::new(board(), board())));
        let mut job = CloseBoards {
            lease: JobLease::new(&store, "one", CloseBoards::NAME, LEASE_S),
            store,
            boards: Arc::clone(&boards),
            clock: Arc::new(clock.clone()),
            writing: None,
            deleting: None,
        };
        // For each board: the ranks, the end, and that no older snapshot is left.
        assert_eq!(run(&mut job).await, 6);
        let first = boards.snapshot(BoardKind::Xp);
        assert_eq!(first.map(|snapshot| snapshot.players), Some(2));
        for _ in 0..93 {
            clock.advance_seconds(1);
            assert_eq!(run(&mut job).await, 0, "no session begins another one");
        }
        clock.advance_seconds(86_400);
        // Two more steps: the older snapshot's ranks, and its row.
        assert_eq!(run(&mut job).await, 10);
        assert_ne!(boards.snapshot(BoardKind::Xp), first);
        assert_eq!(run(&mut job).await, 0);
    }
}
