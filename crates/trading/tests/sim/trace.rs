//! Records a simulation: the last steps for a failure report, a digest that compares two runs, and
//! counts.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Steps in a failure report.
const STEPS_KEPT: usize = 30;

/// Writes a line to standard output; a closed pipe is ignored.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What was run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) seeds: u64,
    pub(crate) steps: u64,
    pub(crate) requests: u64,
    /// Purchases, sales, notes and awards that were committed.
    pub(crate) fills: u64,
    pub(crate) awards: u64,
    pub(crate) refusals: u64,
    /// Requests whose player or key another node won.
    pub(crate) races: u64,
    pub(crate) contended: u64,
    pub(crate) replays: u64,
    pub(crate) crashes: u64,
    /// Commits without a response.
    pub(crate) silent: u64,
    pub(crate) jumps: u64,
    /// Times that the database failed while a batch was committed.
    pub(crate) failures: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.requests += other.requests;
        self.fills += other.fills;
        self.awards += other.awards;
        self.refusals += other.refusals;
        self.races += other.races;
        self.contended += other.contended;
        self.replays += other.replays;
        self.crashes += other.crashes;
        self.silent += other.silent;
        self.jumps += other.jumps;
        self.failures += other.failures;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, steps, requests, fills, refusals, .. } = self;
        write!(
            f,
            "{seeds} seeds, {steps} steps, {requests} requests: {fills} fills, {} awards, ",
            self.awards
        )?;
        write!(f, "{refusals} refusals, {} replays, {} contended; ", self.replays, self.contended)?;
        write!(f, "{} races, {} crashes, ", self.races, self.crashes)?;
        write!(f, "{} silent commits, {} clock jumps, ", self.silent, self.jumps)?;
        write!(f, "{} failures of the database", self.failures)
    }
}

/// The trace of one run. It outlives the run, even one that panics.
pub(crate) struct Trace {
    print: bool,
    inner: Mutex<TraceState>,
}

#[derive(Default)]
struct TraceState {
    /// The last steps, each with its lines.
    steps: VecDeque<Vec<String>>,
    digest: DefaultHasher,
    counts: Counts,
}

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self { print, inner: Mutex::default() }
    }

    /// Begins a step.
    pub(crate) fn step(&self, title: String) {
        self.inner().steps.push_back(Vec::new());
        if self.inner().steps.len() > STEPS_KEPT {
            self.inner().steps.pop_front();
        }
        self.line(title);
    }

    /// Something about the present step.
    pub(crate) fn note(&self, what: &str) {
        self.line(format!("    {what}"));
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.inner().counts);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// Equal for equal runs.
    pub(crate) fn digest(&self) -> u64 {
        self.inner().digest.finish()
    }

    pub(crate) fn last_steps(&self) -> String {
        let inner = self.inner();
        inner.steps.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn line(&self, line: String) {
        if self.print {
            print_line(&line);
        }
        let mut inner = self.inner();
        line.hash(&mut inner.digest);
        if let Some(step) = inner.steps.back_mut() {
            step.push(line);
        }
    }

    fn inner(&self) -> MutexGuard<'_, TraceState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
