//! What the API and the pages share of the game: reads, orders, numbers as text, files.

pub(crate) mod csv;
pub(crate) mod export;
pub(crate) mod leaderboard;
pub(crate) mod numbers;
pub(crate) mod reads;
