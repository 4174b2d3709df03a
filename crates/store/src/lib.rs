//! Every SQL statement of the program, for SQLite and PostgreSQL, with the schema and the batch
//! commit. One concrete [`Store`] over both engines: no trait, no mock. It decides nothing about
//! the game (that is `domain`) and retries nothing (that is `trading`).

#[macro_use]
mod db;
#[macro_use]
mod transaction;

mod achievements;
mod batch;
mod board;
mod config;
mod error;
mod game;
mod idempotency;
mod ledger;
mod log;
mod measure;
mod portfolio;
mod prepare;
mod rows;
mod statement;
mod stocks;
mod tokens;
mod users;
mod watch;

pub use achievements::AchievementRow;
pub use batch::{BatchState, Change, Committed, Doubt, LockedBatch, Record, Wanted};
pub use board::ScoreCursor;
pub use config::DatabaseConfig;
pub use db::Store;
pub use error::{StoreError, disk_failed};
pub use game::Game;
pub use idempotency::SeenKey;
pub use ledger::LedgerRow;
pub use log::keep_log;
pub use portfolio::{HoldingRow, PortfolioSummary};
pub use prepare::{Common, NewPlayer};
pub use statement::{CATALOGUE, Statement};
pub use stocks::{NewStock, SavedStock, StockRow};
pub use tokens::{NewToken, Session, TokenRow};
pub use users::{Account, Credentials, NewUser, Registered};
pub use watch::Watch;
