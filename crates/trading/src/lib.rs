//! The trade path: the desk where orders arrive, the lanes in which they wait, the batches in which
//! they are settled and committed, and idempotency. It decides nothing about the game (that is
//! `domain::settle`), holds no SQL (that is `store`) and knows no HTTP (that is `web`).

mod answer;
mod aside;
mod attempt;
mod batch;
mod config;
mod desk;
mod job;
mod lane;
mod pending;
mod waiting;

pub use attempt::{Loaded, Prepared};
pub use config::TradingConfig;
pub use desk::{
    Answer, Desk, DeskError, Idempotency, OnCommit, Parts, Quotes, Request, Valuations,
};
pub use job::Job;
pub use lane::Lane;
pub use pending::{Executed, OrderExecutor, OrderQuotes, count_ended};
