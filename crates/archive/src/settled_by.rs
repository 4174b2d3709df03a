//! Computes the fee and the XP of an entry again, by the version of the rules that it names.
//! Entries of form 1 name none and are not computed.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    EntryKind, LedgerEntry, MinorUnit, Money, Side, UnixMicros, VersionedRules, XpStanding,
};
use sha2::{Digest as _, Sha256};
use store::{MAIN, Store, StoreError};

/// A player's day begins so much before midnight UTC at most.
const DAY_OFFSET_MAX_S: i64 = 14 * 3_600;

/// The versions of the game's rules by number.
pub(crate) type RulesVersions = Arc<BTreeMap<i64, VersionedRules>>;

/// The versions that the database has. Read after the heads of chains: an entry up to such a head
/// names one of them.
pub(crate) async fn load_versions(store: &Store) -> Result<RulesVersions, StoreError> {
    let Some(game) = store.find_game(MAIN).await? else { return Ok(RulesVersions::default()) };
    let stored = store.rules_after(game.game_id, 0).await?;
    let read = |row: store::StoredRules| {
        let rules = VersionedRules::parse(row.version, row.effective_from, &row.text);
        let rules = rules.map_err(StoreError::Corrupt)?;
        // Of the stored text: a later program may write further defaults.
        let digest: [u8; 32] = Sha256::digest(&row.text).into();
        if digest != row.sha256.0 {
            let what = format!("version {} of the rules differs from its SHA-256", row.version);
            return Err(StoreError::Corrupt(what));
        }
        Ok((row.version, rules))
    };
    stored.into_iter().map(read).collect::<Result<BTreeMap<_, _>, _>>().map(Arc::new)
}

/// The unit of the game's amounts; hundredths without a game.
pub(crate) async fn load_unit(store: &Store) -> Result<MinorUnit, StoreError> {
    let versions = load_versions(store).await?;
    Ok(versions.values().next_back().map(|rules| rules.minor_unit).unwrap_or_default())
}

/// What the entries so far show of the day on which trades last earned XP.
#[derive(Clone, Copy, Debug)]
enum XpDay {
    Known {
        day: i64,
        trades: i64,
    },
    /// After entries that were not computed: the day is at most this one; `None`: not known either.
    UpTo(Option<i64>),
}

/// Recomputes the entries of one chain in their order.
#[derive(Debug)]
pub(crate) struct SettledBy {
    versions: RulesVersions,
    xp_day: XpDay,
}

impl SettledBy {
    pub(crate) fn new(versions: RulesVersions) -> Self {
        Self { versions, xp_day: XpDay::Known { day: 0, trades: 0 } }
    }

    /// The unit of the amounts of an entry that names this version. One that names none is older
    /// than the oldest version, whose unit is the same: a game with players keeps it.
    pub(crate) fn unit(&self, version: Option<i64>) -> MinorUnit {
        let named = version.and_then(|version| self.versions.get(&version));
        let rules = named.or_else(|| self.versions.values().next());
        rules.map(|rules| rules.minor_unit).unwrap_or_default()
    }

    /// The entries before the next one were not read.
    pub(crate) fn skip_entries(&mut self) {
        self.xp_day = XpDay::UpTo(None);
    }

    /// Compares fee and XP of an entry with its rules; `total_xp` is that of the entries before it.
    pub(crate) fn check(&mut self, entry: &LedgerEntry, total_xp: i64) -> Result<(), String> {
        let side = match entry.kind {
            EntryKind::Buy => Some(Side::Buy),
            EntryKind::Sell => Some(Side::Sell),
            EntryKind::Open | EntryKind::Note | EntryKind::TransferIn | EntryKind::Award => None,
        };
        let latest_day = latest_day(entry.created_at);
        let Some(version) = entry.rules_version else {
            if side.is_some() && entry.xp_trade > 0 {
                let earlier = match self.xp_day {
                    XpDay::Known { day, .. } => day,
                    XpDay::UpTo(latest) => latest.unwrap_or(latest_day),
                };
                self.xp_day = XpDay::UpTo(Some(latest_day.max(earlier)));
            }
            return Ok(());
        };
        let versions = Arc::clone(&self.versions);
        let rules = versions.get(&version).ok_or_else(|| unknown(version))?;
        let Some(side) = side else { return Ok(()) };
        let amount = Money(entry.amount.0.saturating_abs());
        let fee = rules.fee.on(amount);
        if fee != Some(entry.fee) {
            let text = |fee: Money| fee.to_text(rules.minor_unit);
            let (found, expected) = (text(entry.fee), fee.map_or("none".to_owned(), text));
            return Err(format!(
                "fee is {found}, expected {expected} by version {version} of the rules"
            ));
        }
        let day = rules.xp.day(entry.created_at);
        if let XpDay::UpTo(latest @ None) = &mut self.xp_day {
            *latest = Some(latest_day);
        }
        let possible = self.possible_xp(rules, side, amount, total_xp, entry.created_at);
        if !possible.contains(&entry.xp_trade) {
            let [first, ..] = possible;
            return Err(format!(
                "xp_trade is {}, expected {first} by version {version} of the rules",
                entry.xp_trade
            ));
        }
        if entry.xp_trade > 0 {
            self.count(day);
        }
        Ok(())
    }

    /// The XP of an achievement by the rules that its entry names.
    pub(crate) fn check_unlock(
        &self,
        version: i64,
        achievement_id: i64,
        xp: i64,
    ) -> Result<(), String> {
        let rules = self.versions.get(&version).ok_or_else(|| unknown(version))?;
        let expected = rules.achievements.find(achievement_id).map(|achievement| achievement.xp);
        match expected {
            Some(expected) if expected == xp => Ok(()),
            Some(expected) => Err(format!(
                "the XP of achievement {achievement_id} is {xp}, expected {expected} by version \
                 {version} of the rules"
            )),
            None => {
                Err(format!("version {version} of the rules has no achievement {achievement_id}"))
            }
        }
    }

    /// The XP with and without a holding that counts, which the ledger does not record; 0 as well
    /// where the trades of the day are not known.
    fn possible_xp(
        &self,
        rules: &VersionedRules,
        side: Side,
        amount: Money,
        total_xp: i64,
        at: UnixMicros,
    ) -> [i64; 3] {
        let (xp_day, xp_day_trades, is_known) = match self.xp_day {
            XpDay::Known { day, trades } => (day, trades, true),
            XpDay::UpTo(latest) => {
                // No earlier trade was on a later day than every possible one.
                let is_later = latest.is_some_and(|latest| rules.xp.day(at) > latest);
                (i64::MIN, 0, is_later)
            }
        };
        let earned = |is_invested| {
            let standing = XpStanding { total_xp, xp_day, xp_day_trades, is_invested };
            rules.trade_xp(side, amount, &standing, at).earned()
        };
        let (invested, not_invested) = (earned(true), earned(false));
        [invested, not_invested, if is_known { invested } else { 0 }]
    }

    /// Counts a trade that earned XP on this day.
    fn count(&mut self, now: i64) {
        self.xp_day = match self.xp_day {
            XpDay::Known { day, trades } => {
                let earlier = if now > day { 0 } else { trades };
                XpDay::Known { day: now.max(day), trades: earlier + 1 }
            }
            XpDay::UpTo(Some(latest)) if now > latest => XpDay::Known { day: now, trades: 1 },
            XpDay::UpTo(latest) => XpDay::UpTo(latest),
        };
    }
}

fn unknown(version: i64) -> String {
    format!("the entry names version {version} of the rules, which does not exist")
}

/// The latest number that the player's day can have at an instant, by any rules.
fn latest_day(at: UnixMicros) -> i64 {
    i64::from(at.plus_seconds(DAY_OFFSET_MAX_S).day().0)
}

#[cfg(test)]
mod tests;
