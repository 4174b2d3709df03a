//! A player as loaded from the database, with holdings, for `settle` to change.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AchievementSet, Day, Hash, Money, Month, Quantity, UnixMicros};

/// A player as loaded for settlement: the row, and the loaded holdings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// The player's number.
    pub player_id: i64,
    /// Cash, never negative.
    pub cash: Money,
    /// All XP ever earned.
    pub total_xp: i64,
    /// The version of the last ledger entry.
    pub balance_version: i64,
    /// The hash of the last ledger entry.
    pub head_hash: Hash,
    /// The month of the last ledger entry.
    pub head_month: Month,
    /// The player's day on which a trade last earned XP.
    pub xp_day: i64,
    /// How many trades earned XP on that day.
    pub xp_day_trades: i64,
    /// The market's day of the session in which the player last traded.
    pub session_day: Day,
    /// The trades of that session.
    pub session_trades: i64,
    /// Trades that counted, ever.
    pub trades: i64,
    /// Notes that counted, ever.
    pub notes: i64,
    /// The most different stocks held at the same time in holdings that counted.
    pub stocks_bought: i64,
    /// A bit per category of holdings that counted, ever.
    pub categories_bought: i64,
    /// Profit of all sales added up; negative for a loss.
    pub realised_profit: Money,
    /// The unlocked achievements.
    pub achievements: AchievementSet,
    /// The value of all holdings when they were loaded. Not stored.
    pub holdings_value: Money,
    /// The holdings that counted when they were loaded. Not stored.
    pub invested: Invested,
    /// Every later entry is dated after this instant, the cut of the newest seal. Not stored.
    pub sealed_until: UnixMicros,
    /// The market's day at loading. Not stored.
    pub market_day: Day,
    /// The newest session whose purchases may be sold at loading; `None` while there is none. Not
    /// stored.
    pub sellable_session: Option<Day>,
    /// The loaded holdings by stock: at least those that the actions touch.
    pub holdings: BTreeMap<i64, Holding>,
    /// Versions of trades whose note counted: at least those that the actions are about.
    pub noted: BTreeSet<i64>,
    /// Texts of notes that counted, by [`crate::Note::text_key`]: at least those of the actions.
    pub known_texts: BTreeSet<i64>,
    /// The known texts that are not stored yet.
    pub new_texts: BTreeSet<i64>,
}

/// The holdings of a player that count: held through the whole of the market's last finished
/// session and worth at least the rules' `holding_value_min`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invested {
    /// The number of holdings that count.
    pub stocks: i64,
    /// A bit per category of these holdings.
    pub categories: i64,
    /// The day on which the oldest holding of at least that value was opened, whether it has been
    /// held through a session or not.
    pub since: Option<Day>,
}

/// Shares of one stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The shares, never negative; 0 after all were sold.
    pub quantity: Quantity,
    /// The cost of the shares without fees.
    pub cost_basis: Money,
    /// The market's day of the purchase since which it has cost at least the rules'
    /// `holding_value_min`; of the last purchase where it has not.
    pub opened_on: Day,
    /// The market's day of the last purchase.
    pub bought_on: Day,
    /// The market's day on which a note about this stock last counted.
    pub noted_on: Option<Day>,
}
