//! The batch: loading what a lane needs to settle its orders, and committing what came of them in
//! one transaction of set-based statements guarded by `balance_version`. It decides nothing and
//! retries nothing: a player whose version moved is reported, and none of his rows is written.

mod commit;
mod load;
mod locked;
mod mark;
mod sets;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::{Day, Fill, Hash, Money, Month, Note, Player, Rejection, UnixMicros};

use crate::SeenKey;
use crate::statement::Lazy;

pub use locked::{LockedBatch, Locking};
pub use mark::BatchMark;
pub(crate) use mark::STATEMENTS as MARK_STATEMENTS;
pub(crate) use sets::{
    ENTRIES, ENTRY_COLUMNS, OPENED_PLAYERS, entry_rows, insert_entries, player_rows,
};

/// What to load for one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadKey {
    /// The player.
    pub player_id: i64,
    /// The stock that the action touches.
    pub stock_id: Option<i64>,
    /// The trade that the action is a note about, by its version.
    pub about_version: Option<i64>,
    /// The text of the action's note, by [`Note::text_key`].
    pub text_key: Option<i64>,
}

/// At what holdings are valued, and which of them count for achievements.
#[derive(Clone, Debug)]
pub struct Valuation {
    /// `[[stock_id, price in 1/10,000], …]`.
    pub prices_json: Arc<str>,
    /// The market's day.
    pub market_day: Day,
    /// The day of the market's last finished session: a holding that was opened before it has been
    /// held through all of that session.
    pub held_before: Day,
    /// The value from which a holding counts.
    pub holding_value_min: Money,
}

impl Valuation {
    /// These prices, with no holding that counts.
    pub fn at_prices(prices_json: &str) -> Self {
        Self {
            prices_json: prices_json.into(),
            market_day: Day::default(),
            held_before: Day(i32::MIN),
            holding_value_min: Money(i64::MAX),
        }
    }
}

/// What was loaded for a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchState {
    /// The players that exist, with the wanted holdings.
    pub players: BTreeMap<i64, Player>,
    /// Keys that were used before.
    pub seen: HashMap<(i64, String), SeenKey>,
}

/// What came of a player's actions in a batch.
#[derive(Clone, Debug)]
pub struct PlayerUpdate {
    /// The player after settling.
    pub player: Player,
    /// The version that the settling began with.
    pub version_before: i64,
    /// The head of the chain at that version. Versions are counted anew where a standby was
    /// promoted that lacks the newest entries.
    pub head_before: Hash,
    /// What was accepted, in order. Empty: only records are written.
    pub fills: Vec<Fill>,
    /// Notes by the version of the trade they are about.
    pub notes: Vec<(i64, Note)>,
    /// Records of the requests that had a key.
    pub records: Vec<IdempotencyRecord>,
}

/// An idempotency record.
#[derive(Clone, Debug)]
pub struct IdempotencyRecord {
    /// The key.
    pub key: String,
    /// SHA-256 of the request's route and body.
    pub fingerprint: [u8; 32],
    /// The entry it made.
    pub version: Option<(Month, i64)>,
    /// Or why it was refused.
    pub rejection: Option<Rejection>,
    /// The request.
    pub request_id: String,
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Players of whom nothing was written, because another transaction was first.
    pub conflicted: BTreeSet<i64>,
}

/// A transaction whose COMMIT has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCommit {
    /// What it wrote beside its rows.
    pub(crate) mark: BatchMark,
    /// When that was.
    pub(crate) made_at: UnixMicros,
    /// As [`Committed::conflicted`], if it was committed.
    pub conflicted: BTreeSet<i64>,
}

pub(crate) static STATEMENTS: &[&Lazy] = &[
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
