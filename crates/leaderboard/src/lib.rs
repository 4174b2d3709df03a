//! Leaderboards in memory: any page and any rank of a game, exact, without sorting or counting a
//! table. SQL is in `store`; names and visibility are added by `web`.

mod build;
mod check;
mod chunk;
mod fenwick;
mod follow;
mod leaderboard;
mod leaderboards;
mod rank_snapshot_writer;
mod ranking;
mod scores;
mod value;

pub use build::LeaderboardBuilder;
pub use check::{CheckResult, check_board};
pub use follow::{FollowError, FollowResult, LedgerFollower, Overlap};
pub use leaderboard::Leaderboard;
pub use leaderboards::{LeaderboardError, LeaderboardRows, Leaderboards, RankWindow};
pub use rank_snapshot_writer::RankSnapshotWriter;
pub use ranking::Ranking;
pub use value::ReturnValuation;
