//! Stores the ranks of both leaderboards at the close of each session, on one node, and loads those
//! that other nodes stored. Sessions that close while ranks are being written have no snapshot.

use std::sync::Arc;
use std::time::Duration;

use domain::{Day, UnixMicros};
use leaderboard::RankSnapshotWriter;
use store::BoardKind;

use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::equity::newest_day;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

const KINDS: [BoardKind; 2] = [BoardKind::Xp, BoardKind::Return];
/// Renewed with each step; far longer than one takes.
const LEASE_S: i64 = 30;

pub(crate) struct CloseBoards {
    context: Arc<JobContext>,
    lease: JobLease,
    /// The snapshot that this node writes.
    writing: Option<(BoardKind, RankSnapshotWriter)>,
    /// Snapshots of this board before this id are deleted next.
    deleting: Option<(BoardKind, i64)>,
}

impl CloseBoards {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        let lease = context.lease(Self::NAME, LEASE_S);
        Self { context, lease, writing: None, deleting: None }
    }

    /// A board without a snapshot of this day. The snapshots of the others are loaded.
    async fn due(&self, day: Option<Day>) -> Result<Option<BoardKind>, JobError> {
        let mut due = None;
        for kind in KINDS {
            let close = self.context.store.find_board_close(kind).await?;
            self.context.boards.set_close(kind, close);
            let is_due = day.is_some() && close.map(|close| close.day) != day;
            if is_due && self.context.boards.board(kind).is_ready() {
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
        match writer.step(&self.context.store).await {
            Ok(None) => self.writing = Some((kind, writer)),
            Ok(Some(close)) => {
                self.context.boards.set_close(kind, Some(close));
                self.deleting = Some((kind, close.close_id));
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
    // A session may be as short as this; a run without a closed session does nothing.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.context.clock.now();
        if let Some((kind, close_id)) = self.deleting {
            if self.context.store.forget_board_closes(kind, close_id).await? {
                self.deleting = None;
            }
            return Ok(JobProgress::unfinished(1));
        }
        if let Some((kind, writer)) = self.writing.take() {
            return self.write(kind, writer, now).await;
        }
        let day = newest_day(&self.context.source, now);
        if self.due(day).await?.is_none() || !self.lease.take(now).await? {
            return Ok(JobProgress::done(0));
        }
        // Another node may have written it before the lease was taken.
        let (Some(kind), Some(day)) = (self.due(day).await?, day) else {
            return Ok(JobProgress::done(0));
        };
        let board = self.context.boards.board(kind);
        let writer = RankSnapshotWriter::begin(&self.context.store, board, kind, day, now).await?;
        self.writing = Some((kind, writer));
        Ok(JobProgress::unfinished(0))
    }

    async fn release(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the rank snapshots was not released; it expires");
        }
    }
}
