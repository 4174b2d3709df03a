//! The load generator: plays over HTTP, measures the responses, and verifies that acknowledged
//! trades are stored. It depends on the HTTP API only and on no workspace crate; it reads no wall
//! clock and no randomness, and prints nothing.
//!
//! Without a rate the load is closed-loop: a worker sends its next request after the last response.
//! With a rate it is open-loop: latency counts from when a request was due, so that waiting for a
//! slow server is measured.

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
mod probe;
mod regression;
mod report;
mod rng;
mod run;
mod schedule;
mod scrape;
mod server_contact;
mod setup_client;
#[cfg(test)]
mod tests;
mod tls;
mod trade_response;
mod verify;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use duration::parse_duration;
pub use error::LoadError;
pub use leaderboard_scenario::ROWS_MAX;
pub use players::Players;
pub use probe::{ProbeResponse, probe};
pub use regression::regression;
pub use report::{
    Latency, LeaderboardReport, LoadReport, Memory, QueryReport, QueueWait, Sums, Trades,
};
pub use run::run;
pub use verify::Verification;

/// The most holdings of a run of `portfolio`: one page of holdings.
pub const HOLDINGS_MAX: u32 = 50;

/// The requests of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Every worker trades for its own players.
    Distinct,
    /// All workers trade for the first player.
    Popular {
        /// This number of simultaneous trades of all workers, instead of a duration.
        rounds: Option<u64>,
    },
    /// Reads, trades, leaderboards and logins, as when the market opens.
    Mixed,
    /// Leaderboard queries, whose responses are validated.
    Board {
        /// Rows a page.
        rows: u32,
    },
    /// As `Mixed` without logins, with measurements of the server's memory.
    Soak,
    /// The portfolio of the first player.
    Portfolio {
        /// The number of stocks it holds, at most as many as have a price.
        holdings: u32,
    },
}

impl Scenario {
    /// The name on the command line and in reports.
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

#[derive(Clone, Debug)]
pub struct Options {
    pub scenario: Scenario,
    /// The base URLs of the servers, like `http://127.0.0.1:8080`.
    pub urls: Vec<String>,
    /// A PEM file of the authorities to trust for HTTPS; `None` for the public ones.
    pub ca_file: Option<PathBuf>,
    pub players: Players,
    /// The number of workers, each with its own connection; 0 counts as 1.
    pub concurrency: u32,
    pub duration: Duration,
    /// Arrivals a second; `None` for closed-loop load.
    pub rate: Option<u64>,
    /// The seed of the random number generator.
    pub seed: u64,
    /// Whether trades carry an `Idempotency-Key`.
    pub keys: bool,
    /// Makes the idempotency keys of this run unique: letters, digits and hyphens.
    pub tag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// Sending; progress is in milliseconds, or in rounds.
    Measuring,
    /// Checking; progress is in players.
    Verifying,
}

/// Receives the phase, how much is done, and of how much. Called from any worker, not always in
/// order.
pub type ProgressCallback = Arc<dyn Fn(RunPhase, u64, u64) + Send + Sync>;
