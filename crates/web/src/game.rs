//! What the API and the pages share of the game: orders, history, stocks, leaderboards, files.
//! No requests, responses or HTML here; errors are `Problem`s.

pub(crate) mod csv;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod history_csv;
pub(crate) mod leaderboard;
pub(crate) mod market;
pub(crate) mod numbers;
pub(crate) mod orders;
pub(crate) mod pending_orders;
pub(crate) mod reads;
pub(crate) mod rules;
pub(crate) mod stocks;
