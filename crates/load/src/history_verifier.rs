//! Verifies a player's history against the acknowledged trades, entry by entry from the newest.
//! `verify` reads the entries.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::history_entry::HistoryEntry;
use crate::trade_response::Ack;

/// The state after the entries so far.
#[derive(Debug)]
pub(crate) struct HistoryVerifier {
    /// Acknowledged trades that were not found yet, by version.
    missing: HashMap<i64, Ack>,
    /// The version of the first acknowledged trade.
    first: i64,
    newer: Option<HistoryEntry>,
    /// The `quantity_after` that the next older entry of a stock must have.
    before: HashMap<String, i64>,
    /// Shares by symbol, as the newest entries left them.
    pub(crate) newest: HashMap<String, i64>,
    /// The newest version.
    pub(crate) head: i64,
    /// How many acknowledged trades were found.
    pub(crate) found: u64,
    /// How many entries were not acknowledged to this run.
    pub(crate) foreign: u64,
}

impl HistoryVerifier {
    /// Expects these trades of one player.
    pub(crate) fn new(acks: &[Ack]) -> Result<Self, String> {
        let mut missing = HashMap::new();
        for ack in acks {
            if missing.insert(ack.version, *ack).is_some() {
                return Err(format!("{} was acknowledged for two trades", trade_id(ack)));
            }
        }
        Ok(Self {
            first: missing.keys().min().copied().unwrap_or(i64::MAX),
            missing,
            newer: None,
            before: HashMap::new(),
            newest: HashMap::new(),
            head: 0,
            found: 0,
            foreign: 0,
        })
    }

    /// Checks the next older entry. Returns whether an older one is needed.
    pub(crate) fn push(&mut self, entry: HistoryEntry) -> Result<bool, String> {
        if let Some(newer) = &self.newer {
            check_link(&entry, newer)?;
        } else {
            self.head = entry.version;
        }
        self.check_shares(&entry)?;
        let id = entry.trade_id();
        if entry.cash_after < 0 || entry.quantity_after < 0 {
            return Err(format!("{id} leaves less than nothing"));
        }
        if entry.version == 1 {
            check_opening(&entry)?;
        }
        let within = entry.version >= self.first;
        if let Some(ack) = self.missing.remove(&entry.version) {
            check_ack(&entry, &ack)?;
            self.found += 1;
        } else if within {
            self.foreign += 1;
        }
        let more = within && entry.version > 1;
        self.newer = Some(entry);
        Ok(more)
    }

    /// Ends the verification after the last entry.
    pub(crate) fn finish(&self) -> Result<(), String> {
        if let Some(ack) = self.missing.values().min_by_key(|ack| ack.version) {
            return Err(format!("{} was acknowledged and is not in the ledger", trade_id(ack)));
        }
        match &self.newer {
            Some(last) if last.version > 1 && last.version >= self.first => {
                Err(format!("the history ends at {}", last.trade_id()))
            }
            _ => Ok(()),
        }
    }

    fn check_shares(&mut self, entry: &HistoryEntry) -> Result<(), String> {
        let Some(symbol) = &entry.symbol else { return Ok(()) };
        let id = entry.trade_id();
        let before = entry.quantity_after.checked_sub(entry.quantity);
        let before = before.ok_or_else(|| format!("the quantities of {id} are too large"))?;
        match self.before.insert(symbol.clone(), before) {
            Some(expected) if expected != entry.quantity_after => {
                Err(format!("{id} leaves other shares of {symbol} than the next trade found"))
            }
            Some(_) => Ok(()),
            None => {
                self.newest.insert(symbol.clone(), entry.quantity_after);
                Ok(())
            }
        }
    }
}

/// Whether `newer` stands right after `older`.
fn check_link(older: &HistoryEntry, newer: &HistoryEntry) -> Result<(), String> {
    let id = newer.trade_id();
    if older.version.checked_add(1) != Some(newer.version) {
        return Err(format!("{id} stands after {}: the versions have a gap", older.trade_id()));
    }
    if newer.hash != chained(&older.hash, &newer.canonical) {
        return Err(format!("the hash of {id} does not follow from the entry before"));
    }
    let cash = older.cash_after.checked_add(newer.amount);
    if cash.and_then(|cash| cash.checked_sub(newer.fee)) != Some(newer.cash_after) {
        return Err(format!("the cash after {id} does not follow from the entry before"));
    }
    Ok(())
}

/// Whether the chain begins as every chain does.
fn check_opening(entry: &HistoryEntry) -> Result<(), String> {
    let start = Sha256::digest(format!("openbell-chain-1\n{}", entry.player_id));
    if entry.hash != chained(&start, &entry.canonical) || entry.cash_after != entry.amount {
        return Err(format!("{} does not begin the chain as it should", entry.trade_id()));
    }
    Ok(())
}

fn check_ack(entry: &HistoryEntry, ack: &Ack) -> Result<(), String> {
    let id = trade_id(ack);
    if entry.trade_id() != id {
        return Err(format!("{id} was acknowledged, and {} is in its place", entry.trade_id()));
    }
    let Some(amounts) = ack.amounts else { return Ok(()) };
    for (what, stored, acknowledged) in [
        ("price", entry.price, amounts.price),
        ("total", entry.amount.checked_abs(), amounts.total),
        ("balance", Some(entry.cash_after), amounts.balance),
    ] {
        if stored != Some(acknowledged) {
            return Err(format!("the {what} of {id} is not the one that was acknowledged"));
        }
    }
    Ok(())
}

fn chained(before: &[u8], canonical: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(canonical);
    sha.finalize().into()
}

fn trade_id(ack: &Ack) -> String {
    format!("t-{}-{}-{}", ack.player_id, ack.month, ack.version)
}

#[cfg(test)]
mod tests;
