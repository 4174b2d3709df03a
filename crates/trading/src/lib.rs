//! The trade path: the desk accepts requests, lanes settle and commit them in batches (group
//! commit), with idempotency keys and retries. Rules are in `domain`, SQL in `store`, HTTP in
//! `web`.

mod awards;
mod batch;
mod completion;
mod config;
mod deps;
mod desk;
mod game_rules;
mod group_commit;
mod job;
mod lane;
mod metric_families;
mod next_tick;
mod pending;
mod request;
mod retry_set_aside;
mod set_aside;
mod trace;

pub use awards::{AchievementAwards, AwardError, AwardRun};
pub use config::TradingConfig;
pub use deps::{DeskDeps, OnCommit, Quotes, Valuations};
pub use desk::Desk;
pub use game_rules::{GameRules, RULES_LEAD_S, RulesChange, RulesError, permit_stocks};
pub use group_commit::{LoadedBatch, PreparedBatch};
pub use job::Job;
pub use lane::Lane;
pub use metric_families::METRIC_FAMILIES;
pub use pending::{ExecutionRun, OrderExecutor, OrderQuotes, count_ended};
pub use request::{DeskError, DeskRequest, Idempotency, OrderResponse};
