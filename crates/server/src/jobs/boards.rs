//! The jobs behind the boards: they are built and followed, valued again as prices move, compared
//! with the database, and their places kept at the close of each session.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, UnixMicros};
use leaderboard::{
    LeaderboardBuilder, Leaderboards, LedgerFollower, Overlap, RankSnapshotWriter, ReturnValuation,
};
use market::{MarketSource, PriceBoard};
use store::{BoardKind, ScoreCursor, Store};
use tokio::sync::Notify;
use tokio::time::Instant;
use web::Hub;

use crate::jobs::equity::newest_day;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};

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
                    hub.hear(versions);
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

/// Keeps the places at the close of each session, one node for all, and learns of what others kept.
/// Sessions that close while one is written are left out.
pub(crate) struct CloseBoards {
    pub(crate) store: Store,
    pub(crate) boards: Arc<Leaderboards>,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node: String,
    /// What this node writes.
    pub(crate) writing: Option<(BoardKind, RankSnapshotWriter)>,
    /// Up to which close the places of a board are forgotten next.
    pub(crate) forgetting: Option<(BoardKind, i64)>,
}

impl CloseBoards {
    const LEASE: &'static str = "close_boards";
    /// Renewed with each step; far longer than one takes.
    const LEASE_S: i64 = 30;

    async fn holds_lease(&self, now: UnixMicros) -> Result<bool, Fault> {
        let until = now.plus_seconds(Self::LEASE_S);
        Ok(self.store.take_lease(Self::LEASE, &self.node, now, until).await?.is_some())
    }

    /// The board that was not closed on this day yet. Those that were are learnt of.
    async fn due(&self, day: Option<Day>) -> Result<Option<BoardKind>, Fault> {
        let mut due = None;
        for kind in KINDS {
            let close = self.store.find_board_close(kind).await?;
            self.boards.set_close(kind, close);
            let is_due = day.is_some() && close.map(|close| close.day) != day;
            if is_due && self.boards.board(kind).is_ready() {
                due = due.or(Some(kind));
            }
        }
        Ok(due)
    }
}

impl Reconciler for CloseBoards {
    const NAME: &'static str = "close_boards";
    // A session may be as short as this; when none has closed there is nothing to do.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let more = |changed| Ok(Progress { changed, done: false });
        if let Some((kind, close_id)) = self.forgetting {
            if self.store.forget_board_closes(kind, close_id).await? {
                self.forgetting = None;
            }
            return more(1);
        }
        if let Some((kind, mut closing)) = self.writing.take() {
            // Who has lost the lease leaves the rest: the other one began anew.
            if !self.holds_lease(now).await? {
                return Ok(Progress::done(0));
            }
            match closing.step(&self.store).await {
                Ok(None) => self.writing = Some((kind, closing)),
                Ok(Some(close)) => {
                    self.boards.set_close(kind, Some(close));
                    self.forgetting = Some((kind, close.close_id));
                }
                Err(error) => {
                    self.writing = Some((kind, closing));
                    return Err(error.into());
                }
            }
            return more(1);
        }
        let day = newest_day(&self.source, now);
        if self.due(day).await?.is_none() || !self.holds_lease(now).await? {
            return Ok(Progress::done(0));
        }
        // Another node may have closed it before the lease was taken.
        let (Some(kind), Some(day)) = (self.due(day).await?, day) else {
            return Ok(Progress::done(0));
        };
        let board = self.boards.board(kind);
        let closing = RankSnapshotWriter::begin(&self.store, board, kind, day, now).await?;
        self.writing = Some((kind, closing));
        more(0)
    }

    async fn leave(&mut self) {
        // Another node need not wait for the lease's end.
        let left = self.store.release_lease(Self::LEASE, &self.node).await;
        left.unwrap_or_else(|error| tracing::debug!(%error, "the lease ends by itself"));
    }
}
