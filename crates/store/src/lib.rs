//! Every SQL statement of the program, for SQLite and PostgreSQL, with the schema and the batch
//! commit. One concrete [`Store`] over both engines: no trait, no mock. It decides nothing about
//! the game (that is `domain`) and retries nothing (that is `trading`).

#[macro_use]
mod db;

mod achievements;
mod batch;
mod board;
mod config;
mod error;
mod game;
mod idempotency;
mod ledger;
mod portfolio;
mod rows;
mod statement;
mod stocks;
mod tokens;
mod users;

pub use achievements::AchievementRow;
pub use batch::{BatchState, Change, Committed, Record, Wanted};
pub use board::ScoreCursor;
pub use config::DatabaseConfig;
pub use db::Store;
pub use error::StoreError;
pub use game::Game;
pub use idempotency::SeenKey;
pub use ledger::LedgerRow;
pub use portfolio::{HoldingRow, PortfolioSummary};
pub use statement::{CATALOGUE, Statement};
pub use stocks::{NewStock, SavedStock, StockRow};
pub use tokens::{NewToken, Session, TokenRow};
pub use users::{Account, Credentials, NewUser, Registered};
