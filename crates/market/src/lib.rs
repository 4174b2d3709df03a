//! Prices: the market sources and the price board. A *market source* (replayed history, a simulated
//! market, prices that stand still, or live ones) says what every stock costs at an instant; the
//! *price board* holds the last answer for everyone who asks. It is not a store: it writes no table
//! and keeps no history beyond what it needs to know the present, and it never says anything about
//! the future.
//!
//! # The time of a market
//!
//! A market is a row of *sessions* numbered from 0, each with a market day and one close per stock.
//! The sessions up to the start day are history. The sessions after it are lived, one every
//! `session_seconds` real seconds from `started_at`, an instant which the caller stores when the
//! market is first opened and hands in at every later start. At most one *tick* falls on a second:
//!
//! * The tick at second 0 of a session is the close of the session before, and bears its day. So a
//!   replay opens at the closes of its start day, and every close is seen for one tick.
//! * The ticks at later seconds bear the session's own day, and move along a seeded path that ends
//!   at the close which the next session's second 0 then shows.
//! * After the last session the market has ended: it shows the last close. With `at_end = "stop"`
//!   it stands there for good; with `"loop"` it rests for the length of one session and starts
//!   over.
//!
//! A quote's `previous_close` is the close before the quote's day, so at the closing tick its
//! change is the change of the whole day. Prices and closes are rounded by the market's tick rule;
//! the benchmark is not.
//!
//! Every answer is a pure function of the configuration, `started_at` and `now`, in whole numbers
//! only: it is equal on every node, on every machine and after a restart. The configuration leaves
//! out the seed: 128 random bits of the game, which are secret until the market has ended
//! (docs/fair-market.md).
//!
//! A live market is none of that: its sessions are those of an exchange's calendar, and its prices
//! are what providers told last.

mod board;
mod calendar;
mod catalogue;
mod chance;
mod config;
mod currency;
mod guard;
mod import;
mod live;
mod lookups;
mod markup;
mod names;
mod path;
mod present;
mod provider;
mod public_path;
mod replay;
mod seed;
mod series;
mod simulated;
mod source;
mod tick;
pub mod ticker;

pub use board::{BoardError, Halt, Listing, PriceBoard, Snapshot, StockQuote};
pub use calendar::{Calendar, CalendarError, Session};
pub use catalogue::{StockText, data_licence, embedded_stocks, simulated_stocks};
pub use config::{
    AtEnd, CacheTtl, ConfigError, FixedConfig, LiveConfig, MarketConfig, ReplayConfig,
    SimulatedConfig, SourceKind,
};
pub use currency::PriceUnit;
pub use guard::{
    BreakerConfig, BreakerWord, CONFIRM_S, GuardConfig, ProviderStatus, Providers, QuotaConfig,
    QuotasConfig, StockUnits, reset_provider,
};
pub use import::{
    DateOrder, DecimalMark, Import, ImportError, ImportNote, ImportOptions, ImportSummary,
    Importer, StockDescription,
};
pub use live::{CLOSE_GRACE_S, Hours, Live};
pub use lookups::Lookups;
pub use markup::{CleanText, clean_text};
pub use present::Present;
pub use provider::{
    Asked, CompanyProfile, ConnectError, DailyBar, History, ProviderConfig, ProviderKind,
    ProviderQuote, ProvidersConfig, Question, QuoteProvider, Refusal, SearchHit, Window, connect,
};
pub use seed::{draw_seed, seed_commitment};
pub use series::ImportedMarket;
pub use source::{Closing, MarketFacts, MarketSource, REVEAL_AFTER_S};
pub use tick::TickRule;
