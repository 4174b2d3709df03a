//! The rules of the game, pure and synchronous: numbers, orders, settlement, progress,
//! achievements, the ledger entry and its hash. No I/O, clock, random number or environment
//! variable is read here: the time and random numbers are arguments.

#![deny(missing_docs)]

mod achievement;
mod amount;
mod award;
mod clock;
mod currency;
mod day_zone;
mod decimal;
mod game_clock;
mod invariant;
mod ledger;
mod limited;
mod metric;
mod minor_unit;
mod number;
mod order;
mod page;
mod pending;
mod player;
mod progress;
mod quote;
mod ratio;
mod rejection;
mod rules;
mod rules_effect;
mod rules_version;
mod secret;
mod settle;
mod spread;
mod stock;
mod symbol;
pub mod text;
mod trace;
mod transfer;
mod xp;

pub use achievement::{Achievement, AchievementKind, AchievementSet, Achievements, Counts, Unlock};
pub use amount::Amount;
pub use clock::{Clock, Day, Entropy, Month, UnixMicros};
pub use currency::{Currency, CurrencyError};
pub use day_zone::DayZone;
pub use decimal::DecimalError;
pub use game_clock::{
    ClockCause, ClockCommand, ClockError, ClockPosition, ClockRefusal, ClockSegment, GameClock,
    SESSION_SECONDS_MAX,
};
pub use invariant::{invariant_breaches, note_breach};
pub use ledger::{EntryKind, Hash, LedgerEntry, QuoteSource, TradeId, genesis_hash};
pub use limited::limited;
pub use metric::{LabelValues, MetricFamily, MetricKind, MetricLabel, MetricScope};
pub use minor_unit::MinorUnit;
pub use number::{Money, NumberError, Price, Quantity, average_price};
pub use order::{Action, Note, NoteError, Order, Side};
pub use page::{PageMeta, PageRequest};
pub use pending::{OrderId, OrderState};
pub use player::{Holding, Invested, Player};
pub use progress::{Levels, Progress};
pub use quote::Quote;
pub use ratio::{Ratio, divide_rounded};
pub use rejection::Rejection;
pub use rules::{
    AmountKeys, Fee, FillMode, HOLDING_SESSIONS_MAX, LateJoin, LimitStanding, PortfolioShare,
    RankingRules, Rules,
};
pub use rules_effect::RulesEffect;
pub use rules_version::{RulesDifference, RulesRef, VersionedRules};
pub use secret::Secret;
pub use settle::{Fill, Outcome, open_player, settle};
pub use spread::BidAsk;
pub use stock::{DailyBar, StockDescription, StockInfo};
pub use symbol::{Symbol, SymbolError};
pub use trace::{TRACE_ROOTS, TRACES};
pub use transfer::{AccountTransfer, TransferredHolding, open_transferred};
pub use xp::{TradeXp, XpRules, XpStanding};
