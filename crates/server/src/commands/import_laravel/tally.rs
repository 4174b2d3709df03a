//! Adds up what was read and what is imported, and compares it with the sums of both databases.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountTransfer, Quantity};
use store::{LaravelShares, LaravelTotals, PlayerImport, StoreError};

use super::MINOR_UNIT;
use super::catalogue::EarlierCatalogue;

/// What was read, in the units of the earlier application, or imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImportTally {
    pub(super) users: i64,
    pub(super) cash: i64,
    pub(super) xp: i64,
    pub(super) unlocks: i64,
    /// By stock: shares as read, or millionths of a share and their cost as imported.
    pub(super) shares: BTreeMap<i64, (i64, i64)>,
}

impl ImportTally {
    pub(super) fn add_shares(&mut self, stock_id: i64, quantity: i64, cost: i64) {
        let sums = self.shares.entry(stock_id).or_default();
        sums.0 = sums.0.saturating_add(quantity);
        sums.1 = sums.1.saturating_add(cost);
    }

    pub(super) fn add_imported(&mut self, transfer: &AccountTransfer) {
        self.users += 1;
        self.cash = self.cash.saturating_add(transfer.cash.0);
        self.xp = self.xp.saturating_add(transfer.total_xp);
        self.unlocks += i64::try_from(transfer.achievement_ids.len()).unwrap_or(i64::MAX);
        for holding in &transfer.holdings {
            let cost = holding.cost_basis(MINOR_UNIT).unwrap_or_default();
            self.add_shares(holding.stock_id, holding.quantity.0, cost.0);
        }
    }
}

/// Shares read and imported, by symbol. Stocks with the same symbol are added up.
pub(super) fn shares_by_symbol(
    catalogue: &EarlierCatalogue,
    read: &ImportTally,
    imported: &ImportTally,
) -> BTreeMap<String, (i64, Quantity)> {
    let mut shares: BTreeMap<String, (i64, Quantity)> = BTreeMap::new();
    for (earlier_id, (read, _)) in &read.shares {
        let stock = catalogue.stocks.get(earlier_id);
        let imported = stock.and_then(|stock| imported.shares.get(&stock.stock_id?));
        let sums = shares.entry(catalogue.symbol(*earlier_id)).or_default();
        sums.0 = sums.0.saturating_add(*read);
        sums.1 = Quantity(imported.map_or(0, |sums| sums.0));
    }
    shares
}

/// What was read and differs from the sums of the earlier database.
pub(super) fn compare_with_source(
    catalogue: &EarlierCatalogue,
    read: &ImportTally,
    totals: &LaravelTotals,
    shares: &[LaravelShares],
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, read: i64, sum: i64| {
        if read != sum {
            differences.push(format!("{what}: {read} read, {sum} in the earlier database"));
        }
    };
    compare("users", read.users, totals.users);
    compare("cash in cents", read.cash, totals.cash_cents);
    compare("XP", read.xp, totals.xp);
    compare("achievements", read.unlocks, totals.unlocks);
    let sums: BTreeMap<i64, i64> = shares.iter().map(|s| (s.stock_id, s.shares)).collect();
    for stock_id in read.shares.keys().chain(sums.keys()).collect::<BTreeSet<_>>() {
        let read = read.shares.get(stock_id).map_or(0, |sums| sums.0);
        let sum = sums.get(stock_id).copied().unwrap_or_default();
        compare(&format!("shares of {}", catalogue.symbol(*stock_id)), read, sum);
    }
    differences
}

/// What is imported and differs from the sums of the game's database.
pub(super) async fn compare_with_target(
    imported: &ImportTally,
    writer: &mut PlayerImport,
) -> Result<Vec<String>, StoreError> {
    let totals = writer.totals().await?;
    let shares = writer.shares().await?;
    let found = ImportTally {
        users: totals.players,
        cash: totals.cash.0,
        xp: totals.xp,
        unlocks: writer.count_unlocks().await?,
        shares: shares
            .into_iter()
            .map(|found| (found.stock_id, (found.quantity, found.cost_basis.0)))
            .collect(),
    };
    let difference = format!("imported: {imported:?}, in the game: {found:?}");
    Ok(if found == *imported { Vec::new() } else { vec![difference] })
}
