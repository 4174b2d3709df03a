//! Market prices: the market sources and the price board. A *market source* (replayed, simulated,
//! fixed or live) computes the price of every stock at an instant; the *price board* publishes the
//! last result to all readers.
//!
//! # The time of a market
//!
//! A market is a sequence of *sessions* numbered from 0, each with a market day and one close per
//! stock.
//! The sessions up to the start day are history. The sessions after it are played at the pace of
//! the game's clock (`domain::GameClock`), which can be paused. A session has a number of *steps*
//! that never changes in a game:
//!
//! * Step 0 of a session is the close of the session before, and bears its day. So a replay opens
//!   at the closes of its start day, and every close is seen for one step.
//! * Later steps bear the session's own day, and move along a seeded path that ends at the close
//!   which the next session's step 0 then shows.
//!
//! At the pace that a game starts with, a step lasts a second.
//! * After the last session the market has ended: it shows the last close. With `at_end = "stop"`
//!   it stays there; with `"loop"` it pauses for the length of one session and restarts.
//!
//! A quote's `previous_close` is the close before the quote's day, so at the closing tick its
//! change is the change of the whole day. Prices and closes are rounded by the market's tick rule;
//! the benchmark is not.
//!
//! Every result is a pure function of the configuration, the clock's segments and `now`, in whole
//! numbers only: it is equal on every node, on every machine and after a restart. The seed is not
//! part of the configuration: 128 random bits of the game, secret until the market has ended
//! (docs/fair-market.md).
//!
//! A live market differs: its sessions are those of an exchange's calendar, and its prices are the
//! last ones that providers returned.

mod calendar;
mod catalogue;
mod company_lookup;
mod config;
mod currency;
mod decimal;
mod game_market;
mod guard;
mod import;
mod limits;
mod live;
mod markup;
mod metric_families;
mod mixer;
mod names;
mod path;
mod price_board;
mod price_snapshot;
mod provider;
mod public_path;
mod quote;
mod replay;
mod schedule;
mod seed;
mod series;
mod shared_clock;
mod simulated;
mod source;
mod tick;
pub mod ticker;
mod timetable;

pub use calendar::{Calendar, CalendarError, TradingHours, TradingSession};
pub use catalogue::{data_licence, embedded_stocks, simulated_stocks};
pub use company_lookup::CompanyLookup;
pub use config::{
    AtEnd, CacheTtl, FixedConfig, LiveConfig, MarketConfig, ReplayConfig, SimulatedConfig,
    SourceKind,
};
pub use currency::PriceUnit;
pub use game_market::{GameMarket, GameMarketError, MarketDifference};
pub use guard::{
    BreakerConfig, CONFIRM_S, CircuitState, GuardConfig, ProviderStatus, Providers, QuotaConfig,
    QuotasConfig, StockUnits, reset_provider,
};
pub use import::{
    DateOrder, DecimalMark, ImportError, ImportNote, ImportOptions, ImportSummary, ImportedData,
    Importer,
};
pub use limits::MarketConfigError;
pub use live::{CLOSE_GRACE_S, LiveMarket};
pub use markup::{CleanText, clean_text};
pub use metric_families::METRIC_FAMILIES;
pub use price_board::{PriceBoard, PriceBoardError};
pub use price_snapshot::PriceSnapshot;
pub use provider::{
    CompanyProfile, ConnectError, PriceHistory, ProviderConfig, ProviderError, ProviderFuture,
    ProviderKind, ProviderOperation, ProviderQuote, ProvidersConfig, QuotaWindow, QuoteProvider,
    SearchHit, TraceParent, connect,
};
pub use quote::{Halt, Listing, StockQuote};
pub use schedule::{ClockSchedule, ScheduleError};
pub use seed::{draw_seed, seed_commitment};
pub use series::ImportedMarket;
pub use shared_clock::{ClockReading, SharedClock};
pub use source::{MarketFacts, MarketSource, REVEAL_AFTER_S, SEGMENTS_MAX, SessionEnd};
pub use tick::TickRule;
pub use timetable::MarketTime;
