//! The batch: loads what a lane needs to settle its orders and commits the result in one
//! transaction of set-based statements guarded by `balance_version`. `trading` decides and retries.

mod commit;
mod load;
mod locked;
mod mark;
mod sets;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::{Day, Fill, Hash, MinorUnit, Money, Month, Note, Player, Rejection};

use crate::StoredOutcome;
use crate::statement::LazyStatement;

pub use locked::{LockedBatch, Locking};
pub(crate) use mark::STATEMENTS as MARK_STATEMENTS;
pub(crate) use sets::{
    ENTRIES, ENTRY_COLUMNS, HOLDINGS, OPENED_PLAYERS, UNLOCKS, entry_rows, insert_entries,
    player_rows,
};

/// The rows to load for one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadKey {
    pub player_id: i64,
    pub stock_id: Option<i64>,
    /// The version of the trade that the note is about.
    pub about_version: Option<i64>,
    /// [`Note::text_key`] of the note.
    pub text_key: Option<i64>,
}

/// The prices of holdings, and which holdings count for achievements.
#[derive(Clone, Debug)]
pub struct Valuation {
    /// `[[stock_id, price in 1/10,000], …]`.
    pub prices_json: Arc<str>,
    pub market_day: Day,
    /// The day of the last finished session. A holding opened before it was held for a full
    /// session.
    pub held_before: Day,
    /// The newest session whose purchases may be sold by the rules.
    pub sellable_session: Option<Day>,
    /// The smallest value of a holding that counts.
    pub holding_value_min: Money,
    /// The unit of the values.
    pub minor_unit: MinorUnit,
}

impl Valuation {
    /// These prices; no holding counts, and values are in hundredths.
    pub fn at_prices(prices_json: &str) -> Self {
        Self {
            prices_json: prices_json.into(),
            market_day: Day::default(),
            held_before: Day(i32::MIN),
            sellable_session: None,
            holding_value_min: Money(i64::MAX),
            minor_unit: MinorUnit::Hundredth,
        }
    }
}

/// The loaded rows of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchState {
    /// The existing players with the requested holdings.
    pub players: BTreeMap<i64, Player>,
    /// Idempotency keys that are used already.
    pub seen: HashMap<(i64, String), StoredOutcome>,
    /// The newest version of the rules of the players' game, in force or not yet; 0 without one.
    pub newest_rules: i64,
}

/// The result of a player's actions in a batch.
#[derive(Clone, Debug)]
pub struct PlayerUpdate {
    pub player: Player,
    /// The version at which settling began.
    pub version_before: i64,
    /// The chain head at that version. A version alone is ambiguous after the promotion of a
    /// standby that lacked the newest entries.
    pub head_before: Hash,
    /// The accepted actions in order. If empty, only idempotency records are written.
    pub fills: Vec<Fill>,
    /// Notes with the version of their trade.
    pub notes: Vec<(i64, Note)>,
    pub records: Vec<IdempotencyRecord>,
}

#[derive(Clone, Debug)]
pub struct IdempotencyRecord {
    pub key: String,
    /// SHA-256 of the route and body of the request.
    pub fingerprint: [u8; 32],
    /// The ledger entry of the request.
    pub version: Option<(Month, i64)>,
    pub rejection: Option<Rejection>,
    pub request_id: String,
}

/// The result of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Players whose version changed concurrently; none of their rows were written.
    pub conflicted: BTreeSet<i64>,
}

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &load::PLAYERS,
    &load::KEYS,
    &locked::LOCK,
    &locked::LOCK_FREE,
    &load::HEADS_PAGE,
    &load::HOLDINGS_RANGE,
    &sets::RECORDS,
    &sets::MARKED_RECORDS,
    &sets::PLAYERS,
    &sets::OPENED_PLAYERS,
    &sets::HOLDINGS,
    &sets::ENTRIES,
    &sets::UNLOCKS,
    &sets::NOTES,
    &sets::NOTE_TEXTS,
];
