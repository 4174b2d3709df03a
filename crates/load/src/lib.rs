//! The load generator: plays one player over HTTP, asks for the same page again and again, and
//! measures the answers. It knows the server by its HTTP API alone and uses none of our crates; it
//! reads no wall clock and no randomness, and prints nothing.
//!
//! The load is closed-loop: a worker sends its next request when the last one is answered. Latency
//! therefore leaves out what requests at a fixed rate would wait while the server stalls.

mod client;
mod portfolio;
mod report;

pub use client::LoadError;
pub use portfolio::portfolio;
pub use report::{Latency, Report, Sums};

/// The most holdings a run can have: what fits on one page of stocks and of holdings.
pub const HOLDINGS_MAX: u32 = 50;

/// What to send, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server, like `http://127.0.0.1:8080`.
    pub url: String,
    /// How many stocks the player buys a share of, as far as so many are listed with a price; more
    /// than `HOLDINGS_MAX` counts as that.
    pub holdings: u32,
    /// How many measured requests are sent in all.
    pub requests: u64,
    /// How many workers send them, each on a connection of its own; 0 counts as 1.
    pub concurrency: u32,
    /// What makes the player's e-mail address unique: letters, digits and hyphens.
    pub tag: String,
}
