//! What a desk and its lanes are given: database, rules, clock, prices and a callback.

use std::sync::Arc;

use domain::{Clock, Entropy, Fill, Quote, Rejection, UnixMicros};
use store::{Store, Valuation};
use tokio::sync::watch;

use crate::GameRules;

/// Returns the present quote of a stock, or why it cannot be traded.
pub type Quotes = Arc<dyn Fn(i64) -> Result<Quote, Rejection> + Send + Sync>;
/// Returns the present prices for valuing holdings.
pub type Valuations = Arc<dyn Fn() -> Valuation + Send + Sync>;
/// Called with fills after their COMMIT and before their responses, so that a client that reads its
/// rank after the response sees the new one. It runs on the lane and must not block.
pub type OnCommit = Arc<dyn Fn(&[Fill]) + Send + Sync>;

/// The dependencies of a desk.
pub struct DeskDeps {
    pub store: Store,
    pub rules: Arc<GameRules>,
    pub clock: Arc<dyn Clock>,
    /// Randomness for backoffs and for the marks of batches, which must be unique in a database.
    pub entropy: Arc<dyn Entropy>,
    pub quotes: Quotes,
    /// Changes when quotes are published.
    pub published: watch::Receiver<UnixMicros>,
    /// Prices for valuing holdings, and the limits of holdings that count for achievements.
    pub valuation: Valuations,
    pub on_commit: OnCommit,
}
