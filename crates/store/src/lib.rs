//! Every SQL statement of the program, for SQLite and PostgreSQL, with the schema and the batch
//! commit. One concrete [`Store`] over both engines: no trait, no mock. It decides nothing about
//! the game (that is `domain`) and retries nothing (that is `trading`).

#[macro_use]
mod db;
#[macro_use]
mod transaction;

mod achievements;
mod archives;
mod backfill;
mod batch;
mod board;
mod changes;
mod closes;
mod config;
mod equity;
mod erase;
mod error;
mod game;
mod history;
mod idempotency;
mod imports;
mod leases;
mod ledger;
mod log;
mod market;
mod markets;
mod measure;
mod migrate;
mod names;
mod passwords;
mod pending_orders;
mod people;
mod portfolio;
mod prepare;
mod provider_usage;
mod quotes;
mod replica;
mod reserve;
mod rows;
mod seals;
mod seeds;
mod settings;
mod statement;
mod stock_texts;
mod stocks;
mod tokens;
mod users;
mod viewer;
mod watch;
mod watches;

pub use achievements::AchievementRow;
pub use archives::{
    ArchiveRow, ArchiveState, ArchivedHead, ArchivedHolding, KeyRange, Seat, Written,
};
pub use backfill::{BACKFILLS, Backfill};
pub use batch::{
    BatchMark, BatchState, Change, Committed, Doubt, LockedBatch, Locking, Record, Valuation,
    Wanted,
};
pub use board::{ScoreCursor, Shown, ShownName};
pub use closes::{BoardClose, BoardKind};
pub use config::DatabaseConfig;
pub use db::{PLANNER_SETTINGS, Store};
pub use equity::{EquityKept, EquityPoint, EquityStep, RollUpStep};
pub use erase::Erasure;
pub use error::{StoreError, clear_disk_full, disk_failed, is_disk_full};
pub use game::Game;
pub use history::{MonthBar, MonthSpan};
pub use idempotency::SeenKey;
pub use imports::{ImportCounts, Jump, NewMarket};
pub use ledger::{FilteredPage, LedgerFilter, LedgerRow, NoteRow};
pub use log::keep_log;
pub use market::{MarketQuery, MarketRow, MarketSort};
pub use markets::{FoundMarket, MarketCloses, MarketInfo, MarketStockInfo};
pub use passwords::{CodesLeft, PasswordLink, RecoveryCode};
pub use pending_orders::{FillsAt, NewPendingOrder, OrderOutcome, PendingOrder, Placed};
pub use people::{PeoplePage, Person, PersonDetails};
pub use portfolio::{
    HoldingRow, PortfolioMix, PortfolioPositions, PortfolioSummary, Stake, Standing,
};
pub use prepare::{Common, NewPlayer};
pub use quotes::{DueBefore, DueQuote, KeptQuote};
pub use replica::ReplicaWatch;
pub use reserve::DiskReserve;
pub use seals::{SealRow, SealedHead};
pub use seeds::{GameSeed, SeededMarket};
pub use settings::{Appearance, Preferences, Shows};
pub use statement::{CATALOGUE, Statement};
pub use stocks::{SavedStock, StockRow};
pub use tokens::{NewToken, Session, TokenKind, TokenRow};
pub use users::{Account, Credentials, NewUser, Registered, Role, Taken};
pub use viewer::{UnseenReward, Viewer};
pub use watch::Watch;
