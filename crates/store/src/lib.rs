//! All SQL of the program, for SQLite and PostgreSQL, with the schema and the batch commit. One
//! concrete [`Store`] serves both engines. Game rules are in `domain`, retries in `trading`.

mod achievements;
mod archives;
mod award_backfills;
mod backfill;
mod batch;
mod catalogue;
mod changes;
mod clock_skew;
mod closes;
mod config;
mod db;
mod decode;
mod equity;
mod erase;
mod error;
mod game;
mod game_clock;
mod game_rules;
mod history;
mod idempotency;
mod imports;
mod inspect;
mod laravel;
mod leases;
mod ledger;
mod ledger_partitions;
mod ledger_row;
mod market;
mod markets;
mod measure;
mod metric_families;
mod migrate;
mod names;
mod operations;
mod passwords;
mod pending_orders;
mod people;
mod player_import;
mod pools;
mod portfolio;
mod postgres;
mod prepare;
mod progress;
mod provider_usage;
mod query;
mod quotes;
mod rank_snapshots;
mod replica;
mod reserve;
mod rows;
mod schema_floor;
mod scores;
mod seals;
mod seeds;
mod settings;
mod sole_process;
mod sqlite;
mod statement;
mod stock_texts;
mod stocks;
mod tokens;
mod transaction;
mod unknown_commit;
mod user_lock;
mod users;
mod viewer;
mod wal;
mod watch;
mod watches;

pub use achievements::AchievementRow;
pub use archives::{
    ArchiveFiles, ArchiveRow, ArchiveState, ArchivedHead, ArchivedHolding, FencedMonth, KeyRange,
};
pub use award_backfills::AwardBackfill;
pub use backfill::{BACKFILLS, Backfill};
pub use batch::{
    BatchState, Committed, IdempotencyRecord, LoadKey, LockedBatch, Locking, PlayerUpdate,
    Valuation,
};
pub use catalogue::CATALOGUE;
pub use config::DatabaseConfig;
pub use db::Store;
pub use equity::{EquityPoint, EquityRetention, EquityStep, RollUpStep};
pub use erase::Erasure;
pub use error::{StoreError, clear_disk_full, disk_failed, is_disk_full};
pub use game::{Game, MAIN, NewGameMarket};
pub use game_clock::{ClockChange, ClockPage, GameEvent, NewGameEvent};
pub use game_rules::{NewRules, StoredRules};
pub use history::{MonthBar, MonthSpan};
pub use idempotency::StoredOutcome;
pub use imports::{ImportCounts, NewMarket, PriceJump};
pub use inspect::{DatabaseReport, DatabaseServerReport};
pub use laravel::{
    CashDifference, LARAVEL_CENTS_END, LARAVEL_LEVEL_MAX, LARAVEL_XP_MAX, LARAVEL_XP_STEP,
    LaravelAchievement, LaravelDatabase, LaravelHolding, LaravelOrphan, LaravelShares,
    LaravelStock, LaravelTotals, LaravelUnlock, LaravelUser, OwnedTable, PositionDifference,
    TradeTable,
};
pub use ledger::{FilteredPage, LedgerFilter, NoteRow};
pub use ledger_row::LedgerRow;
pub use market::{MarketQuery, MarketRow, MarketSort};
pub use markets::{MarketCloses, MarketInfo, MarketMatch, MarketStockInfo};
pub use measure::log_slow_statements;
pub use metric_families::METRIC_FAMILIES;
pub use operations::{HeldLease, LedgerMonthSize, PoolUsage};
pub use passwords::{CodesLeft, PasswordLink, RecoveryCode};
pub use pending_orders::{
    FillsAt, NewPendingOrder, OrderOutcome, OrderPlacement, PendingOrder, UNPLANNED,
};
pub use people::{UserDetails, UserPage, UserSummary};
pub use player_import::{ImportedPlayer, ImportedShares, ImportedTotals, PlayerImport};
pub use portfolio::{HoldingRow, PortfolioMix, PortfolioPositions, PortfolioSummary, Position};
pub use postgres::PLANNER_SETTINGS;
pub use prepare::{NewPlayer, NewPlayerDefaults, UNRANKED_PLAYERS_MAX, UNRANKED_TAG};
pub use progress::PlayerProgress;
pub use quotes::{DueQuote, DueQuoteFilter, StoredQuote};
pub use rank_snapshots::{BoardKind, RankSnapshot};
pub use replica::ReplicaMonitor;
pub use reserve::DiskReserve;
pub use scores::{PlayerLabel, PublicName, ScoreCursor};
pub use seals::{SealRow, SealedHead};
pub use seeds::{GameSeed, SeededMarket};
pub use settings::{Appearance, NameVisibility, Preferences};
pub use statement::Statement;
pub use stocks::{SavedStock, StockRow};
pub use tokens::{NewToken, TokenKind, TokenRow, UserSession};
pub use unknown_commit::{BatchMark, UnknownCommit};
pub use users::{Account, Credentials, NO_PASSWORD, NameConflict, NewUser, Registered, Role};
pub use viewer::{UnseenReward, Viewer};
pub use wal::sync_wal;
pub use watch::DatabaseMonitor;
