//! Boards in memory: any page and any rank of a game, exactly, without sorting or counting a
//! table. It holds no names and no SQL: rows come from `store`, what a reader may see is decided
//! by `web`.

mod board;
mod boards;
mod build;
mod check;
mod chunk;
mod close;
mod fenwick;
mod follow;
mod ranking;
mod scores;
mod value;

pub use board::Board;
pub use boards::{BoardError, Boards, Rows, Window};
pub use build::Builder;
pub use check::{Checked, check_board};
pub use close::Closing;
pub use follow::{FollowError, Followed, Follower, Overlap};
pub use ranking::Ranking;
pub use value::Valuation;
