//! Verifies a player's chain entry by entry: each number is computed again from the entries before
//! it, without `domain::settle`, so that a defect there is found here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use domain::{
    AchievementSet, EntryKind, Hash, Holding, LedgerEntry, MinorUnit, Money, Month, Player,
    Quantity, QuoteSource, genesis_hash,
};
use store::{ArchivedHead, ArchivedHolding};

use crate::settled_by::{RulesVersions, SettledBy};

/// The version of the entry and a sentence.
pub(crate) type ChainViolation = (i64, String);

/// The state of a chain after the entries so far.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The player as read before the chain.
    pub(crate) head: Player,
    /// Entries of the ledger up to this version are skipped.
    base: i64,
    /// Entries up to this version were not verified.
    taken: i64,
    /// The saved head of the archived entries.
    expected: Option<ArchivedHead>,
    version: i64,
    hash: Hash,
    month: Month,
    cash: Money,
    total_xp: i64,
    /// Whether all entries so far are the opening and transfers.
    is_opening: bool,
    /// Shares and cost basis by stock.
    held: BTreeMap<i64, (Quantity, Money)>,
    /// XP of achievements by version, where there is any, and the rules that the entry names.
    xp_achievements: BTreeMap<i64, (i64, Option<i64>)>,
    /// The versions of awards, each of which unlocks something.
    awards: BTreeSet<i64>,
    settled_by: SettledBy,
    /// The unit of the amounts, by the rules that the entry names.
    unit: MinorUnit,
}

/// An error unless the two are the same.
fn same<T: Copy + PartialEq + Display>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found}, expected {expected}"))
}

fn beyond(what: &str) -> String {
    format!("{what} is too large to be stored")
}

impl Chain {
    /// The chain of this player before its first entry.
    pub(crate) fn new(head: Player, rules: RulesVersions) -> Self {
        let settled_by = SettledBy::new(rules);
        Self {
            base: 0,
            taken: 0,
            expected: None,
            version: 0,
            hash: genesis_hash(head.player_id),
            month: Month(0),
            cash: Money::ZERO,
            total_xp: 0,
            is_opening: true,
            held: BTreeMap::new(),
            xp_achievements: BTreeMap::new(),
            awards: BTreeSet::new(),
            unit: settled_by.unit(None),
            settled_by,
            head,
        }
    }

    /// Begins after the entries that were dropped from the ledger, with their saved head.
    pub(crate) fn begin_after(&mut self, archived: &ArchivedHead) {
        (self.base, self.taken) = (archived.version, archived.version);
        self.version = archived.version;
        (self.hash, self.month) = (archived.hash, archived.month);
        (self.cash, self.total_xp) = (archived.cash, archived.total_xp);
        self.is_opening = false;
        self.settled_by.skip_entries();
    }

    /// Adds a saved holding of the dropped entries.
    pub(crate) fn begin_with(&mut self, archived: &ArchivedHolding) {
        self.held.insert(archived.stock_id, (archived.quantity, archived.cost_basis));
    }

    /// Marks the end of the archived entries; the ledger may still have some of them.
    pub(crate) fn end_of_archive(&mut self) {
        self.base = self.version;
    }

    /// Compares the saved head of the archived entries when the chain reaches its version.
    pub(crate) fn expect_archived(&mut self, archived: &ArchivedHead) {
        self.expected = Some(archived.clone());
    }

    /// As [`same`], for amounts.
    fn same_money(&self, what: &str, found: Money, expected: Money) -> Result<(), String> {
        if found == expected {
            return Ok(());
        }
        let [found, expected] = [found, expected].map(|money| money.to_text(self.unit));
        same(what, found.as_str(), expected.as_str())
    }

    fn check_archived(&self) -> Result<(), String> {
        let Some(saved) = self.expected.as_ref().filter(|saved| saved.version == self.version)
        else {
            return Ok(());
        };
        same("the saved head's hash", saved.hash, self.hash)
            .and_then(|()| same("the saved head's month", saved.month.0, self.month.0))
            .and_then(|()| self.same_money("the saved head's cash", saved.cash, self.cash))
            .and_then(|()| same("the saved head's XP", saved.total_xp, self.total_xp))
    }

    /// Verifies the next entry. Returns whether it counts: entries beyond the head are newer than
    /// this verification and are skipped.
    pub(crate) fn add(&mut self, entry: &LedgerEntry, hash: Hash) -> Result<bool, ChainViolation> {
        if entry.version > self.head.balance_version || entry.version <= self.base {
            return Ok(false);
        }
        if entry.version != self.version + 1 {
            let missing = self.version + 1;
            return Err((missing, format!("the entry is missing before {}", entry.version)));
        }
        let checked = self.check(entry, hash).and_then(|()| self.check_archived());
        checked.map_err(|what| (entry.version, what))?;
        Ok(true)
    }

    /// Compares the end of the chain with the player's row.
    pub(crate) fn end(&self) -> Result<(), ChainViolation> {
        let (head, version) = (&self.head, self.head.balance_version);
        if self.version < version {
            return Err((self.version + 1, format!("the entry is missing, the head is {version}")));
        }
        same("the last version", self.version, version).map_err(|what| (version, what))?;
        same("the player's head hash", head.head_hash, self.hash)
            .and_then(|()| same("the player's head month", head.head_month.0, self.month.0))
            .and_then(|()| self.same_money("the player's cash", head.cash, self.cash))
            .and_then(|()| same("the player's total XP", head.total_xp, self.total_xp))
            .map_err(|what| (version, what))
    }

    /// Compares the player's holdings with what the chain adds up to.
    pub(crate) fn check_holdings(
        &self,
        found: &BTreeMap<i64, Holding>,
    ) -> Result<(), ChainViolation> {
        let stocks = self.held.keys().chain(found.keys());
        for stock_id in stocks {
            let nothing = (Quantity(0), Money::ZERO);
            let expected = self.held.get(stock_id).copied().unwrap_or(nothing);
            let found = found.get(stock_id).map_or(nothing, |h| (h.quantity, h.cost_basis));
            let what = |name: &str| format!("the holding's {name} of stock {stock_id}");
            same(&what("quantity"), found.0, expected.0)
                .and_then(|()| self.same_money(&what("cost basis"), found.1, expected.1))
                .map_err(|what| (self.version, what))?;
        }
        Ok(())
    }

    /// Compares the player's unlocks (version, achievement, XP) with the entries and the row.
    pub(crate) fn check_unlocks(&self, unlocks: &[(i64, i64, i64)]) -> Result<(), ChainViolation> {
        let mut unlocked = AchievementSet::default();
        let mut xp_by_version: BTreeMap<i64, i64> = BTreeMap::new();
        for &(version, achievement_id, xp) in unlocks.iter().filter(|u| u.0 <= self.version) {
            if !unlocked.insert(achievement_id) {
                let wrong = format!("achievement {achievement_id} is unlocked twice or unknown");
                return Err((version, wrong));
            }
            if version <= self.taken {
                continue;
            }
            let named = self.xp_achievements.get(&version).and_then(|(_, named)| *named);
            if let Some(rules_version) = named {
                let checked = self.settled_by.check_unlock(rules_version, achievement_id, xp);
                checked.map_err(|what| (version, what))?;
            }
            let sum = xp_by_version.entry(version).or_default();
            *sum = sum.checked_add(xp).ok_or_else(|| (version, beyond("the XP of the unlocks")))?;
        }
        for version in self.xp_achievements.keys().chain(xp_by_version.keys()) {
            let expected = self.xp_achievements.get(version).map_or(0, |(xp, _)| *xp);
            let found = xp_by_version.get(version).copied().unwrap_or_default();
            same("the XP of the unlocks", found, expected).map_err(|what| (*version, what))?;
        }
        if let Some(version) = self.awards.iter().find(|award| !xp_by_version.contains_key(award)) {
            return Err((*version, "the award unlocks nothing".to_owned()));
        }
        if self.head.achievements != unlocked {
            let wrong = "the player's set of achievements is not that of the unlocks";
            return Err((self.version, wrong.to_owned()));
        }
        Ok(())
    }

    fn check(&mut self, entry: &LedgerEntry, hash: Hash) -> Result<(), String> {
        same("the hash", hash, entry.hash(self.hash))?;
        self.unit = self.settled_by.unit(entry.rules_version);
        if entry.month < self.month {
            return Err(format!("the month falls from {} to {}", self.month.0, entry.month.0));
        }
        if (entry.kind == EntryKind::Open) != (entry.version == 1) {
            return Err(format!("the kind is {}", entry.kind.as_str()));
        }
        match entry.kind {
            EntryKind::Open | EntryKind::Note => self.check_still(entry)?,
            EntryKind::Buy | EntryKind::Sell => self.check_trade(entry)?,
            EntryKind::TransferIn => self.check_transfer(entry)?,
            EntryKind::Award => self.check_award(entry)?,
        }
        self.settled_by.check(entry, self.total_xp)?;
        self.is_opening &= matches!(entry.kind, EntryKind::Open | EntryKind::TransferIn);
        let cash = self.cash.checked_add(entry.amount).and_then(|c| c.checked_sub(entry.fee));
        let cash = cash.filter(|cash| cash.0 >= 0).ok_or_else(|| beyond("cash"))?;
        self.same_money("cash_after", entry.cash_after, cash)?;
        let total_xp = self.total_xp.checked_add(entry.xp_trade);
        let total_xp = total_xp.and_then(|xp| xp.checked_add(entry.xp_achievements));
        let total_xp = total_xp.ok_or_else(|| beyond("XP"))?;
        same("total_xp_after", entry.total_xp_after, total_xp)?;
        if entry.xp_achievements != 0 {
            let earned = (entry.xp_achievements, entry.rules_version);
            self.xp_achievements.insert(entry.version, earned);
        }
        (self.version, self.hash, self.month) = (entry.version, hash, entry.month);
        (self.cash, self.total_xp) = (cash, total_xp);
        Ok(())
    }

    /// An entry without a trade.
    fn check_still(&self, entry: &LedgerEntry) -> Result<(), String> {
        same("quantity", entry.quantity, Quantity(0))?;
        same("quantity_after", entry.quantity_after, Quantity(0))?;
        self.same_money("cost_basis_after", entry.cost_basis_after, Money::ZERO)?;
        self.same_money("fee", entry.fee, Money::ZERO)?;
        let is_imported = entry.quote_source == Some(QuoteSource::Import);
        if !is_imported || entry.kind != EntryKind::Open || entry.xp_trade < 0 {
            same("xp_trade", entry.xp_trade, 0)?;
        }
        if entry.stock_id.is_some() || entry.price.is_some() {
            return Err("an entry without a trade has a stock or a price".to_owned());
        }
        if entry.kind == EntryKind::Note {
            self.same_money("amount", entry.amount, Money::ZERO)?;
            let about = entry.about_version.unwrap_or_default();
            if !(1..=self.version).contains(&about) {
                return Err(format!("the note is about version {about}"));
            }
        }
        Ok(())
    }

    /// Achievements unlocked without a trade.
    fn check_award(&mut self, entry: &LedgerEntry) -> Result<(), String> {
        self.check_still(entry)?;
        self.same_money("amount", entry.amount, Money::ZERO)?;
        let has_quote = entry.quote_as_of.is_some() || entry.quote_day.is_some();
        if has_quote || entry.quote_source.is_some() || entry.about_version.is_some() {
            return Err("an award has a quote or is about a trade".to_owned());
        }
        if entry.rules_version.is_none() {
            return Err("an award names no version of the rules".to_owned());
        }
        self.awards.insert(entry.version);
        Ok(())
    }

    /// Shares of an imported player.
    fn check_transfer(&mut self, entry: &LedgerEntry) -> Result<(), String> {
        if !self.is_opening || entry.quote_source != Some(QuoteSource::Import) {
            return Err("a transfer is not part of the opening of an imported player".to_owned());
        }
        let (Some(stock_id), Some(price)) = (entry.stock_id, entry.price) else {
            return Err("a transfer has no stock or no price".to_owned());
        };
        self.same_money("amount", entry.amount, Money::ZERO)?;
        self.same_money("fee", entry.fee, Money::ZERO)?;
        same("xp_trade", entry.xp_trade, 0)?;
        same("xp_achievements", entry.xp_achievements, 0)?;
        let (held, basis) = self.held.get(&stock_id).copied().unwrap_or_default();
        let quantity = held.0.checked_add(entry.quantity.0).filter(|_| entry.quantity.0 > 0);
        let quantity = Quantity(quantity.ok_or_else(|| beyond("quantity"))?);
        let basis =
            price.cost_rounded_up(entry.quantity, self.unit).and_then(|c| basis.checked_add(c));
        let basis = basis.ok_or_else(|| beyond("cost basis"))?;
        same("quantity_after", entry.quantity_after, quantity)?;
        self.same_money("cost_basis_after", entry.cost_basis_after, basis)?;
        self.held.insert(stock_id, (quantity, basis));
        Ok(())
    }

    fn check_trade(&mut self, entry: &LedgerEntry) -> Result<(), String> {
        let (Some(stock_id), Some(price)) = (entry.stock_id, entry.price) else {
            return Err("a trade has no stock or no price".to_owned());
        };
        let (held, basis) = self.held.get(&stock_id).copied().unwrap_or_default();
        let traded = entry.quantity.0.checked_abs().map(Quantity);
        let traded = traded.ok_or_else(|| beyond("quantity"))?;
        let is_buy = entry.kind == EntryKind::Buy;
        let signed = if is_buy { traded } else { Quantity(-traded.0) };
        same("quantity", entry.quantity, signed)?;
        let quantity = held.0.checked_add(signed.0).filter(|q| *q >= 0 && traded.0 > 0);
        let quantity = Quantity(quantity.ok_or_else(|| beyond("quantity"))?);
        let (amount, basis) = if is_buy {
            let cost = price.cost_rounded_up(traded, self.unit).ok_or_else(|| beyond("amount"))?;
            (Money(-cost.0), basis.checked_add(cost))
        } else {
            let value =
                price.value_rounded_down(traded, self.unit).ok_or_else(|| beyond("amount"))?;
            (value, remaining_basis(basis, traded, held))
        };
        let basis = basis.ok_or_else(|| beyond("cost basis"))?;
        self.same_money("amount", entry.amount, amount)?;
        same("quantity_after", entry.quantity_after, quantity)?;
        self.same_money("cost_basis_after", entry.cost_basis_after, basis)?;
        self.held.insert(stock_id, (quantity, basis));
        Ok(())
    }
}

/// What is left of a cost basis after selling `sold` of `held` shares: their part is rounded to the
/// nearest minor unit, halves up.
fn remaining_basis(basis: Money, sold: Quantity, held: Quantity) -> Option<Money> {
    let (sold, held) = (i128::from(sold.0), i128::from(held.0));
    let part = (i128::from(basis.0) * sold + held / 2).checked_div(held)?;
    basis.checked_sub(Money(i64::try_from(part).ok()?))
}

#[cfg(test)]
mod tests;
