//! Achievements of a game, and which of them a player's counts unlock.
//! Texts and thresholds come from the rules file; code contains none of them.

mod set;

use serde::{Deserialize, Serialize};

pub use self::set::AchievementSet;
use crate::{Amount, Levels, MinorUnit, Money};

/// The most achievements of a game, all of which its page shows.
const COUNT_MAX: usize = 1_000;

/// The condition of an achievement. Thresholds are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AchievementKind {
    /// The first trade that counts.
    FirstTrade,
    /// This many trades that count.
    TradesCount(i64),
    /// Holdings of this many different stocks that counted at the same time.
    DistinctStocks(i64),
    /// Stocks of this many different categories in holdings that counted, ever.
    DistinctCategories(i64),
    /// A holding of at least the least value for this many days of the market's calendar.
    HoldingDays(i64),
    /// The value of cash and shares at a trade; a share of the starting cash is added to it.
    PortfolioValue(Amount),
    /// The total profit of sales.
    ProfitAmount(Amount),
    /// This level.
    LevelReached(i64),
    /// This many notes that count.
    NoteWritten(i64),
}

/// One achievement of the rules file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AchievementFile", into = "AchievementFile")]
pub struct Achievement {
    /// The permanent number, 1 to 10,000.
    pub id: i64,
    /// The stable name.
    pub code: String,
    /// The condition.
    pub kind: AchievementKind,
    /// A short name.
    pub name: String,
    /// One sentence about what to do.
    pub description: String,
    /// An emoji or the name of an icon, at most 16 bytes.
    pub icon: String,
    /// The XP that it gives.
    pub xp: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AchievementFile {
    id: i64,
    code: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<threshold::Threshold>,
    name: String,
    description: String,
    icon: String,
    xp: i64,
}

mod threshold {
    //! A threshold is a whole number, or an amount as text.
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub(super) enum Threshold {
        Whole(i64),
        Amount(String),
    }
}
use threshold::Threshold;

const KINDS: &str = "first_trade, trades_count, distinct_stocks, distinct_categories, \
                     holding_days, portfolio_value, profit_amount, level_reached, note_written";

fn read_kind(kind: &str, threshold: Option<&Threshold>) -> Result<AchievementKind, String> {
    let whole = |threshold: Option<&Threshold>| match threshold {
        Some(Threshold::Whole(n)) if *n >= 1 => Ok(*n),
        _ => Err(format!("kind {kind}: expected a whole threshold of at least 1")),
    };
    let unit = MinorUnit::of_file();
    let expected = || {
        let like = Money(12_000 * 10_i64.pow(unit.digits())).to_text(unit);
        let digits = unit.digits_allowed();
        format!(
            "kind {kind}: expected a threshold like \"{like}\" or \"20%\", with its quotes and \
             {digits}"
        )
    };
    let amount = |threshold: Option<&Threshold>| match threshold {
        Some(Threshold::Amount(text)) => {
            Amount::parse(text, unit).filter(|a| a.is_positive()).ok_or_else(expected)
        }
        _ => Err(expected()),
    };
    Ok(match kind {
        "first_trade" if threshold.is_none() => AchievementKind::FirstTrade,
        "first_trade" => return Err("kind first_trade takes no threshold".into()),
        "trades_count" => AchievementKind::TradesCount(whole(threshold)?),
        "distinct_stocks" => AchievementKind::DistinctStocks(whole(threshold)?),
        "distinct_categories" => AchievementKind::DistinctCategories(whole(threshold)?),
        "holding_days" => AchievementKind::HoldingDays(whole(threshold)?),
        "portfolio_value" => AchievementKind::PortfolioValue(amount(threshold)?),
        "profit_amount" => AchievementKind::ProfitAmount(amount(threshold)?),
        "level_reached" => AchievementKind::LevelReached(whole(threshold)?),
        "note_written" => AchievementKind::NoteWritten(whole(threshold)?),
        other => return Err(format!("unknown kind {other:?}; expected one of {KINDS}")),
    })
}

impl AchievementKind {
    /// The word of the kind in a file of rules.
    fn word(self) -> &'static str {
        match self {
            Self::FirstTrade => "first_trade",
            Self::TradesCount(_) => "trades_count",
            Self::DistinctStocks(_) => "distinct_stocks",
            Self::DistinctCategories(_) => "distinct_categories",
            Self::HoldingDays(_) => "holding_days",
            Self::PortfolioValue(_) => "portfolio_value",
            Self::ProfitAmount(_) => "profit_amount",
            Self::LevelReached(_) => "level_reached",
            Self::NoteWritten(_) => "note_written",
        }
    }

    /// The threshold as a file of rules writes it.
    fn written_threshold(self) -> Option<Threshold> {
        match self {
            Self::FirstTrade => None,
            Self::PortfolioValue(amount) | Self::ProfitAmount(amount) => {
                Some(Threshold::Amount(amount.into()))
            }
            Self::TradesCount(n)
            | Self::DistinctStocks(n)
            | Self::DistinctCategories(n)
            | Self::HoldingDays(n)
            | Self::LevelReached(n)
            | Self::NoteWritten(n) => Some(Threshold::Whole(n)),
        }
    }
}

impl From<Achievement> for AchievementFile {
    fn from(achievement: Achievement) -> Self {
        let Achievement { id, code, kind, name, description, icon, xp } = achievement;
        let threshold = kind.written_threshold();
        let kind = kind.word().to_owned();
        Self { id, code, kind, threshold, name, description, icon, xp }
    }
}

impl TryFrom<AchievementFile> for Achievement {
    type Error = String;
    fn try_from(file: AchievementFile) -> Result<Self, String> {
        let at = |text: String| format!("achievement {:?}: {text}", file.code);
        let id_max = AchievementSet::ID_MAX;
        if !(1..=id_max).contains(&file.id) {
            return Err(at(format!("expected an id from 1 to {id_max}, got {}", file.id)));
        }
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if file.code.is_empty() || file.code.len() > 40 || !file.code.bytes().all(word) {
            return Err(at("expected a code of 1 to 40 characters a to z, 0 to 9 and _".into()));
        }
        if !(0..=100_000).contains(&file.xp) {
            return Err(at(format!("expected xp from 0 to 100000, got {}", file.xp)));
        }
        let lengths = [("name", &file.name, 60), ("description", &file.description, 200)];
        for (field, text, max) in lengths.into_iter().chain([("icon", &file.icon, 16)]) {
            if text.trim().is_empty() || text.len() > max {
                return Err(at(format!("expected a {field} of 1 to {max} bytes")));
            }
        }
        let kind = read_kind(&file.kind, file.threshold.as_ref()).map_err(at)?;
        let AchievementFile { id, code, name, description, icon, xp, .. } = file;
        Ok(Self { id, code, kind, name, description, icon, xp })
    }
}

/// All achievements of a game, with unique ids and codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Achievement>", into = "Vec<Achievement>")]
pub struct Achievements(Vec<Achievement>);

impl TryFrom<Vec<Achievement>> for Achievements {
    type Error = String;
    fn try_from(list: Vec<Achievement>) -> Result<Self, String> {
        if list.len() > COUNT_MAX {
            return Err(format!("expected at most {COUNT_MAX} achievements, got {}", list.len()));
        }
        for (i, one) in list.iter().enumerate() {
            if let Some(twin) = list[..i].iter().find(|a| a.id == one.id || a.code == one.code) {
                return Err(format!(
                    "achievements {:?} and {:?} share an id or a code; expected each once",
                    twin.code, one.code
                ));
            }
        }
        Ok(Self(list))
    }
}

impl From<Achievements> for Vec<Achievement> {
    fn from(achievements: Achievements) -> Self {
        achievements.0
    }
}

/// An achievement unlocked by one ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlock {
    /// The achievement's number.
    pub achievement_id: i64,
    /// The XP.
    pub xp: i64,
}

/// A player's counts that achievements are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The level.
    pub level: i64,
    /// Trades that counted.
    pub trades: i64,
    /// The most holdings that counted at the same time.
    pub stocks: i64,
    /// Different categories of holdings that counted, ever.
    pub categories: i64,
    /// Days since the oldest holding of at least the least value was opened; 0 without one.
    pub holding_days: i64,
    /// The value of cash and shares.
    pub portfolio_value: Money,
    /// The total profit of sales; negative for a loss.
    pub profit: Money,
    /// Notes that counted.
    pub notes: i64,
}

impl AchievementKind {
    /// How far these counts are: money in minor units, a loss as 0. May be above the threshold.
    pub fn reached(self, counts: &Counts) -> i64 {
        match self {
            Self::FirstTrade | Self::TradesCount(_) => counts.trades,
            Self::DistinctStocks(_) => counts.stocks,
            Self::DistinctCategories(_) => counts.categories,
            Self::HoldingDays(_) => counts.holding_days,
            Self::PortfolioValue(_) => counts.portfolio_value.0,
            Self::ProfitAmount(_) => counts.profit.0.max(0),
            Self::LevelReached(_) => counts.level,
            Self::NoteWritten(_) => counts.notes,
        }
    }

    /// The threshold in a game with this starting cash: money in minor units.
    pub fn threshold(self, starting_cash: Money) -> i64 {
        match self {
            Self::FirstTrade => 1,
            Self::PortfolioValue(amount @ Amount::Share(_)) => {
                amount.of(starting_cash).0.saturating_add(starting_cash.0)
            }
            Self::PortfolioValue(amount) | Self::ProfitAmount(amount) => amount.of(starting_cash).0,
            Self::TradesCount(n)
            | Self::DistinctStocks(n)
            | Self::DistinctCategories(n)
            | Self::HoldingDays(n)
            | Self::LevelReached(n)
            | Self::NoteWritten(n) => n,
        }
    }

    /// Whether the starting cash alone reaches it.
    pub(crate) fn is_reached_by(self, starting_cash: Money) -> bool {
        matches!(self, Self::PortfolioValue(_)) && self.threshold(starting_cash) <= starting_cash.0
    }
}

impl Achievements {
    /// The achievements in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Achievement> {
        self.0.iter()
    }

    /// The achievement with this number.
    pub fn find(&self, id: i64) -> Option<&Achievement> {
        self.0.iter().find(|a| a.id == id)
    }

    /// The achievements that these counts unlock in addition to `unlocked`. Their XP is added to
    /// `total_xp`, which can reach a level and so unlock another one. An achievement that would
    /// raise `total_xp` above `limits.xp_max` is not unlocked yet.
    pub(crate) fn unlock(
        &self,
        unlocked: &mut AchievementSet,
        total_xp: &mut i64,
        limits: &UnlockLimits<'_>,
        mut counts: Counts,
    ) -> Vec<Unlock> {
        let mut found = Vec::new();
        loop {
            counts.level = limits.levels.progress(*total_xp).level;
            let xp_before = *total_xp;
            let is_due = |achievement: &&Achievement| {
                let kind = achievement.kind;
                !unlocked.contains(achievement.id)
                    && kind.reached(&counts) >= kind.threshold(limits.starting_cash)
                    && (achievement.xp == 0
                        || xp_before
                            .checked_add(achievement.xp)
                            .is_some_and(|total| total <= limits.xp_max))
            };
            let Some(next) = self.0.iter().find(is_due) else { return found };
            unlocked.insert(next.id);
            *total_xp += next.xp;
            found.push(Unlock { achievement_id: next.id, xp: next.xp });
        }
    }
}

/// What limits unlocking in addition to the counts.
pub(crate) struct UnlockLimits<'a> {
    pub(crate) levels: &'a Levels,
    pub(crate) starting_cash: Money,
    /// The most XP that the player may have afterwards.
    pub(crate) xp_max: i64,
}

#[cfg(test)]
mod tests;
