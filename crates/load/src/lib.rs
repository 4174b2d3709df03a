//! The load generator: plays players over HTTP, measures the answers, and checks from outside that
//! what was acknowledged was kept. It knows the server by its HTTP API alone and uses none of our
//! crates; it reads no wall clock and no randomness, and prints nothing.
//!
//! Without a rate the load is closed-loop: a worker sends its next request when the last one is
//! answered. With a rate it is open-loop: latency counts from when a request was due, so that what
//! waits for a slow server is not hidden.

mod amount;
mod client;
mod counters;
mod duration;
mod error;
mod history_entry;
mod history_verifier;
mod leaderboard_scenario;
mod metrics_poller;
mod pending_trades;
mod plan;
mod players;
mod portfolio;
mod regression;
mod report;
mod rng;
mod run;
mod schedule;
mod scrape;
mod server_contact;
mod setup_client;
#[cfg(test)]
mod test_server;
mod trade_response;
mod verify;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use duration::parse_duration;
pub use error::LoadError;
pub use leaderboard_scenario::ROWS_MAX;
pub use players::Players;
pub use regression::regression;
pub use report::{
    Latency, LeaderboardReport, LoadReport, Memory, QueryReport, QueueWait, Sums, Trades,
};
pub use run::run;
pub use verify::Verification;

/// The most holdings a run of `portfolio` can have: what fits on one page of holdings.
pub const HOLDINGS_MAX: u32 = 50;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Every worker trades for players of its own.
    Distinct,
    /// All workers trade for the first player.
    Popular {
        /// So many times all at the same instant, instead of for a time.
        rounds: Option<u64>,
    },
    /// The market opens: reads, trades, boards, sign-ins.
    Mixed,
    /// A storm on the boards, of which every answer is checked.
    Board {
        /// Rows a page.
        rows: u32,
    },
    /// As `Mixed` without sign-ins, with an eye on the server's memory.
    Soak,
    /// The portfolio of the first player is asked for.
    Portfolio {
        /// How many stocks it holds, as far as so many have a price.
        holdings: u32,
    },
}

impl Scenario {
    /// The scenario's name, as on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Distinct => "distinct",
            Self::Popular { .. } => "popular",
            Self::Mixed => "mixed",
            Self::Board { .. } => "board",
            Self::Soak => "soak",
            Self::Portfolio { .. } => "portfolio",
        }
    }
}

/// What to send, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is played.
    pub scenario: Scenario,
    /// The servers, like `http://127.0.0.1:8080`.
    pub urls: Vec<String>,
    /// Who plays.
    pub players: Players,
    /// How many workers send, each on a connection of its own; 0 counts as 1.
    pub concurrency: u32,
    /// How long is measured.
    pub duration: Duration,
    /// Arrivals a second; none: a worker sends when its last request is answered.
    pub rate: Option<u64>,
    /// The seed of the random number generator.
    pub seed: u64,
    /// Whether trades carry an `Idempotency-Key`.
    pub keys: bool,
    /// What makes the keys of this run unique: letters, digits and hyphens.
    pub tag: String,
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// Sending; progress is in milliseconds, or in rounds.
    Measuring,
    /// Checking; progress is in players.
    Verifying,
}

/// Is told how far a run is: the stage, how much is done, and of how much. Called from any worker,
/// and so not always in order.
pub type ProgressCallback = Arc<dyn Fn(RunPhase, u64, u64) + Send + Sync>;
