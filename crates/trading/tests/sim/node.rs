//! A virtual node: lanes with their queues, each with at most one batch in some phase. One call
//! advances one lane by one phase, so that other nodes act in between; `simulation` draws the
//! calls.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use domain::Clock as _;
use store::Locking;
use testkit::ManualClock;
use trading::{DeskRequest, Job, Lane, LoadedBatch, PreparedBatch, TradingConfig};

use crate::account::must;
use crate::game::SimGame;
use crate::judge::{Judge, Seen};
use crate::trace::Trace;

/// As the lanes' own default.
const ATTEMPTS_MAX: u32 = 4;

pub(crate) struct Node {
    pub(crate) clock: ManualClock,
    pub(crate) lines: Vec<LaneState>,
}

/// A lane and what is in it. The numbers are those of the requests, in the order of the jobs.
pub(crate) struct LaneState {
    lane: Lane,
    queue: VecDeque<(usize, Job)>,
    phase: Phase,
    pub(crate) batch: Vec<usize>,
    attempt: u32,
}

enum Phase {
    Idle,
    Gathered(Vec<Job>),
    LoadedBatch(LoadedBatch),
    PreparedBatch(PreparedBatch),
}

impl Node {
    pub(crate) fn new(game: &SimGame, clock: ManualClock, lanes: u32) -> Self {
        let parts = game.parts(&clock);
        let line = |number| LaneState {
            lane: Lane::new(&TradingConfig::default(), Arc::clone(&parts), number),
            queue: VecDeque::new(),
            phase: Phase::Idle,
            batch: Vec::new(),
            attempt: 1,
        };
        Self { lines: (0..lanes).map(line).collect(), clock }
    }

    /// Puts a request in its player's queue.
    pub(crate) fn enqueue(&mut self, request: DeskRequest, judge: &mut Judge) {
        let player = usize::try_from(request.player_id).expect("a small number");
        let (job, response) = Job::new(request.clone());
        let number = judge.sent(request, response);
        let lines = self.lines.len();
        self.lines[player % lines].queue.push_back((number, job));
    }

    /// Forgets everything; gives the numbers of the requests that it had.
    pub(crate) fn crash(&mut self) -> Vec<usize> {
        let mut numbers = Vec::new();
        for line in &mut self.lines {
            numbers.append(&mut line.batch);
            numbers.extend(line.queue.drain(..).map(|(number, _)| number));
            line.phase = Phase::Idle;
        }
        numbers
    }
}

impl LaneState {
    pub(crate) fn has_work(&self) -> bool {
        !self.queue.is_empty() || !matches!(self.phase, Phase::Idle)
    }

    pub(crate) fn is_prepared(&self) -> bool {
        matches!(self.phase, Phase::PreparedBatch(_))
    }

    /// Whether the next step of this line locks its players.
    pub(crate) fn will_lock(&self, locks: bool) -> bool {
        matches!(self.phase, Phase::Gathered(_)) && self.attempt > 1 && locks
    }

    /// Runs the next phase; returns whether responses may have been sent. Without `locks`, later
    /// attempts lock no player either, so that a request can lose every time.
    pub(crate) async fn advance(
        &mut self,
        clock: &ManualClock,
        at_once: usize,
        locks: bool,
        (game, judge, trace): (&SimGame, &mut Judge, &Trace),
    ) -> Result<bool, String> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => {
                let count = self.queue.len().min(at_once);
                let (numbers, jobs) = self.queue.drain(..count).unzip();
                (self.batch, self.attempt) = (numbers, 1);
                trace.note(&format!("gathers {:?}", self.batch));
                self.phase = Phase::Gathered(jobs);
                Ok(false)
            }
            Phase::Gathered(jobs) if self.attempt > ATTEMPTS_MAX => {
                trace.note(&format!("gives up {:?}", self.batch));
                jobs.into_iter().for_each(Job::give_up);
                self.batch.clear();
                Ok(true)
            }
            Phase::Gathered(jobs) => {
                let lock = locks && self.attempt > 1;
                trace.note(&format!("loads {:?}, lock {lock}", self.batch));
                judge.loaded(&self.batch);
                let locking = lock.then_some(Locking::Wait);
                let loaded = match Box::pin(self.lane.load(jobs, locking)).await {
                    Ok(loaded) => loaded,
                    Err(again) if judge.is_failing => {
                        if !again.is_empty() {
                            self.attempt += 1;
                            self.phase = Phase::Gathered(again);
                        }
                        return Ok(true);
                    }
                    Err(_) => return Err("loading failed without a fault".to_owned()),
                };
                if !lock {
                    self.phase = Phase::LoadedBatch(loaded);
                    return Ok(false);
                }
                let prepared = self.settle(loaded, clock, game, judge, trace);
                self.commit(prepared, trace).await;
                Ok(true)
            }
            Phase::LoadedBatch(loaded) => {
                let prepared = self.settle(loaded, clock, game, judge, trace);
                self.phase = Phase::PreparedBatch(prepared);
                Ok(false)
            }
            Phase::PreparedBatch(prepared) => {
                self.commit(prepared, trace).await;
                Ok(true)
            }
        }
    }

    /// Locks and loads, and dies before it writes.
    pub(crate) async fn die_locked(&mut self, trace: &Trace) {
        if let Phase::Gathered(jobs) = std::mem::replace(&mut self.phase, Phase::Idle) {
            trace.note(&format!("locks {:?} and dies", self.batch));
            drop(Box::pin(self.lane.load(jobs, Some(Locking::Wait))).await);
        }
    }

    fn settle(
        &self,
        loaded: LoadedBatch,
        clock: &ManualClock,
        game: &SimGame,
        judge: &mut Judge,
        trace: &Trace,
    ) -> PreparedBatch {
        trace.note(&format!("settles {:?} at {}", self.batch, clock.now()));
        let seen = Rc::new(Seen { now: clock.now(), quotes: game.market.quotes() });
        judge.settled(&self.batch, &seen);
        self.lane.settle(loaded)
    }

    async fn commit(&mut self, prepared: PreparedBatch, trace: &Trace) {
        trace.note(&format!("commits {:?}", self.batch));
        let again = Box::pin(self.lane.commit(prepared)).await;
        if !again.is_empty() {
            trace.note(&format!("loses {}", again.len()));
            trace.count(|counts| counts.races += again.len() as u64);
            self.attempt += 1;
            self.phase = Phase::Gathered(again);
        }
    }

    /// Keeps the numbers of those that have no response yet.
    pub(crate) fn keep_waiting(&mut self, judge: &Judge) -> Result<(), String> {
        self.batch.retain(|&number| judge.is_waiting(number));
        let jobs = match &self.phase {
            Phase::Idle => 0,
            Phase::Gathered(jobs) => jobs.len(),
            Phase::LoadedBatch(_) | Phase::PreparedBatch(_) => return Ok(()),
        };
        let waiting = self.batch.len();
        must(jobs == waiting, || format!("{jobs} jobs, {waiting} have no response"))
    }
}
