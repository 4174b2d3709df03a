//! The jobs behind the boards: they are built and followed, valued again as prices move, compared
//! with the database, and their ranks stored once a day.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, UnixMicros};
use leaderboard::{
    LeaderboardBuilder, Leaderboards, LedgerFollower, Overlap, RankSnapshotWriter, ReturnValuation,
};
use market::PriceBoard;
use store::{BoardKind, ScoreCursor, Store};
use tokio::sync::Notify;
use tokio::time::Instant;
use web::Hub;

use crate::reconcile::{Fault, Progress, Reconciler};

const KINDS: [BoardKind; 2] = [BoardKind::Xp, BoardKind::Return];

/// Builds the board of experience, and moves it by what other nodes have committed.
pub(crate) struct FollowBoard {
    pub(crate) store: Store,
    pub(crate) boards: Arc<Leaderboards>,
    pub(crate) stage: Stage,
    /// Whose streams hear of what other nodes committed.
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Another node tells that it has committed.
    pub(crate) nudge: Arc<Notify>,
    /// When the ledger was last read with the whole overlap.
    pub(crate) whole_at: Instant,
}

impl FollowBoard {
    /// Between two runs that read the whole overlap, at least; those that nudges wake in between
    /// read what is new.
    const WHOLE_EVERY: Duration = Duration::from_millis(450);
}

/// How far a board is.
pub(crate) enum Stage {
    /// It is to be begun.
    New,
    /// Players are read.
    Building(LeaderboardBuilder),
    /// It is there.
    Following(LedgerFollower),
}

impl Reconciler for FollowBoard {
    const NAME: &'static str = "follow_board";
    const EVERY: Duration = Duration::from_millis(500);

    fn nudge(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.nudge))
    }

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let board = self.boards.board(BoardKind::Xp);
        match &mut self.stage {
            Stage::New => {
                self.stage = Stage::Building(LeaderboardBuilder::new(now));
                Ok(Progress { changed: 0, done: false })
            }
            Stage::Building(builder) => {
                if builder.step(&self.store).await? {
                    let Stage::Building(builder) = std::mem::replace(&mut self.stage, Stage::New)
                    else {
                        return Ok(Progress { changed: 0, done: false });
                    };
                    self.stage = Stage::Following(builder.finish(board).await?);
                    tell_size(&self.boards, BoardKind::Xp);
                }
                Ok(Progress { changed: 0, done: false })
            }
            // SQLite is for one process, whose own commits have moved the board already.
            Stage::Following(_) if self.store.engine() == "sqlite" => Ok(Progress::done(0)),
            Stage::Following(follower) => {
                let hub = &self.hub;
                let heard = |entries: &[(i64, ScoreCursor)]| {
                    let versions = entries.iter().map(|(player, place)| (*player, place.version));
                    hub.on_ledger_event(versions);
                };
                let started = Instant::now();
                let is_whole = started >= self.whole_at + Self::WHOLE_EVERY;
                let overlap = if is_whole { Overlap::Whole } else { Overlap::Short };
                let reading = follower.follow_once(&self.store, board, now, overlap, heard);
                let followed = reading.await?;
                if is_whole {
                    self.whole_at = started;
                }
                Ok(Progress { changed: followed.moved, done: followed.drained })
            }
        }
    }
}

/// Values all players again, a page a run, and then rests.
pub(crate) struct ValuePlayers {
    store: Store,
    boards: Arc<Leaderboards>,
    prices: Arc<PriceBoard>,
    round: Option<(ReturnValuation, Instant)>,
    rests_until: Instant,
}

impl ValuePlayers {
    /// After a round, so many times as long as it took nothing is asked: the database has other
    /// things to do.
    const REST: u32 = 3;

    pub(crate) fn new(store: Store, boards: Arc<Leaderboards>, prices: Arc<PriceBoard>) -> Self {
        Self { store, boards, prices, round: None, rests_until: Instant::now() }
    }
}

impl Reconciler for ValuePlayers {
    const NAME: &'static str = "value_players";
    const EVERY: Duration = Duration::from_secs(3);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = Instant::now();
        if self.round.is_none() && now < self.rests_until {
            return Ok(Progress::done(0));
        }
        let start = || (ReturnValuation::new(self.prices.prices_json()), now);
        let (round, _) = self.round.get_or_insert_with(start);
        if !round.step(&self.store).await? {
            return Ok(Progress { changed: 0, done: false });
        }
        let Some((round, began)) = self.round.take() else { return Ok(Progress::done(0)) };
        let players = round.finish(self.boards.board(BoardKind::Return)).await?;
        tell_size(&self.boards, BoardKind::Return);
        let took = began.elapsed();
        metrics::histogram!("openbell_board_valuation_seconds").record(took.as_secs_f64());
        self.rests_until = Instant::now() + took * Self::REST;
        Ok(Progress::done(players))
    }
}

fn tell_size(boards: &Leaderboards, kind: BoardKind) {
    let board = boards.board(kind);
    let (players, bytes) = (board.total(), board.memory_bytes() as u64);
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    {
        metrics::gauge!("openbell_board_players", "board" => kind.as_str()).set(players as f64);
        metrics::gauge!("openbell_board_bytes", "board" => kind.as_str()).set(bytes as f64);
    }
}

/// Compares the board with the database, some players at a time, and repairs it.
pub(crate) struct CheckBoard {
    pub(crate) store: Store,
    pub(crate) boards: Arc<Leaderboards>,
    /// After whom it goes on.
    pub(crate) after: i64,
    /// How many pages of this turn were compared.
    pub(crate) pages: u32,
}

impl CheckBoard {
    /// Pages of 10,000 players a turn: ten million players are compared in under an hour.
    const PAGES: u32 = 100;
}

impl Reconciler for CheckBoard {
    const NAME: &'static str = "check_board";
    const EVERY: Duration = Duration::from_secs(300);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let board = self.boards.board(BoardKind::Xp);
        if !board.is_ready() {
            return Ok(Progress::done(0));
        }
        let checked = leaderboard::check_board(&self.store, board, self.after).await?;
        self.after = checked.next.unwrap_or(i64::MIN);
        self.pages += 1;
        let wrong = checked.lowered + checked.removed;
        for (kind, count) in
            [("raised", checked.raised), ("lowered", checked.lowered), ("removed", checked.removed)]
        {
            metrics::counter!("openbell_board_repairs_total", "kind" => kind).increment(count);
        }
        if wrong > 0 {
            let (lowered, removed) = (checked.lowered, checked.removed);
            tracing::error!(lowered, removed, "the board had other players than the database");
        }
        let done = checked.next.is_none() || self.pages >= Self::PAGES;
        if done {
            self.pages = 0;
        }
        Ok(Progress { changed: checked.raised + wrong, done })
    }
}

/// Stores the ranks of both leaderboards once a day (UTC), on one node for all, and reads which
/// snapshot is the newest.
pub(crate) struct SnapshotRanks {
    pub(crate) store: Store,
    pub(crate) boards: Arc<Leaderboards>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node: String,
    /// The snapshot that this node writes.
    pub(crate) writing: Option<(BoardKind, RankSnapshotWriter)>,
    /// Snapshots of this board before this one are to be deleted.
    pub(crate) deleting: Option<(BoardKind, i64)>,
}

impl SnapshotRanks {
    const LEASE: &'static str = "close_boards";
    /// Renewed with each step; far longer than one takes.
    const LEASE_S: i64 = 30;

    async fn holds_lease(&self, now: UnixMicros) -> Result<bool, Fault> {
        let until = now.plus_seconds(Self::LEASE_S);
        Ok(self.store.take_lease(Self::LEASE, &self.node, now, until).await?.is_some())
    }

    /// Reads the newest snapshots; returns a leaderboard without one of this day.
    async fn find_due(&self, now: UnixMicros) -> Result<Option<BoardKind>, Fault> {
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
}

impl Reconciler for SnapshotRanks {
    const NAME: &'static str = "close_boards";
    // Bounds how long the other nodes count movements from the snapshot before.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let more = |changed| Ok(Progress { changed, done: false });
        if let Some((kind, snapshot_id)) = self.deleting {
            if self.store.delete_rank_snapshots_before(kind, snapshot_id).await? {
                self.deleting = None;
            }
            return more(1);
        }
        if let Some((kind, mut writer)) = self.writing.take() {
            // Without the lease the rest is not written: the new holder has begun anew.
            if !self.holds_lease(now).await? {
                return Ok(Progress::done(0));
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
            return more(1);
        }
        if self.find_due(now).await?.is_none() || !self.holds_lease(now).await? {
            return Ok(Progress::done(0));
        }
        // Another node may have written it before the lease was taken.
        let Some(kind) = self.find_due(now).await? else { return Ok(Progress::done(0)) };
        let board = self.boards.board(kind);
        self.writing =
            Some((kind, RankSnapshotWriter::begin(&self.store, board, kind, now).await?));
        more(0)
    }

    async fn leave(&mut self) {
        // Another node need not wait for the lease's end.
        let left = self.store.release_lease(Self::LEASE, &self.node).await;
        left.unwrap_or_else(|error| tracing::debug!(%error, "the lease ends by itself"));
    }
}

#[cfg(test)]
mod tests {
    use leaderboard::Leaderboard;
    use testkit::ManualClock;

    use super::*;

    /// Runs the job until nothing is left to do; returns the number of its writing steps.
    async fn run(job: &mut SnapshotRanks) -> u64 {
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
        let mut job = SnapshotRanks {
            store,
            boards: Arc::clone(&boards),
            clock: Arc::new(clock.clone()),
            node: "one".to_owned(),
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
