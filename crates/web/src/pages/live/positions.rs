//! The cash and holdings of an open stream, in memory: loaded once, updated by each ledger entry,
//! and valued without a statement. The total equals `portfolio_summary` at the same prices.

use std::collections::BTreeMap;

use domain::{EntryKind, LedgerEntry, MinorUnit, Money, Price, Quantity, Ratio};
use market::{PriceBoard, PriceSnapshot};
use store::PortfolioPositions;

/// Cash and holdings after the ledger entry `version`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LivePositions {
    version: i64,
    cash: Money,
    /// Shares above zero, and what they cost, by stock.
    holdings: BTreeMap<i64, (Quantity, Money)>,
}

/// One holding at its present price.
pub(super) struct HoldingValue {
    pub(super) price: Price,
    pub(super) value: Money,
    /// The profit as a part of the cost.
    pub(super) profit_ratio: Ratio,
}

/// What [`LivePositions::apply`] did with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    Updated,
    /// The positions included the entry before.
    Known,
    /// Earlier entries are missing: the positions must be loaded again.
    Gap,
}

impl LivePositions {
    pub(super) fn new(loaded: PortfolioPositions) -> Self {
        let PortfolioPositions { version, cash, holdings } = loaded;
        let holdings = holdings.into_iter().map(|(id, quantity, cost)| (id, (quantity, cost)));
        Self { version, cash, holdings: holdings.collect() }
    }

    /// Applies the next ledger entry.
    pub(super) fn apply(&mut self, entry: &LedgerEntry) -> Applied {
        if entry.version <= self.version {
            return Applied::Known;
        }
        if entry.version != self.version + 1 {
            return Applied::Gap;
        }
        self.version = entry.version;
        self.cash = entry.cash_after;
        let is_moved =
            matches!(entry.kind, EntryKind::Buy | EntryKind::Sell | EntryKind::TransferIn);
        if let (true, Some(stock_id)) = (is_moved, entry.stock_id) {
            match entry.quantity_after {
                Quantity(0) => self.holdings.remove(&stock_id),
                quantity => self.holdings.insert(stock_id, (quantity, entry.cost_basis_after)),
            };
        }
        Applied::Updated
    }

    pub(super) fn cash(&self) -> Money {
        self.cash
    }

    /// The value of the shares: each holding is rounded down to minor units before it is added; a
    /// stock without a price counts as 0, as in the statements of `store`.
    pub(super) fn shares_value(
        &self,
        board: &PriceBoard,
        prices: &PriceSnapshot,
        unit: MinorUnit,
    ) -> Money {
        let values = self.holdings.iter().filter_map(|(stock_id, (quantity, _))| {
            let quote = prices.quote(board.position(*stock_id)?)?;
            quote.price.value_rounded_down(*quantity, unit)
        });
        Money(values.fold(0, |sum, value| sum.saturating_add(value.0)))
    }

    /// The holding of a stock at this price; `None` when no share is held.
    pub(super) fn holding_value(
        &self,
        stock_id: i64,
        price: Price,
        unit: MinorUnit,
    ) -> Option<HoldingValue> {
        let (quantity, cost_basis) = self.holdings.get(&stock_id)?;
        let value = price.value_rounded_down(*quantity, unit)?;
        let profit = Money(value.0.saturating_sub(cost_basis.0));
        Some(HoldingValue { price, value, profit_ratio: profit.part_of(*cost_basis) })
    }
}

#[cfg(test)]
mod tests {
    use domain::{Month, UnixMicros};

    use super::*;

    fn entry(version: i64, kind: EntryKind, stock_id: i64, quantity_after: i64) -> LedgerEntry {
        LedgerEntry {
            month: Month(202_611),
            player_id: 1,
            version,
            kind,
            stock_id: Some(stock_id),
            quantity: Quantity(1),
            price: None,
            amount: Money(-1),
            fee: Money(0),
            xp_trade: 0,
            xp_achievements: 0,
            cash_after: Money(1_000 - version),
            quantity_after: Quantity(quantity_after),
            cost_basis_after: Money(1),
            total_xp_after: 0,
            quote_as_of: None,
            quote_day: None,
            quote_source: None,
            about_version: None,
            created_at: UnixMicros(0),
            rules_version: None,
        }
    }

    fn loaded() -> LivePositions {
        let holdings = vec![(1, Quantity(5), Money(10)), (2, Quantity(7), Money(10))];
        LivePositions::new(PortfolioPositions { version: 3, cash: Money(50), holdings })
    }

    #[test]
    fn entries_are_applied_once_and_in_order() {
        let mut positions = loaded();
        assert_eq!(positions.apply(&entry(3, EntryKind::Buy, 1, 99)), Applied::Known);
        assert_eq!(positions.apply(&entry(2, EntryKind::Sell, 2, 0)), Applied::Known);
        assert_eq!(positions, loaded());
        assert_eq!(positions.apply(&entry(5, EntryKind::Buy, 1, 99)), Applied::Gap);
        assert_eq!(positions, loaded(), "an entry that does not follow changes nothing");
        assert_eq!(positions.apply(&entry(4, EntryKind::Sell, 1, 0)), Applied::Updated);
        assert_eq!(positions.apply(&entry(4, EntryKind::Sell, 1, 0)), Applied::Known);
        assert_eq!(positions.apply(&entry(5, EntryKind::Buy, 3, 8)), Applied::Updated);
        assert_eq!((positions.version, positions.cash), (5, Money(995)));
        let holdings = [(2, (Quantity(7), Money(10))), (3, (Quantity(8), Money(1)))];
        assert_eq!(positions.holdings, BTreeMap::from(holdings));
    }

    #[test]
    fn a_note_about_a_stock_leaves_its_shares() {
        let mut positions = loaded();
        assert_eq!(positions.apply(&entry(4, EntryKind::Note, 1, 0)), Applied::Updated);
        assert_eq!(positions.holdings, loaded().holdings);
    }
}
