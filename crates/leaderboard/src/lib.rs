//! Boards in memory: any page and any rank of a game, exactly, without sorting or counting a
//! table. It holds no names and no SQL: rows come from `store`, what a reader may see is decided
//! by `web`.

mod board;
mod check;
mod chunk;
mod fenwick;
mod follow;
mod ranking;
mod scores;

pub use board::Board;
pub use check::{Checked, check_board};
pub use follow::{FollowError, Followed, Follower, build_board};
pub use ranking::Ranking;
